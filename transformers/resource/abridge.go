package resource

import (
	"slices"
	"sort"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// reads says whether an edited document reads back as a tree. Parsing a list of
// thousands of items again would cost as much as all else, so that of a list only
// what edits touched is parsed, with the items around it.
func (r *rewriter) reads(edited []byte, old, now, want *yaml.Node) bool {
	if text, part, ok := r.abridge(old, now); ok {
		return means(text, part)
	}
	return means(edited, want)
}

// abridge returns the edited text and the tree that it must read back as without
// the items that no edit touched and that mean what they did. Without aliases an
// item of a block sequence means the same whatever other items there are. The
// first, the last and the one that follows an edit stay: an edit that is wrong may
// swallow them.
func (r *rewriter) abridge(old, now *yaml.Node) (text []byte, want *yaml.Node, ok bool) {
	was, is := listItems(old), listItems(now)
	if r.aliases || r.json || was == nil || is == nil || (was.Style|old.Style)&yaml.FlowStyle != 0 || len(was.Content) < 4 {
		return nil, nil, false
	}
	items, ok := r.listEntries(old, was)
	if !ok {
		return nil, nil, false
	}
	index := map[int]int{}
	for k, i := range byPosition(was.Content, is.Content) {
		index[i] = k
	}
	short := *r
	short.edits = slices.Clone(r.edits)
	left := slices.Clone(is.Content)
	previous := true // an edit touched the item before
	for i, e := range items[:len(items)-1] {
		start, end := r.lineStart(e.first), r.lineStart(e.bound)
		touched := r.touches(start, end)
		if k, paired := index[i]; i > 0 && !touched && !previous && paired && equal(was.Content[i], is.Content[k]) {
			short.replace(start, end, "")
			left[k] = nil
		}
		previous = touched
	}
	part := *is
	part.Content = slices.DeleteFunc(left, func(n *yaml.Node) bool { return n == nil })
	whole := *now
	whole.Content = slices.Clone(now.Content)
	whole.Content[slices.Index(whole.Content, is)] = &part
	return short.apply(), &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{&whole}}, true
}

// listEntries finds the items of a list in the text.
func (r *rewriter) listEntries(root, items *yaml.Node) ([]entry, bool) {
	fields, ok := r.mappingEntries(root, r.documentEnd(root.Line))
	if !ok {
		return nil, false
	}
	i := slices.IndexFunc(fields.entries, func(e entry) bool { return e.value == items })
	if i < 0 {
		return nil, false
	}
	c, ok := r.sequenceItems(items, fields.entries[i].bound)
	if !ok {
		return nil, false
	}
	return c.entries, true
}

// touches says whether an edit reaches into or up to a stretch of the text. The
// edits have been applied, and so are in order.
func (r *rewriter) touches(start, end int) bool {
	i := sort.Search(len(r.edits), func(i int) bool { return r.edits[i].end >= start })
	return i < len(r.edits) && r.edits[i].start <= end
}
