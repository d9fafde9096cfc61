package plugin

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

const explainHelp = `Explain a field of a scenario file, or without FIELD the file itself, as kubectl
explain does: what the field means, what it takes, and which fields it has.

FIELD is a path such as spec.tls.secret. A field that is left out of a scenario
means "as the chart rendered it", unless its default is told.

Errors and warnings end in a code, as in [san-missing]. Explain a CODE to read
why it happens and what to do.`

const explainExamples = `  # a field, and the fields below it
  ` + name + ` explain spec.certManager

  # every field there is, with types
  ` + name + ` explain --recursive

  # what an error's code stands for
  ` + name + ` explain san-missing`

// The widths between which texts are wrapped: what a page without a terminal has,
// and what is still easy to read.
const (
	pageWidth = 80
	mostWidth = 100
)

func (p *program) explainCommand() *cobra.Command {
	var recursive bool
	cmd := &cobra.Command{
		Use:     "explain [FIELD|CODE]",
		Short:   "Explain a field of a scenario file, or an error's code",
		Long:    explainHelp,
		Example: explainExamples,
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%d fields are given, expected one at most", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeField,
		RunE: func(_ *cobra.Command, args []string) error {
			var out bytes.Buffer
			asked := append(args, "")[0]
			if entry, ok := codes.Find(asked); ok {
				explainCode(&out, p.style("auto"), entry)
				return p.write(&out)
			}
			field, err := scenario.Describe().Find(asked)
			if err != nil {
				return usageError{orCode(err, asked)}
			}
			explain(&out, p.style("auto"), field, recursive)
			return p.write(&out)
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "name the fields of fields too, without what they mean")
	return cmd
}

// orCode is the error on what is no field, and looks like a code.
func orCode(err error, asked string) error {
	if !strings.Contains(asked, "-") || strings.Contains(asked, ".") {
		return err
	}
	return codes.Errorf(codes.CommandLine, "no error or warning has the code %s; docs/errors.md lists them", strconv.Quote(asked))
}

// explainCode writes what there is to know about a code. Backquotes are for pages.
func explainCode(w *bytes.Buffer, s style, entry codes.Entry) {
	s.width = s.ofPage()
	plain := strings.NewReplacer("`", "")
	fmt.Fprintf(w, "%s  %s\n", s.paint(bold, "CODE:"), entry.Code)
	for _, part := range []struct{ title, text string }{{"CAUSE:", entry.Cause}, {"FIX:", entry.Fix}} {
		fmt.Fprintf(w, "\n%s\n", s.paint(bold, part.title))
		s.indent(w, plain.Replace(part.text))
	}
}

// ofPage is the width of a page, the terminal's within limits.
func (s style) ofPage() int {
	if s.width == 0 {
		return pageWidth
	}
	return min(s.width, mostWidth)
}

// explain writes what kubectl explain writes, in its order.
func explain(w *bytes.Buffer, s style, field scenario.Field, recursive bool) {
	s.width = s.ofPage()
	fmt.Fprintf(w, "%s  %s\n", s.paint(bold, "KIND:   "), scenario.Kind)
	fmt.Fprintf(w, "%s  %s\n", s.paint(bold, "VERSION:"), scenario.APIVersion)
	if field.Path != "" {
		fmt.Fprintf(w, "%s  %s <%s>%s\n", s.paint(bold, "FIELD:  "), field.Path, field.Type, required(field))
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, "DESCRIPTION:"))
	s.indent(w, field.Description)
	if lines := takes(field); len(lines) > 0 {
		fmt.Fprintln(w)
		for _, line := range lines {
			s.indent(w, line)
		}
	}
	if len(field.Fields) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, "FIELDS:"))
	if recursive {
		s.printTree(w, field.Fields, 2)
		return
	}
	for i, f := range field.Fields {
		if i > 0 {
			fmt.Fprintln(w)
		}
		s.printHead(w, f, 2)
		for _, line := range append(takes(f), f.Description) {
			s.indent(w, line)
		}
	}
}

func required(f scenario.Field) string {
	if f.Required {
		return " -required-"
	}
	return ""
}

// takes says what values a field has, a line for each thing there is to say.
func takes(f scenario.Field) []string {
	var lines []string
	if len(f.Values) > 0 {
		lines = append(lines, "values: "+strings.Join(f.Values, ", "))
	}
	switch {
	case f.Accepts == "":
	case strings.HasPrefix(f.Type, "[]"), strings.HasPrefix(f.Type, "map"):
		lines = append(lines, "each: "+f.Accepts)
	default:
		lines = append(lines, "expected: "+f.Accepts)
	}
	if f.Otherwise != "" {
		lines = append(lines, "default: "+f.Otherwise)
	}
	return lines
}

func (s style) printTree(w *bytes.Buffer, fields []scenario.Field, depth int) {
	for _, f := range fields {
		s.printHead(w, f, depth, f.Values...)
		s.printTree(w, f.Fields, depth+2)
	}
}

func (s style) printHead(w *bytes.Buffer, f scenario.Field, depth int, values ...string) {
	fmt.Fprintf(w, "%s%s  <%s>%s", strings.Repeat(" ", depth), s.paint(cyan, f.Name()), f.Type, required(f))
	if len(values) > 0 {
		fmt.Fprintf(w, "  %s", strings.Join(values, ", "))
	}
	fmt.Fprintln(w)
}

func (s style) indent(w *bytes.Buffer, text string) {
	const depth = 4
	for _, line := range wrap(text, s.width-depth) {
		fmt.Fprintln(w, strings.Repeat(" ", depth)+line)
	}
}
