package resource

import (
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// entry is an entry of a block mapping, or an item of a block sequence, in
// the text.
type entry struct {
	key, value *yaml.Node // key is nil for an item
	start      int        // offset of the key or dash
	head       int        // line of the comment directly above, or first
	first      int        // line of the key or dash
	last       int        // last line with content
	bound      int        // line at which the next entry starts
}

// collection is a block mapping or sequence that is edited.
type collection struct {
	*rewriter
	entries []entry
	indent  int  // column of the keys or dashes
	shared  bool // the first entry stands behind a dash of the outer sequence
	near    layout
	// merge is the number of entries down to a `<<` that stays. Added entries stand
	// below it, because kubectl lets `<<` replace what stands above it.
	merge int
}

// mapping edits a block mapping, its entries matched by key.
func (r *rewriter) mapping(old, now *yaml.Node, bound int) bool {
	c, ok := r.mappingEntries(old, bound)
	if !ok {
		return false
	}
	index := make(map[string]int, len(c.entries))
	for i, e := range c.entries {
		index[scalarValue(e.key)] = i
	}
	merged, mergeKept := r.merged(old, now)
	kept := make([]bool, len(c.entries))
	if at := mergeIndex(old); at >= 0 {
		if kept[at/2] = mergeKept; mergeKept {
			c.merge = at/2 + 1
		}
		delete(index, scalarValue(old.Content[at]))
	}
	plan := make([]int, len(now.Content)/2)
	for i := range plan {
		key := now.Content[2*i]
		plan[i] = -1
		if j, found := index[scalarValue(key)]; found {
			plan[i], kept[j] = j, true
		} else if m := merged[scalarValue(key)]; mergeKept && m != nil && equal(m, now.Content[2*i+1]) {
			plan[i] = fromMerge
		}
	}
	return c.carryOut(plan, kept, func(i int) (key, value *yaml.Node) {
		return now.Content[2*i], now.Content[2*i+1]
	})
}

const fromMerge = -2

// merged returns the values that `<<` brings to a mapping of the text, and
// whether it can stay: each of its keys is still there, as it brings it or
// overridden.
func (r *rewriter) merged(old, now *yaml.Node) (map[string]*yaml.Node, bool) {
	at := mergeIndex(old)
	if at < 0 {
		return nil, false
	}
	full := r.expanded(old)
	if full == nil {
		return nil, false
	}
	own, present := keyIndex(old), keyIndex(now)
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(full.Content); i += 2 {
		key := scalarValue(full.Content[i])
		if _, explicit := own[key]; explicit {
			if _, there := present[key]; !there {
				// An own key that goes may uncover one of the merge.
				return nil, false
			}
			continue
		}
		if _, there := present[key]; !there {
			return nil, false
		}
		values[key] = full.Content[i+1]
	}
	return values, true
}

// mappingEntries finds the entries of a block mapping in the text; ok is
// false when it is laid out in a way that is not understood.
func (r *rewriter) mappingEntries(n *yaml.Node, bound int) (c *collection, ok bool) {
	c = &collection{rewriter: r, indent: n.Content[0].Column - 1, near: r.nearLayout(n)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		e := entry{key: key, value: n.Content[i+1], start: r.offset(key), first: key.Line - 1, bound: bound}
		if i+2 < len(n.Content) {
			e.bound = n.Content[i+2].Line - 1
		}
		if key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 || key.Column-1 != c.indent || !c.add(e) {
			return nil, false
		}
	}
	return c, true
}

// sequenceItems finds the items of a block sequence in the text.
func (r *rewriter) sequenceItems(n *yaml.Node, bound int) (c *collection, ok bool) {
	c = &collection{rewriter: r, indent: n.Column - 1, near: r.nearLayout(n)}
	if at := r.offset(n); at >= len(r.src) || r.src[at] != '-' {
		return nil, false
	}
	dashes := make([]int, len(n.Content))
	for i := range n.Content {
		if dashes[i] = n.Line - 1; i > 0 {
			if dashes[i] = r.dashLine(n.Content[i].Line-1, dashes[i-1], c.indent); dashes[i] < 0 {
				return nil, false
			}
		}
	}
	for i, item := range n.Content {
		e := entry{value: item, start: r.lineStart(dashes[i]) + c.indent, first: dashes[i], bound: bound}
		if i+1 < len(dashes) {
			e.bound = dashes[i+1]
		}
		if !c.add(e) {
			return nil, false
		}
	}
	return c, true
}

// dashLine returns the line, from one upwards to another (not included), on
// which a dash stands at a column, -1 if none.
func (r *rewriter) dashLine(from, to, column int) int {
	for l := from; l > to; l-- {
		line := r.line(l)
		if len(line) > column && line[column] == '-' && isSpaces(line[:column]) &&
			(len(line) == column+1 || line[column+1] == ' ' || line[column+1] == '\t') {
			return l
		}
	}
	return -1
}

// add completes an entry and appends it; false when it is not laid out as
// entries of block collections are.
func (c *collection) add(e entry) bool {
	if e.bound <= e.first || e.start >= len(c.src) {
		return false
	}
	prefix := c.src[c.lineStart(e.first):e.start]
	switch {
	case isSpaces(prefix):
	case len(c.entries) == 0 && strings.Trim(string(prefix), " -") == "":
		c.shared = true
	default:
		return false
	}
	e.last = c.contentEnd(e.value, e.first, e.bound, c.indent)
	if e.last >= e.bound {
		return false
	}
	e.head = e.first
	floor := 0
	if n := len(c.entries); n > 0 {
		floor = c.entries[n-1].last + 1
	} else if c.shared || c.depth <= 1 {
		floor = e.first // what is above belongs to the item, or to the document
	}
	for e.head > floor && c.isComment(e.head-1, c.indent) {
		e.head--
	}
	c.entries = append(c.entries, e)
	return true
}

// nearLayout is the layout seen in a node, else in its document.
func (r *rewriter) nearLayout(n *yaml.Node) layout {
	l := r.layout
	if compact, known := sequenceLayout(n); known {
		l.compact = compact
	}
	return l
}

// carryOut makes the edits. plan tells for each new entry the old one that
// it is, -1 for an added one; kept tells which old ones stay; at returns a
// new entry.
func (c *collection) carryOut(plan []int, kept []bool, at func(int) (key, value *yaml.Node)) bool {
	survivor := -1
	for i := range kept {
		if kept[i] {
			survivor = i
			break
		}
	}
	if survivor < 0 || !c.remove(kept, survivor) {
		return false
	}
	previous := -1
	for i, j := range plan {
		key, value := at(i)
		switch {
		case j >= 0:
			c.update(c.entries[j], key, value)
			previous = j
		case j == fromMerge:
		case max(previous+1, c.merge) > 0:
			c.insertAfter(c.entries[max(previous+1, c.merge)-1].last, c.encode(key, value))
		default:
			c.insertBefore(c.entries[survivor], c.encode(key, value))
		}
	}
	return true
}

// update edits the value of an entry, or writes the entry anew.
func (c *collection) update(e entry, key, value *yaml.Node) {
	mark := len(c.edits)
	if c.value(e.value, value, e.bound, c.indent) {
		return
	}
	c.edits = c.edits[:mark]
	v := *withoutFoot(value)
	if v.LineComment == "" && !isBlock(&v) {
		v.LineComment = e.value.LineComment
	}
	if v.Kind == yaml.ScalarNode && v.Style == 0 && e.value.Kind == yaml.ScalarNode && scalarTag(&v) == yaml.NodeTagString {
		v.Style = e.value.Style & quotedStyles
	}
	v.HeadComment = ""
	if e.value.Style&yaml.FlowStyle != 0 && len(e.value.Content) == 0 {
		// `{}` and `[]` say that nothing was there, not that flow is wanted.
		v.Style &^= yaml.FlowStyle
	}
	if e.key != nil {
		k := *e.key
		k.HeadComment, k.FootComment = "", ""
		k.LineComment = orUnknown(k.LineComment, e.value.LineComment)
		key = &k
	}
	text := strings.TrimSuffix(c.encode(key, &v), "\n")
	c.replace(e.start, c.lineEnd(e.last), c.withEOL(text))
}

// encode returns an entry as text, from key or dash to line end.
func (c *collection) encode(key, value *yaml.Node) string {
	e := emitter{layout: c.near}
	if key != nil {
		e.entry(key, value, c.indent)
	} else {
		e.item(value, c.indent)
	}
	return e.String()
}

// insertAfter inserts an entry below a line.
func (c *collection) insertAfter(line int, text string) {
	text = c.withEOL(strings.Repeat(" ", c.indent) + text)
	at := c.lineStart(line + 1)
	if at == c.lineEnd(line) { // the last line, without an ending
		text = c.eol + strings.TrimSuffix(text, c.eol)
	}
	c.replace(at, at, text)
}

// insertBefore inserts an entry above the first one that stays.
func (c *collection) insertBefore(e entry, text string) {
	indent := strings.Repeat(" ", c.indent)
	if c.shared {
		c.replace(e.start, e.start, c.withEOL(text+indent))
		return
	}
	at := c.lineStart(e.head)
	c.replace(at, at, c.withEOL(indent+text))
}

// remove deletes the entries that do not stay, each with the comment directly
// above it. survivor is the first that stays.
func (c *collection) remove(kept []bool, survivor int) bool {
	from := 0
	if c.shared && survivor > 0 {
		// The first that stays moves up behind the dash; a comment above it
		// would have no place there.
		for i := 1; i <= survivor; i++ {
			for l := c.entries[i-1].last + 1; l < c.entries[i].first; l++ {
				if len(strings.TrimSpace(string(c.line(l)))) > 0 {
					return false
				}
			}
		}
		c.replace(c.entries[0].start, c.entries[survivor].start, "")
		from = survivor
	}
	for i := from; i < len(kept); i++ {
		if !kept[i] {
			c.replace(c.lineStart(c.entries[i].head), c.lineStart(c.entries[i].last+1), "")
		}
	}
	return true
}
