package patch

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// valueOf is a tree as kustomize takes it for JSON: maps, lists, strings, booleans,
// nil, and numbers as json.Number.
func valueOf(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			fields[n.Content[i].Value] = valueOf(n.Content[i+1])
		}
		return fields
	case yaml.SequenceNode:
		items := []any{}
		for _, item := range n.Content {
			items = append(items, valueOf(item))
		}
		return items
	case yaml.AliasNode:
		return valueOf(n.Alias)
	}
	return scalarOf(n)
}

func scalarOf(n *yaml.Node) any {
	switch n.ShortTag() {
	case yaml.NodeTagNull:
		return nil
	case yaml.NodeTagBool:
		return strings.EqualFold(n.Value, "true")
	case yaml.NodeTagInt:
		if i, err := strconv.ParseInt(strings.ReplaceAll(n.Value, "_", ""), 0, 64); err == nil {
			return json.Number(strconv.FormatInt(i, 10)) // 0440 is octal
		}
		return json.Number(n.Value)
	case yaml.NodeTagFloat:
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil {
			if encoded, err := json.Marshal(f); err == nil {
				return json.Number(encoded)
			}
		}
	}
	return n.Value
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }

func raw(value any) json.RawMessage {
	encoded, err := json.Marshal(value)
	if err != nil { // see valueOf
		panic(err)
	}
	return encoded
}
