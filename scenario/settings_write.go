package scenario

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// YAML writes the scenario as a file that Decode reads, with its fields in the
// order of their documentation, and only those that state something.
func (s Scenario) YAML() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	if err := encoder.Encode(treeOf(reflect.ValueOf(s))); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// treeOf builds the tree by hand: an encoder of Go values would go by yaml tags,
// and one of JSON would sort the fields.
func treeOf(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		return treeOf(v.Elem())
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for i, name := range fieldsOf(v.Type()) {
			if name != "" && !v.Field(i).IsZero() {
				n.Content = append(n.Content, scalarNode(yaml.NodeTagString, name), treeOf(v.Field(i)))
			}
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		values := v.Interface().(map[string]string)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			n.Content = append(n.Content, scalarNode(yaml.NodeTagString, key), scalarNode(yaml.NodeTagString, values[key]))
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, treeOf(v.Index(i)))
		}
		return n
	case reflect.Bool:
		return scalarNode(yaml.NodeTagBool, strconv.FormatBool(v.Bool()))
	case reflect.Int:
		return scalarNode(yaml.NodeTagInt, strconv.FormatInt(v.Int(), 10))
	}
	return scalarNode(yaml.NodeTagString, v.String())
}

func scalarNode(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
