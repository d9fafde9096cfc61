package transformers

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// lookup returns the node at path, nil where any part of it is absent or null.
func lookup(n *yaml.RNode, path ...string) *yaml.RNode {
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

// text returns the scalar at path, empty where it is absent or not a scalar.
func text(n *yaml.RNode, path ...string) string {
	found := lookup(n, path...)
	if found.IsNil() || found.YNode().Kind != yaml.ScalarNode {
		return ""
	}
	return found.YNode().Value
}

// elements returns the items of the sequence at path, none where it is absent.
func elements(n *yaml.RNode, path ...string) []*yaml.RNode {
	found := lookup(n, path...)
	if found.IsNil() || found.YNode().Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]*yaml.RNode, 0, len(found.Content()))
	for _, item := range found.Content() {
		items = append(items, yaml.NewRNode(item))
	}
	return items
}

// stringMap returns the string values of the mapping at path.
func stringMap(n *yaml.RNode, path ...string) map[string]string {
	found := lookup(n, path...)
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

// put sets the node at path, making the mappings that lead to it.
func put(n *yaml.RNode, value *yaml.Node, path ...string) {
	node := n.YNode()
	for _, key := range path[:len(path)-1] {
		node = child(node, key, yaml.MappingNode)
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

// putText sets a string at path and says whether that changed anything.
func putText(n *yaml.RNode, value string, path ...string) bool {
	if found := lookup(n, path...); !found.IsNil() && text(n, path...) == value {
		return false
	}
	put(n, yaml.NewStringRNode(value).YNode(), path...)
	return true
}

// putScalar sets a number or a boolean at path and says whether that changed
// anything.
func putScalar(n *yaml.RNode, value string, path ...string) bool {
	if text(n, path...) == value {
		return false
	}
	put(n, yaml.NewScalarRNode(value).YNode(), path...)
	return true
}

// drop removes the field at path and says whether it was there.
func drop(n *yaml.RNode, path ...string) bool {
	parent := n
	if len(path) > 1 {
		parent = lookup(n, path[:len(path)-1]...)
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

// dropEmpty removes the field at path where it is an empty collection: what our
// own edits made is to leave nothing behind.
func dropEmpty(n *yaml.RNode, path ...string) {
	if found := lookup(n, path...); !found.IsNil() && len(found.Content()) == 0 && found.YNode().Kind != yaml.ScalarNode {
		drop(n, path...)
	}
}

// appendTo appends an item to the sequence at path, making it if need be.
func appendTo(n *yaml.RNode, item *yaml.Node, path ...string) {
	node := n.YNode()
	for _, key := range path[:len(path)-1] {
		node = child(node, key, yaml.MappingNode)
	}
	list := child(node, path[len(path)-1], yaml.SequenceNode)
	if len(list.Content) == 0 {
		list.Style &^= yaml.FlowStyle
	}
	list.Content = append(list.Content, item)
}

// removeFrom removes the items of the sequence at path for which unwanted holds,
// and the sequence itself when nothing is left in it.
func removeFrom(n *yaml.RNode, unwanted func(*yaml.RNode) bool, path ...string) bool {
	list := lookup(n, path...)
	if list.IsNil() {
		return false
	}
	node := list.YNode()
	before := len(node.Content)
	node.Content = slices.DeleteFunc(node.Content, func(item *yaml.Node) bool { return unwanted(yaml.NewRNode(item)) })
	if len(node.Content) == before {
		return false
	}
	dropEmpty(n, path...)
	return true
}

// child returns the collection under key, making it where it is absent or null.
func child(node *yaml.Node, key string, kind yaml.Kind) *yaml.Node {
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

// mapping is an empty mapping that is about to be filled in.
func mapping() *yaml.RNode {
	return yaml.NewRNode(&yaml.Node{Kind: yaml.MappingNode})
}
