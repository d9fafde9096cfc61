// Package node reads and sets fields of a YAML node by path.
package node

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Lookup returns the node at path, nil if any part of it is absent or null.
func Lookup(n *yaml.RNode, path ...string) *yaml.RNode {
	if n.IsNil() {
		return nil
	}
	node := n.YNode()
	for _, key := range path {
		if node.Kind != yaml.MappingNode {
			return nil
		}
		i := keyIndex(node, key)
		if i < 0 || node.Content[i+1].ShortTag() == yaml.NodeTagNull {
			return nil
		}
		node = node.Content[i+1]
	}
	return yaml.NewRNode(node)
}

// Text returns the scalar at path, empty if it is absent or not a scalar.
func Text(n *yaml.RNode, path ...string) string {
	found := Lookup(n, path...)
	if found.IsNil() || found.YNode().Kind != yaml.ScalarNode {
		return ""
	}
	return found.YNode().Value
}

// Items returns the items of the sequence at path, none if it is absent.
func Items(n *yaml.RNode, path ...string) []*yaml.RNode {
	found := Lookup(n, path...)
	if found.IsNil() || found.YNode().Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]*yaml.RNode, 0, len(found.Content()))
	for _, item := range found.Content() {
		items = append(items, yaml.NewRNode(item))
	}
	return items
}

// Strings returns the string values of the mapping at path.
func Strings(n *yaml.RNode, path ...string) map[string]string {
	found := Lookup(n, path...)
	if found.IsNil() || found.YNode().Kind != yaml.MappingNode {
		return nil
	}
	values := map[string]string{}
	content := found.Content()
	for i := 0; i+1 < len(content); i += 2 {
		values[content[i].Value] = content[i+1].Value
	}
	return values
}

// Put sets the node at path and creates the mappings that lead to it.
func Put(n *yaml.RNode, value *yaml.Node, path ...string) {
	node := n.YNode()
	for _, key := range path[:len(path)-1] {
		node = Child(node, key, yaml.MappingNode)
	}
	key := path[len(path)-1]
	if i := keyIndex(node, key); i >= 0 {
		old := node.Content[i+1]
		if value.LineComment == "" {
			value.LineComment = old.LineComment
		}
		node.Content[i+1] = value
		return
	}
	insert(node, key, value)
}

// PutText sets a string at path and reports whether that changed anything. A
// number or a boolean that is spelled like value is changed to the string.
func PutText(n *yaml.RNode, value string, path ...string) bool {
	return putUnlessEqual(n, yaml.NewStringRNode(value).YNode(), path)
}

// PutScalar sets a number or a boolean at path and reports whether that changed
// anything. A string that is spelled like value is changed to the number or boolean.
func PutScalar(n *yaml.RNode, value string, path ...string) bool {
	return putUnlessEqual(n, yaml.NewScalarRNode(value).YNode(), path)
}

func putUnlessEqual(n *yaml.RNode, want *yaml.Node, path []string) bool {
	if found := Lookup(n, path...); !found.IsNil() {
		have := found.YNode()
		if have.Kind == yaml.ScalarNode && have.Value == want.Value && have.ShortTag() == want.ShortTag() {
			return false
		}
	}
	Put(n, want, path...)
	return true
}

// Drop removes the field at path and reports whether it was there.
func Drop(n *yaml.RNode, path ...string) bool {
	parent := n
	if len(path) > 1 {
		parent = Lookup(n, path[:len(path)-1]...)
	}
	if parent.IsNil() {
		return false
	}
	node := parent.YNode()
	i := keyIndex(node, path[len(path)-1])
	if i < 0 {
		return false
	}
	node.Content = slices.Delete(node.Content, i, i+2)
	return true
}

// DropEmpty removes the field at path if it is an empty collection.
func DropEmpty(n *yaml.RNode, path ...string) {
	if found := Lookup(n, path...); !found.IsNil() && len(found.Content()) == 0 && found.YNode().Kind != yaml.ScalarNode {
		Drop(n, path...)
	}
}

// Append appends an item to the sequence at path, which it creates if it is absent.
func Append(n *yaml.RNode, item *yaml.Node, path ...string) {
	node := n.YNode()
	for _, key := range path[:len(path)-1] {
		node = Child(node, key, yaml.MappingNode)
	}
	list := Child(node, path[len(path)-1], yaml.SequenceNode)
	if len(list.Content) == 0 {
		list.Style &^= yaml.FlowStyle
	}
	list.Content = append(list.Content, item)
}

// RemoveItems removes the items of the sequence at path that are unwanted, and the
// sequence itself when it is then empty. It reports whether it removed any.
func RemoveItems(n *yaml.RNode, unwanted func(*yaml.RNode) bool, path ...string) bool {
	list := Lookup(n, path...)
	if list.IsNil() {
		return false
	}
	node := list.YNode()
	before := len(node.Content)
	node.Content = slices.DeleteFunc(node.Content, func(item *yaml.Node) bool { return unwanted(yaml.NewRNode(item)) })
	if len(node.Content) == before {
		return false
	}
	DropEmpty(n, path...)
	return true
}

// Child returns the collection under key, which it creates if it is absent or null.
func Child(node *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
	if i := keyIndex(node, key); i >= 0 {
		if found := node.Content[i+1]; found.Kind == kind {
			return found
		}
		node.Content[i+1] = &yaml.Node{Kind: kind}
		return node.Content[i+1]
	}
	made := &yaml.Node{Kind: kind}
	insert(node, key, made)
	return made
}

func insert(node *yaml.Node, key string, value *yaml.Node) {
	if len(node.Content) == 0 {
		node.Style &^= yaml.FlowStyle // "{}" is how an empty mapping must be written, a full one need not
	}
	node.Content = append(node.Content, yaml.NewStringRNode(key).YNode(), value)
}

func keyIndex(node *yaml.Node, key string) int {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// Mapping returns a new, empty mapping.
func Mapping() *yaml.RNode {
	return yaml.NewRNode(&yaml.Node{Kind: yaml.MappingNode})
}
