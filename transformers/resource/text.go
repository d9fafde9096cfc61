package resource

import (
	"bytes"
	"sort"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// text is a document's source, and where its lines start. Lines count from
// 0, and are what the parser takes for lines.
type text struct {
	src    []byte
	starts []int
}

func newText(src []byte) *text {
	t := &text{src: src, starts: make([]int, 1, 2+bytes.Count(src, []byte("\n")))}
	for i := 0; i < len(src); {
		w := 0
		if c := src[i]; c == '\n' || c == '\r' || c == 0xC2 || c == 0xE2 {
			w = breakWidth(src[i:])
		}
		if i += max(w, 1); w > 0 && i < len(src) {
			t.starts = append(t.starts, i)
		}
	}
	return t
}

// lineStart returns the offset of a line, the text's end for one behind it.
func (t *text) lineStart(line int) int {
	switch {
	case line < 0:
		return 0
	case line >= len(t.starts):
		return len(t.src)
	}
	return t.starts[line]
}

// lineEnd returns the offset of the line break that ends a line.
func (t *text) lineEnd(line int) int {
	start, end := t.lineStart(line), t.lineStart(line+1)
	for end > start {
		_, w := utf8.DecodeLastRune(t.src[start:end])
		if breakWidth(t.src[end-w:end]) == 0 {
			break
		}
		end -= w
	}
	return end
}

func (t *text) line(line int) []byte { return t.src[t.lineStart(line):t.lineEnd(line)] }

// lineOf returns the line that an offset is in.
func (t *text) lineOf(offset int) int {
	return sort.SearchInts(t.starts, offset+1) - 1
}

// offset returns where a node starts. Columns count characters.
func (t *text) offset(n *yaml.Node) int {
	at := t.lineStart(n.Line - 1)
	for column := 1; column < n.Column && at < len(t.src); column++ {
		_, w := utf8.DecodeRune(t.src[at:])
		at += w
	}
	return at
}

// isFiller says whether a line is blank or only a comment.
func (t *text) isFiller(line int) bool {
	trimmed := bytes.TrimLeft(t.line(line), " \t")
	return len(trimmed) == 0 || trimmed[0] == '#'
}

// isComment says whether a line is only a comment that starts at a column.
func (t *text) isComment(line, indent int) bool {
	l := t.line(line)
	return len(l) > indent && l[indent] == '#' && isSpaces(l[:indent])
}

func isSpaces(b []byte) bool { return len(bytes.Trim(b, " ")) == 0 }

// indentOf returns how many spaces a line starts with, -1 for a blank line.
func (t *text) indentOf(line int) int {
	l := t.line(line)
	trimmed := bytes.TrimLeft(l, " ")
	if len(trimmed) == 0 {
		return -1
	}
	return len(l) - len(trimmed)
}

// documentEnd returns the line at which the content that starts at a line
// must end: that of `...`, or behind the last.
func (t *text) documentEnd(line int) int {
	if bytes.Contains(t.src, []byte("...")) {
		for ; line < len(t.starts); line++ {
			if isDocumentEnd(t.src[t.starts[line]:]) {
				return line
			}
		}
	}
	return len(t.starts)
}

// skipProperties steps over a node's tag and anchor; ok is false when the
// node itself is on another line.
func (t *text) skipProperties(at int) (next int, ok bool) {
	for at < len(t.src) && (t.src[at] == '!' || t.src[at] == '&') {
		for at < len(t.src) && t.src[at] != ' ' && t.src[at] != '\t' && breakWidth(t.src[at:]) == 0 {
			at++
		}
		for at < len(t.src) && (t.src[at] == ' ' || t.src[at] == '\t') {
			at++
		}
	}
	return at, at < len(t.src) && breakWidth(t.src[at:]) == 0
}

// quotedEnd returns the offset behind the quoted scalar that starts at at.
func (t *text) quotedEnd(at int) (end int, ok bool) {
	if at >= len(t.src) {
		return at, false
	}
	quote := t.src[at]
	for i := at + 1; i < len(t.src); i++ {
		switch {
		case quote == '"' && t.src[i] == '\\':
			i++
		case t.src[i] != quote:
		case quote == '\'' && i+1 < len(t.src) && t.src[i+1] == quote:
			i++
		default:
			return i + 1, true
		}
	}
	return len(t.src), false
}

// blockScalar is where a literal or folded scalar stands.
type blockScalar struct {
	header, headerEnd int // offsets of `|2-` and behind it
	explicit          bool
	indent            int // column of the content; -1 when there is none
	first, last       int // content lines, last < first when there are none
}

// block finds a block scalar. parent is the column of the entry it is in.
func (t *text) block(n *yaml.Node, parent int) (b blockScalar, ok bool) {
	at, ok := t.skipProperties(t.offset(n))
	if !ok || t.src[at] != '|' && t.src[at] != '>' {
		return b, false
	}
	b = blockScalar{header: at, indent: -1}
	keep := false
	for at++; at < len(t.src) && bytes.IndexByte([]byte("+-123456789"), t.src[at]) >= 0; at++ {
		switch c := t.src[at]; c {
		case '+':
			keep = true
		case '-':
		default:
			b.explicit, b.indent = true, parent+int(c-'0')
		}
	}
	b.headerEnd = at
	line := t.lineOf(b.header)
	b.first, b.last = line+1, line
	for l := b.first; l < len(t.starts); l++ {
		indent := t.indentOf(l)
		if indent < 0 {
			if keep {
				b.last = l
			}
			continue
		}
		if b.indent < 0 && indent > parent {
			b.indent = indent
		}
		if b.indent < 0 || indent < b.indent {
			break
		}
		b.last = l
	}
	return b, true
}

// leafEnd returns the last line of the last scalar in a value, as far as it
// can be told without knowing what follows.
func (t *text) leafEnd(v *yaml.Node, parent int) int {
	switch {
	case v.Kind == yaml.ScalarNode && v.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		if at, ok := t.skipProperties(t.offset(v)); ok {
			end, _ := t.quotedEnd(at)
			return t.lineOf(end - 1)
		}
	case v.Kind == yaml.ScalarNode && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if b, ok := t.block(v, parent); ok {
			return b.last
		}
	case v.Kind == yaml.MappingNode && len(v.Content) > 0:
		return t.leafEnd(v.Content[len(v.Content)-1], v.Content[len(v.Content)-2].Column-1)
	case v.Kind == yaml.SequenceNode && len(v.Content) > 0:
		return t.leafEnd(v.Content[len(v.Content)-1], v.Column-1)
	}
	return v.Line - 1
}

// contentEnd returns the last line of an entry that starts at line first and
// ends before line bound, without the comments and blank lines behind it.
func (t *text) contentEnd(v *yaml.Node, first, bound, parent int) int {
	last := max(first, bound-1)
	for last > first && t.isFiller(last) {
		last--
	}
	return max(last, t.leafEnd(v, parent))
}
