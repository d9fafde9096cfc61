package resource

import (
	"bytes"
	"encoding/json"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// jsonString returns a string in JSON, without the escapes for HTML that
// encoding/json adds.
func jsonString(s string) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(s) != nil {
		return `""` // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// encodeJSON returns a tree as JSON with its keys in their order, written
// over lines or on one as like is; ok is false for what JSON does not have.
func encodeJSON(n *yaml.Node, like []byte) (out []byte, ok bool) {
	var b bytes.Buffer
	if !writeJSON(&b, n) {
		return nil, false
	}
	indent := jsonIndent(like)
	if indent == "" && (bytes.Contains(like, []byte(`": `)) || bytes.Contains(like, []byte(`, "`))) {
		return b.Bytes(), true
	}
	var laid bytes.Buffer
	var err error
	if indent != "" {
		err = json.Indent(&laid, b.Bytes(), "", indent)
	} else {
		err = json.Compact(&laid, b.Bytes())
	}
	return laid.Bytes(), err == nil
}

// jsonIndent returns what the second line is indented by, "" for one line.
func jsonIndent(text []byte) string {
	_, rest, found := bytes.Cut(text, []byte("\n"))
	if !found {
		return ""
	}
	indent := rest[:len(rest)-len(bytes.TrimLeft(rest, " \t"))]
	if len(indent) == 0 {
		return "  "
	}
	return string(indent)
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		text, ok := inlineScalar(n, 0, true, true)
		b.WriteString(text)
		return ok
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			b.WriteString(separator(i))
			if !writeJSON(b, item) {
				return false
			}
		}
		b.WriteByte(']')
		return true
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			b.WriteString(separator(i) + jsonString(n.Content[i].Value) + ": ")
			if !writeJSON(b, n.Content[i+1]) {
				return false
			}
		}
		b.WriteByte('}')
		return true
	}
	return false
}
