package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
)

var quotedStyles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle

// inlineScalar returns a scalar as it stands on one line; ok is false when
// YAML cannot write it. style is how the scalar was written before, and holds
// where the scalar itself asks for no style. flow tells that it stands inside
// of `{}` or `[]`, asJSON that it must be JSON too.
func inlineScalar(n *yaml.Node, style yaml.Style, flow, asJSON bool) (string, bool) {
	tag := scalarTag(n)
	if !utf8.ValidString(n.Value) {
		return "", false
	}
	if n.Style&(quotedStyles|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		style = n.Style
	}
	switch tag {
	case yaml.NodeTagNull:
		return "null", true
	case yaml.NodeTagString:
		return inlineString(n.Value, style, flow, asJSON), true
	}
	if asJSON {
		return n.Value, json.Valid([]byte(n.Value))
	}
	if resolvedTag(n.Value) == tag {
		return n.Value, true
	}
	return tag + " " + doubleQuoted(n.Value), true
}

func inlineString(s string, style yaml.Style, flow, asJSON bool) string {
	switch {
	case asJSON:
		return jsonString(s)
	case style&yaml.DoubleQuotedStyle != 0:
		return doubleQuoted(s)
	case style&yaml.SingleQuotedStyle != 0 && isPrintable(s):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	case canBePlain(s, flow):
		return s
	}
	return doubleQuoted(s)
}

// notPlain matches strings that a YAML 1.1 or 1.2 reader may take for
// something else when they are not quoted: booleans, nulls, numbers in every
// notation, dates, the merge key. It rather quotes one too many.
var notPlain = lazyregexp.New(`^(?i:y|n|yes|no|on|off|true|false|null|nil|~|=|<<|[-+]?\.(inf|nan)` +
	`|[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?` + // decimal and old octal
	`|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?` + // sexagesimal
	`|[-+]?0(x[0-9a-f_]+|o[0-7_]+|b[01_]+))$` +
	`|^[0-9]{4}-[0-9]+-[0-9]+`)

// canBePlain says whether a string reads back as itself without quotes.
func canBePlain(s string, flow bool) bool {
	if s == "" || !isPrintable(s) || notPlain().MatchString(s) || resolvedTag(s) != yaml.NodeTagString {
		return false
	}
	switch s[0] {
	case '-', '?', ':':
		if len(s) == 1 || s[1] == ' ' || flow {
			return false
		}
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', ' ':
		return false
	}
	if strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") {
		return false
	}
	if strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") || strings.HasSuffix(s, " ") {
		return false
	}
	return !flow || !strings.ContainsAny(s, ",[]{}:")
}

// isPrintable says whether a string can stand in the source on one line as
// it is.
func isPrintable(s string) bool {
	for _, r := range s {
		if !isPrintableRune(r) {
			return false
		}
	}
	return true
}

func isPrintableRune(r rune) bool {
	return r == ' ' || unicode.IsPrint(r)
}

// doubleQuoted writes any valid string in double quotes.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case isPrintableRune(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// literalHeader returns the header of a literal scalar for s, as in `|2-`;
// ok is false when s cannot be written as one. indent is the column of the
// content relative to the entry; the header states it when it must.
func literalHeader(s string, indent int, state bool) (header string, ok bool) {
	if !canBeLiteral(s) || indent < 1 || indent > 9 {
		return "", false
	}
	header = "|"
	if s[0] == ' ' || state {
		header += fmt.Sprint(indent)
	}
	switch {
	case !strings.HasSuffix(s, "\n"):
		header += "-"
	case strings.HasSuffix(s, "\n\n"):
		header += "+"
	}
	return header, true
}

// canBeLiteral accepts strings of printable characters and tabs whose first
// line is not blank.
func canBeLiteral(s string) bool {
	first, _, _ := strings.Cut(s, "\n")
	if strings.TrimLeft(first, " \t") == "" {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && !isPrintableRune(r) {
			return false
		}
	}
	return true
}

// indentLines puts spaces before each line of s that is not empty, and ends
// the last line.
func indentLines(s string, indent int) string {
	var b strings.Builder
	prefix := strings.Repeat(" ", indent)
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line != "" {
			b.WriteString(prefix)
			b.WriteString(line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
