package resource

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// rewrite returns raw changed to mean what root means, with as few lines
// changed as it knows how to. parsed is the tree of raw.
//
// The text is compared with the tree, entry by entry; what is equal keeps its
// lines, and each difference becomes an edit of the smallest entry around it
// for which that can be done. The result is parsed and compared with the tree.
// Where it differs (an anchor went that other lines use, a layout that was
// not understood), the document is written anew.
func rewrite(raw []byte, parsed, root *yaml.Node) ([]byte, error) {
	want := normalize(root)
	if len(want.Content) == 0 || len(parsed.Content) == 0 {
		return nil, errUnwritable
	}
	r := newRewriter(raw, parsed)
	old, now := parsed.Content[0], want.Content[0]
	if r.document(old, now) {
		edited := r.apply()
		if r.reads(edited, old, now, want) && (!r.json || r.isJSON(old, edited)) {
			return edited, nil
		}
		if ended := endLine(edited, r.eol); means(ended, want) {
			return ended, nil
		}
	}
	return r.whole(old, now, want)
}

// means says whether a text reads back as a tree (a DocumentNode or not).
func means(text []byte, want *yaml.Node) bool {
	root, err := parseText(text)
	if err != nil || expand(root) != nil {
		return false
	}
	if want.Kind != yaml.DocumentNode {
		root = root.Content[0]
	}
	return equal(root, want)
}

// normalize copies a tree, with aliases, empty nodes and inner documents
// replaced by what they stand for, and styles that would change a value taken
// away. Positions are kept.
func normalize(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind == 0 {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull}
	}
	c := *n
	c.Anchor, c.Content = "", make([]*yaml.Node, 0, len(n.Content))
	for _, inner := range n.Content {
		if inner != nil && inner.Kind == yaml.DocumentNode && len(inner.Content) > 0 {
			inner = inner.Content[0]
		}
		c.Content = append(c.Content, normalize(inner))
	}
	if c.Kind == yaml.ScalarNode && scalarTag(n) != yaml.NodeTagString {
		c.Style &= yaml.TaggedStyle
	}
	return &c
}

// rewriter collects the edits of one document.
type rewriter struct {
	*text
	layout
	eol     string
	json    bool // the document is JSON
	aliases bool // the document has aliases
	depth   int  // of open sequences and mappings, 0 for the root
	edits   []edit
}

// edit replaces src[start:end].
type edit struct {
	start, end int
	text       string
}

func newRewriter(raw []byte, parsed *yaml.Node) *rewriter {
	r := &rewriter{text: newText(raw), layout: documentLayout(parsed), eol: lineEnding(raw), aliases: hasAlias(parsed)}
	root := parsed.Content[0]
	r.json = root.Kind != yaml.ScalarNode && root.Style&yaml.FlowStyle != 0 && r.isJSON(root, raw)
	return r
}

// isJSON says whether the root of a document, as it is or as it was edited,
// is JSON. What is before and behind the root is as in the text.
func (r *rewriter) isJSON(root *yaml.Node, edited []byte) bool {
	start := r.offset(root)
	behind := len(r.src) - r.lineEnd(r.contentEnd(root, root.Line-1, r.documentEnd(root.Line), -1))
	return start <= len(edited)-behind && json.Valid(edited[start:len(edited)-behind])
}

func hasAlias(n *yaml.Node) bool {
	for _, c := range n.Content {
		if hasAlias(c) {
			return true
		}
	}
	return n.Kind == yaml.AliasNode
}

// expanded returns a node of the text with its aliases and merges expanded;
// nil when that cannot be done.
func (r *rewriter) expanded(n *yaml.Node) *yaml.Node {
	if !r.aliases {
		return n
	}
	e := &expander{left: maxExpanded, open: map[*yaml.Node]bool{}}
	holder := &yaml.Node{Kind: yaml.SequenceNode}
	copied, err := e.copy(n, n.Line)
	if err != nil {
		return nil
	}
	holder.Content = []*yaml.Node{copied}
	if e.node(holder) != nil {
		return nil
	}
	return holder.Content[0]
}

// document edits the root.
func (r *rewriter) document(old, now *yaml.Node) bool {
	if old.Line == 0 {
		return false
	}
	return r.value(old, now, r.documentEnd(old.Line), -1)
}

// value edits a value in its place; false when that cannot be done, and the
// entry around it must be written anew. bound is the line before which it
// ends, parent the column of the entry it is in.
func (r *rewriter) value(old, now *yaml.Node, bound, parent int) bool {
	if old.Kind == yaml.AliasNode {
		same := r.expanded(old)
		return same != nil && equal(same, now)
	}
	if old.Kind != now.Kind || old.Kind != yaml.ScalarNode && collectionTag(old) != collectionTag(now) {
		return false
	}
	switch {
	case old.Kind == yaml.ScalarNode:
		return equal(old, now) || r.scalar(old, now, parent, false)
	case len(old.Content) == 0 || len(now.Content) == 0:
		return len(old.Content) == len(now.Content)
	case old.Style&yaml.FlowStyle != 0:
		return r.flow(old, now)
	}
	r.depth++
	defer func() { r.depth-- }()
	if old.Kind == yaml.MappingNode {
		return r.mapping(old, now, bound)
	}
	return r.sequence(old, now, bound)
}

// flow edits the scalars of a flow collection that keeps its structure.
func (r *rewriter) flow(old, now *yaml.Node) bool {
	if old.Kind == yaml.AliasNode || old.Kind == yaml.ScalarNode && equal(old, now) {
		return r.value(old, now, 0, 0)
	}
	if old.Kind != now.Kind || len(old.Content) != len(now.Content) {
		return false
	}
	if old.Kind == yaml.ScalarNode {
		return r.scalar(old, now, 0, true)
	}
	if collectionTag(old) != collectionTag(now) {
		return false
	}
	for i := range old.Content {
		if old.Kind == yaml.MappingNode && i%2 == 0 {
			if old.Content[i].Value != now.Content[i].Value {
				return false
			}
			continue
		}
		if !r.flow(old.Content[i], now.Content[i]) {
			return false
		}
	}
	return true
}

// scalar replaces a scalar on its line, or in a literal block.
func (r *rewriter) scalar(old, now *yaml.Node, parent int, flow bool) bool {
	if old.Style&yaml.TaggedStyle != 0 || now.Style&yaml.TaggedStyle != 0 {
		return false
	}
	if old.Style&yaml.LiteralStyle != 0 {
		return r.literal(old, now, parent)
	}
	multiline := strings.Contains(now.Value, "\n") && now.Style&quotedStyles == 0
	if multiline && !flow && old.Style&yaml.DoubleQuotedStyle == 0 {
		return false
	}
	start, end, ok := r.span(old)
	if !ok {
		return false
	}
	text, ok := inlineScalar(now, old.Style, flow, r.json)
	if ok {
		r.replace(start, end, text)
	}
	return ok
}

// span returns where a plain or quoted scalar stands.
func (r *rewriter) span(n *yaml.Node) (start, end int, ok bool) {
	start, ok = r.skipProperties(r.offset(n))
	switch {
	case !ok:
	case n.Style&quotedStyles != 0:
		end, ok = r.quotedEnd(start)
	default:
		// A plain scalar over several lines is not found like this.
		end = start + len(n.Value)
		ok = n.Value != "" && bytes.HasPrefix(r.src[start:], []byte(n.Value))
	}
	return start, end, ok
}

// literal replaces the changed lines of a literal scalar by another text.
func (r *rewriter) literal(old, now *yaml.Node, parent int) bool {
	if scalarTag(now) != yaml.NodeTagString || now.Style&quotedStyles != 0 || !strings.Contains(now.Value, "\n") {
		return false
	}
	b, ok := r.block(old, parent)
	if !ok || b.last < b.first || b.indent < 0 {
		return false
	}
	header, ok := literalHeader(now.Value, b.indent-max(parent, 0), b.explicit)
	if !ok {
		return false
	}
	if header != string(r.src[b.header:b.headerEnd]) {
		r.replace(b.header, b.headerEnd, header)
	}
	content := indentLines(now.Value, b.indent)
	r.replace(r.lineStart(b.first), r.lineEnd(b.last), r.withEOL(strings.TrimSuffix(content, "\n")))
	return true
}

func (r *rewriter) withEOL(s string) string {
	return string(withLineEnding([]byte(s), r.eol))
}

func (r *rewriter) replace(start, end int, text string) {
	r.edits = append(r.edits, edit{start, end, text})
}

// apply returns the text with all edits made.
func (r *rewriter) apply() []byte {
	sort.SliceStable(r.edits, func(i, j int) bool {
		a, b := r.edits[i], r.edits[j]
		return a.start < b.start || a.start == b.start && a.end == a.start && b.end > b.start
	})
	var out bytes.Buffer
	pos := 0
	for _, e := range r.edits {
		if e.start < pos {
			return nil // edits overlap; what is returned does not verify
		}
		out.Write(r.src[pos:e.start])
		out.WriteString(e.text)
		pos = e.end
	}
	out.Write(r.src[pos:])
	return out.Bytes()
}

// whole writes the document anew, between the comments before and after it.
func (r *rewriter) whole(old, now, want *yaml.Node) ([]byte, error) {
	first, last := old.Line-1, old.Line-1
	if old.Line > 0 {
		last = r.contentEnd(old, first, r.documentEnd(old.Line), -1)
	}
	start, end := r.lineStart(first), r.lineStart(last+1)
	var encoded []byte
	if r.json {
		start, end = r.offset(old), r.lineEnd(last)
		text, ok := encodeJSON(now, r.src[start:end])
		if !ok {
			return nil, errUnwritable
		}
		encoded = text
	} else {
		r.keepComments(old, now)
		body, err := encodeDocument(withoutOuterComments(now), r.layout)
		if err != nil {
			return nil, err
		}
		encoded = body
	}
	out := bytes.Join([][]byte{r.src[:start], withLineEnding(encoded, r.eol), r.src[end:]}, nil)
	if !means(out, want) {
		return nil, errUnwritable
	}
	return out, nil
}

// keepComments gives the nodes of a copied tree that have no comments, since
// they were replaced by new ones, those that the text has in their place.
func (r *rewriter) keepComments(old, now *yaml.Node) {
	if now.LineComment == "" && (now.Kind == yaml.ScalarNode || now.Style&yaml.FlowStyle != 0) {
		now.LineComment = old.LineComment
	}
	now.HeadComment = orUnknown(now.HeadComment, old.HeadComment)
	switch {
	case old.Kind != now.Kind:
	case now.Kind == yaml.MappingNode:
		index := keyIndex(old)
		for i := 0; i+1 < len(now.Content); i += 2 {
			if j, ok := index[scalarValue(now.Content[i])]; ok {
				r.keepComments(old.Content[j], now.Content[i])
				r.keepComments(old.Content[j+1], now.Content[i+1])
			}
		}
	case now.Kind == yaml.SequenceNode:
		for i, j := range r.pair(old.Content, now.Content) {
			if j >= 0 {
				r.keepComments(old.Content[j], now.Content[i])
			}
		}
	}
}

// withoutOuterComments returns a copy of the root whose first key has no
// comment above and whose last has none below: these stay in the text.
func withoutOuterComments(n *yaml.Node) *yaml.Node {
	c := *n
	c.HeadComment, c.FootComment = "", ""
	if len(n.Content) > 0 {
		c.Content = append([]*yaml.Node{}, n.Content...)
		first := *n.Content[0]
		first.HeadComment = ""
		c.Content[0] = &first
	}
	return withoutFoot(&c)
}

// withoutFoot returns a copy of a value without the comments that follow
// its last line, which stay in the text when the value is replaced.
func withoutFoot(n *yaml.Node) *yaml.Node {
	c := *n
	c.FootComment = ""
	c.Content = append([]*yaml.Node{}, n.Content...)
	last := len(c.Content) - 1
	if c.Kind == yaml.MappingNode && last > 0 {
		key := *c.Content[last-1]
		key.FootComment = ""
		c.Content[last-1] = &key
	}
	if last >= 0 {
		c.Content[last] = withoutFoot(c.Content[last])
	}
	return &c
}

// endLine returns a text whose last line has no ending with one, and the
// same meaning: a literal scalar that the end of the text cut off before its
// line ending must be told not to have one (`|-`) when it gets one.
func endLine(text []byte, eol string) []byte {
	ended := slices.Concat(text, []byte(eol))
	if len(text) > maxDocument {
		return ended
	}
	root, err := parseText(text)
	if err != nil {
		return ended
	}
	want := normalize(root)
	if expand(want) != nil || means(ended, want) {
		return ended
	}
	// A last line of blanks only is none once they are gone.
	if blank := bytes.TrimRight(text, " "); bytes.HasSuffix(blank, []byte("\n")) && means(blank, want) {
		return blank
	}
	n, parent := root, -1
	for len(n.Content) > 0 {
		last := len(n.Content) - 1
		if n.Kind == yaml.MappingNode {
			parent = n.Content[last-1].Column - 1
		}
		n = n.Content[last]
	}
	t := newText(text)
	b, ok := t.block(n, parent)
	if !ok {
		return ended
	}
	header := strings.TrimRight(string(text[b.header:b.headerEnd]), "+-") + "-"
	stripped := bytes.Join([][]byte{text[:b.header], []byte(header), text[b.headerEnd:], []byte(eol)}, nil)
	if !means(stripped, want) {
		return ended
	}
	return stripped
}
