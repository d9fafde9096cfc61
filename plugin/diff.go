package plugin

import (
	"strings"

	"github.com/pmezard/go-difflib/difflib"

	"github.com/connected-registry/scenario/transformers/resource"
)

// diff is a change as a unified diff, without secrets.
func diff(c resource.Change) string {
	before, after := redactPair(c.Object.Kind, c.Before, c.After)
	unified := difflib.UnifiedDiff{
		A: lines(before), FromFile: "a/" + c.Object.ID(),
		B: lines(after), ToFile: "b/" + c.Object.ID(),
		Context: 3,
	}
	if c.Before == nil {
		unified.FromFile = "/dev/null"
	}
	if c.After == nil {
		unified.ToFile = "/dev/null"
	}
	text, err := difflib.GetUnifiedDiffString(unified)
	if err != nil { // of a writer to memory
		return ""
	}
	return text
}

// lines splits a text into lines that all end in a line feed, as a diff needs them.
func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, printable(strings.TrimRight(line, "\r\n"))+"\n")
	}
	return all
}
