package resource

import (
	"bytes"
	"errors"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// layout is how block collections are indented.
type layout struct {
	step    int  // spaces that a mapping in a mapping is indented by
	compact bool // sequences stand in the column of their key
}

// emitter writes new or changed parts of a document. The library's encoder
// is not used because it cannot start at a column, indents all sequences
// alike and leaves YAML 1.1's ambiguous strings plain.
type emitter struct {
	layout
	bytes.Buffer
	failed bool // something cannot be written
}

// encodeDocument returns a document without separator, verified to read back.
func encodeDocument(n *yaml.Node, l layout) ([]byte, error) {
	clean := normalize(n)
	e := emitter{layout: l}
	e.root(clean)
	if !e.failed && means(e.Bytes(), clean) {
		return e.Bytes(), nil
	}
	if out, err := yaml.Marshal(clean); err == nil && means(out, clean) {
		return out, nil
	}
	return nil, errUnwritable
}

var errUnwritable = errors.New("the changed object cannot be written as YAML that reads back the same (invalid UTF-8, or a key given twice)")

func (e *emitter) root(n *yaml.Node) {
	switch {
	case isBlock(n) && n.Kind == yaml.MappingNode:
		e.mapping(n, 0)
	case isBlock(n):
		e.sequence(n, 0)
	default:
		e.WriteString(e.inline(n))
		e.WriteByte('\n')
	}
}

// isBlock says whether a node is written in block style.
func isBlock(n *yaml.Node) bool {
	return n.Kind != yaml.ScalarNode && len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0
}

// mapping writes the entries of a mapping. The first starts where the
// buffer ends, the others at column indent.
func (e *emitter) mapping(n *yaml.Node, indent int) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 {
			e.spaces(indent)
		}
		e.entry(n.Content[i], n.Content[i+1], indent)
	}
}

// entry writes one entry of a mapping, from its key to its line's end.
func (e *emitter) entry(key, value *yaml.Node, indent int) {
	e.head(key.HeadComment, indent)
	text, ok := inlineScalar(key, 0, false, false)
	e.failed = e.failed || !ok
	e.WriteString(text)
	e.WriteByte(':')
	if !isBlock(value) {
		e.leaf(value, key.LineComment, indent, e.step)
	} else {
		e.properties(value)
		e.comment(key.LineComment)
		e.WriteByte('\n')
		e.head(value.HeadComment, -1)
		inner := indent + e.step
		if value.Kind == yaml.SequenceNode && e.compact {
			inner = indent
		}
		e.spaces(inner)
		if value.Kind == yaml.MappingNode {
			e.mapping(value, inner)
		} else {
			e.sequence(value, inner)
		}
	}
	e.foot(key.FootComment, indent)
}

// sequence writes the items of a sequence, each from its dash.
func (e *emitter) sequence(n *yaml.Node, indent int) {
	for i, item := range n.Content {
		if i > 0 {
			e.spaces(indent)
		}
		e.item(item, indent)
	}
}

func (e *emitter) item(item *yaml.Node, indent int) {
	e.head(item.HeadComment, indent)
	e.WriteByte('-')
	switch {
	case !isBlock(item):
		e.leaf(item, "", indent, 2)
	case collectionTag(item) != "":
		e.properties(item)
		e.WriteByte('\n')
		e.spaces(indent + 2)
		e.block(item, indent+2)
	default:
		e.WriteByte(' ')
		e.block(item, indent+2)
	}
	e.foot(item.FootComment, indent)
}

func (e *emitter) block(n *yaml.Node, indent int) {
	if n.Kind == yaml.MappingNode {
		e.mapping(n, indent)
		return
	}
	e.sequence(n, indent)
}

// leaf writes what follows a `key:` or `-` on its line, or as block scalar.
// comment is the line comment where the value has none.
func (e *emitter) leaf(n *yaml.Node, comment string, indent, step int) {
	comment = orUnknown(n.LineComment, comment)
	e.WriteByte(' ')
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "\n") && n.Style&quotedStyles == 0 && scalarTag(n) == yaml.NodeTagString {
		if header, ok := literalHeader(n.Value, step, false); ok {
			e.WriteString(header)
			e.comment(comment)
			e.WriteByte('\n')
			e.WriteString(indentLines(n.Value, indent+step))
			return
		}
	}
	e.WriteString(e.inline(n))
	e.comment(comment)
	e.WriteByte('\n')
}

// inline returns a scalar, or a collection in flow style, on one line.
func (e *emitter) inline(n *yaml.Node) string {
	var b strings.Builder
	e.flow(&b, n, false)
	return b.String()
}

func (e *emitter) flow(b *strings.Builder, n *yaml.Node, inside bool) {
	if n.Kind == yaml.ScalarNode {
		text, ok := inlineScalar(n, 0, inside, false)
		e.failed = e.failed || !ok
		b.WriteString(text)
		return
	}
	if tag := collectionTag(n); tag != "" {
		b.WriteString(tag + " ")
	}
	if n.Kind == yaml.SequenceNode {
		b.WriteByte('[')
		for i, item := range n.Content {
			b.WriteString(separator(i))
			e.flow(b, item, true)
		}
		b.WriteByte(']')
		return
	}
	b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		b.WriteString(separator(i))
		e.flow(b, n.Content[i], true)
		b.WriteString(": ")
		e.flow(b, n.Content[i+1], true)
	}
	b.WriteByte('}')
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

func (e *emitter) properties(n *yaml.Node) {
	if tag := collectionTag(n); tag != "" {
		e.WriteString(" " + tag)
	}
}

func (e *emitter) spaces(n int) { e.WriteString(strings.Repeat(" ", n)) }

// head writes a comment above what comes next, which stands at column
// indent. A negative column drops it.
func (e *emitter) head(comment string, indent int) {
	if indent < 0 {
		return
	}
	for _, line := range commentLines(comment) {
		e.WriteString(line + "\n")
		e.spaces(indent)
	}
}

func (e *emitter) foot(comment string, indent int) {
	for _, line := range commentLines(comment) {
		e.spaces(indent)
		e.WriteString(line + "\n")
	}
}

// comment writes a comment behind a value, if it is of one line.
func (e *emitter) comment(comment string) {
	if lines := commentLines(comment); len(lines) == 1 {
		e.WriteString(" " + lines[0])
	}
}

// commentLines returns the lines of a comment, each with its `#`.
func commentLines(comment string) []string {
	var lines []string
	for line := range strings.SplitSeq(comment, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || !isPrintable(strings.ReplaceAll(line, "\t", " ")):
			continue
		case line[0] != '#':
			line = "# " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// withLineEnding gives text that was made with "\n" another line ending.
func withLineEnding(text []byte, eol string) []byte {
	if eol == "\n" {
		return text
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte(eol))
}

// documentLayout finds how a document is indented, by the first places that
// show it.
func documentLayout(root *yaml.Node) layout {
	l := layout{step: 2, compact: true}
	if compact, known := sequenceLayout(root); known {
		l.compact = compact
	}
	if step := mappingStep(root); step >= 1 && step <= 8 {
		l.step = step
	}
	return l
}

// sequenceLayout finds whether block sequences stand in their key's column.
func sequenceLayout(n *yaml.Node) (compact, known bool) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && c.Kind == yaml.SequenceNode && isBlock(c) &&
			n.Style&yaml.FlowStyle == 0 && c.Line > n.Content[i-1].Line && n.Content[i-1].Line > 0 {
			return c.Column <= n.Content[i-1].Column, true
		}
		if compact, known = sequenceLayout(c); known {
			return compact, true
		}
	}
	return false, false
}

// mappingStep finds how far a mapping in a mapping is indented, 0 if unknown.
func mappingStep(n *yaml.Node) int {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && c.Kind == yaml.MappingNode && isBlock(c) &&
			n.Style&yaml.FlowStyle == 0 && c.Line > n.Content[i-1].Line && n.Content[i-1].Line > 0 {
			return c.Column - n.Content[i-1].Column
		}
		if step := mappingStep(c); step > 0 {
			return step
		}
	}
	return 0
}
