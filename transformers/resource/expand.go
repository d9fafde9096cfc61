package resource

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxExpanded is how many nodes all aliases of one document may expand to.
const maxExpanded = 100_000

// binaryTag is the tag of a scalar that most readers decode.
const binaryTag = "!!binary"

// expander replaces aliases and merge keys by what they stand for.
type expander struct {
	left int
	open map[*yaml.Node]bool // anchored nodes whose aliases are being expanded
}

// expand turns a parsed document into a tree without anchors, aliases and
// `<<` keys. Errors, with the line: a document that is too large when
// expanded, an alias inside of what it stands for, a key that is given twice
// or is no scalar, a `<<` of anything but mappings, or of a key that stands
// above it with another value.
//
// The node that takes the place of an alias has the alias's position, by
// which it is found in the text again.
func expand(root *yaml.Node) error {
	if err := checkKeys(root); err != nil {
		return err
	}
	e := &expander{left: maxExpanded, open: map[*yaml.Node]bool{}}
	if err := e.node(root); err != nil {
		return err
	}
	forgetAnchors(root)
	return nil
}

// clone copies a document's tree. Aliases point into the copy; anchored holds
// the copies of anchored nodes, which stand before their aliases.
func clone(n *yaml.Node, anchored map[*yaml.Node]*yaml.Node) *yaml.Node {
	c := *n
	if n.Anchor != "" {
		anchored[n] = &c
	}
	if n.Kind == yaml.AliasNode {
		c.Alias = anchored[n.Alias]
	}
	if len(n.Content) > 0 {
		c.Content = make([]*yaml.Node, len(n.Content))
	}
	for i, inner := range n.Content {
		c.Content[i] = clone(inner, anchored)
	}
	return &c
}

func forgetAnchors(n *yaml.Node) {
	n.Anchor = ""
	for _, c := range n.Content {
		forgetAnchors(c)
	}
}

// checkKeys refuses keys that are given twice or are no text, which the parser accepts.
func checkKeys(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if tag := key.ShortTag(); key.Kind != yaml.ScalarNode || tag == binaryTag || tag == yaml.NodeTagNull {
				return &lineError{line: key.Line, msg: "a mapping key must be a plain or quoted scalar"}
			}
			if line := seen[scalarValue(key)]; line > 0 {
				return &lineError{line: key.Line, msg: fmt.Sprintf("the key %q is given twice", shorten(key.Value)), earlier: line}
			}
			seen[scalarValue(key)] = key.Line
		}
	}
	for _, c := range n.Content {
		if err := checkKeys(c); err != nil {
			return err
		}
	}
	return nil
}

// shorten keeps messages to a size that one reads.
func shorten(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func (e *expander) node(n *yaml.Node) error {
	for i, c := range n.Content {
		merged := n.Kind == yaml.MappingNode && i%2 == 1 && isMerge(n.Content[i-1])
		if c.Kind == yaml.AliasNode && !merged {
			copied, err := e.target(c)
			if err != nil {
				return err
			}
			n.Content[i] = copied
			continue
		}
		if err := e.node(c); err != nil {
			return err
		}
	}
	if n.Kind == yaml.MappingNode {
		return e.merge(n)
	}
	return nil
}

// target returns a copy of what an alias stands for, expanded itself.
func (e *expander) target(alias *yaml.Node) (*yaml.Node, error) {
	if e.open[alias.Alias] {
		return nil, &lineError{line: alias.Line, msg: "an alias is inside of what it stands for"}
	}
	e.open[alias.Alias] = true
	defer delete(e.open, alias.Alias)
	copied, err := e.copy(alias.Alias, alias.Line)
	if err != nil {
		return nil, err
	}
	copied.Line, copied.Column = alias.Line, alias.Column
	return copied, e.node(copied)
}

// copy copies a tree, aliases as they are, and pays for each node.
func (e *expander) copy(n *yaml.Node, line int) (*yaml.Node, error) {
	if e.left--; e.left < 0 {
		return nil, &lineError{line: line, msg: fmt.Sprintf("the aliases of the document expand to more than %d nodes", maxExpanded)}
	}
	c := *n
	c.Anchor, c.Line, c.Column = "", 0, 0
	c.HeadComment, c.LineComment, c.FootComment = "", "", ""
	c.Content = nil
	if n.Kind == yaml.AliasNode {
		c.Line, c.Column = line, 0
	}
	for _, child := range n.Content {
		copied, err := e.copy(child, line)
		if err != nil {
			return nil, err
		}
		c.Content = append(c.Content, copied)
	}
	return &c, nil
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.ShortTag() == yaml.MergeTag
}

// merge replaces the `<<` of a mapping by the keys that it brings and that
// the mapping does not have itself; of several sources, the first wins.
func (e *expander) merge(n *yaml.Node) error {
	at := mergeIndex(n)
	if at < 0 {
		return nil
	}
	value := n.Content[at+1]
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	have := map[string]bool{}
	before := map[string]*yaml.Node{} // the values that kubectl's parser lets a later `<<` replace
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := scalarValue(n.Content[i])
		have[key] = i != at
		if i < at {
			before[key] = n.Content[i+1]
		}
	}
	var brought []*yaml.Node
	for _, source := range sources {
		if source.Kind == yaml.AliasNode {
			copied, err := e.target(source)
			if err != nil {
				return err
			}
			source = copied
		}
		if source.Kind != yaml.MappingNode {
			return &lineError{line: n.Content[at].Line, msg: "`<<` needs a mapping, or a sequence of mappings"}
		}
		for i := 0; i+1 < len(source.Content); i += 2 {
			key := source.Content[i]
			if own := before[scalarValue(key)]; own != nil && !equal(own, source.Content[i+1]) {
				return ambiguous(n.Content[at].Line, "expected `<<` above the key %q, which it sets too, got it below, where kubectl lets it win; move `<<` up", shorten(key.Value))
			}
			if !have[scalarValue(key)] {
				have[scalarValue(key)] = true
				brought = append(brought, key, source.Content[i+1])
			}
		}
	}
	content := append([]*yaml.Node{}, n.Content[:at]...)
	content = append(content, brought...)
	n.Content = append(content, n.Content[at+2:]...)
	return nil
}

// mergeIndex returns the index of the `<<` key of a mapping, -1 if none.
func mergeIndex(n *yaml.Node) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			return i
		}
	}
	return -1
}
