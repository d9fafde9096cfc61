package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// lookup is a mapping's value for key; nil where there is none.
func lookup(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n = follow(n); n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagNull
}

// describe says what a node is, without the value where that may be a secret.
func describe(n *yaml.Node, path string) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
	default:
		return "no value"
	}
	kind := "a value tagged " + n.ShortTag()
	switch n.ShortTag() {
	case yaml.NodeTagString:
		kind = "the string"
	case yaml.NodeTagInt, yaml.NodeTagFloat:
		kind = "the number"
	case yaml.NodeTagBool:
		kind = "the boolean"
	case yaml.NodeTagNull:
		return "null"
	case "!!timestamp":
		kind = "the date"
	default:
		return kind
	}
	if isSecret(path) || !harmless(n.Value) {
		return strings.Replace(kind, "the ", "a ", 1)
	}
	if kind == "the string" {
		return kind + " " + strconv.Quote(n.Value)
	}
	return kind + " " + n.Value
}

// isSecret says that a field's value is never shown. That of spec.tls itself is
// not either: a scalar there is material without a field's name.
func isSecret(path string) bool {
	return slices.Contains([]string{"spec.tls", "spec.tls.crt", "spec.tls.key", "spec.tls.caCrt"}, path)
}

// harmless says that a value is short and looks like no key material: people
// paste a key where a name or a path belongs.
func harmless(value string) bool {
	return len(value) <= 64 && !strings.ContainsAny(value, "\n\r") &&
		!strings.Contains(value, "-----") && !strings.HasPrefix(value, "LS0t")
}

// show quotes a value for a message, or says how long it is.
func show(value string) string {
	if harmless(value) {
		return strconv.Quote(value)
	}
	return fmt.Sprintf("a value of %d characters", len(value))
}

// printable says that a key may be repeated in a path.
func printable(key string) bool { return len(key) <= maxKey && harmless(key) }

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case strings.Contains(name, "."):
		return path + "[" + name + "]"
	}
	return path + "." + name
}

// leaf is a path's last name.
func leaf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// assign spells a field with a value, or a list's entry or a map's value alone.
func assign(path, value string) string {
	if strings.HasSuffix(path, "]") {
		return "write " + value
	}
	return "write " + leaf(path) + ": " + value
}

// fieldNames are a struct's JSON names, by field index; "" is no JSON field.
type fieldNames []string

func fieldsOf(t reflect.Type) fieldNames {
	names := make(fieldNames, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}

func (f fieldNames) index(name string) (int, bool) {
	for i, known := range f {
		if known != "" && known == name {
			return i, true
		}
	}
	return 0, false
}

func (f fieldNames) names() []string {
	var names []string
	for _, n := range f {
		if n != "" {
			names = append(names, n)
		}
	}
	return names
}
