package plugin

import (
	"strings"
	"unicode"

	eastasian "golang.org/x/text/width"
)

// length is how many columns of a terminal a text takes.
func length(text string) int {
	columns := 0
	for _, r := range text {
		columns += runeColumns(r)
	}
	return columns
}

// runeColumns is 2 for wide characters and 0 for marks on the one before.
// Source: Unicode Standard Annex #11.
func runeColumns(r rune) int {
	switch {
	case r < unicode.MaxASCII:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	switch eastasian.LookupRune(r).Kind() {
	case eastasian.EastAsianWide, eastasian.EastAsianFullwidth:
		return 2
	}
	return 1
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-length(text), 0))
}

// cut shortens a text to so many columns.
func cut(text string, columns int) string {
	for i, r := range text {
		if columns -= runeColumns(r); columns < 0 {
			return text[:i]
		}
	}
	return text
}

// noBreak is a space at which no line ends.
const noBreak = '\u00a0'

// wrap breaks a text at its spaces; a word that is longer than a line is left
// whole, so that it can be copied. A width of 0 or less does not limit.
func wrap(text string, width int) []string {
	if width <= 0 || length(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) && r != noBreak }) {
		switch {
		case line == "":
			line = word
		case length(line)+1+length(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// wrapID breaks an object's kind/namespace/name after a slash.
func wrapID(id string, width int) []string {
	lines := []string{""}
	for _, part := range strings.SplitAfter(id, "/") {
		last := &lines[len(lines)-1]
		if *last != "" && length(*last)+length(part) > width {
			lines = append(lines, part)
			continue
		}
		*last += part
	}
	return lines
}
