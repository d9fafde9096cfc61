package plugin

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/scenario"
)

const explainHelp = `Explain a field of a scenario file, or without FIELD the file itself, as kubectl
explain does: what the field means, what it takes, and which fields it has.

FIELD is a path such as spec.tls.secret. A field that is left out of a scenario
means "as the chart rendered it", unless its default is told.`

const explainExamples = `  # a field, and the fields below it
  ` + name + ` explain spec.certManager

  # every field there is, with types
  ` + name + ` explain --recursive`

// The widths between which texts are wrapped: what a page without a terminal has,
// and what is still easy to read.
const (
	pageWidth = 80
	mostWidth = 100
)

func (p *program) explainCommand() *cobra.Command {
	var recursive bool
	cmd := &cobra.Command{
		Use:     "explain [FIELD]",
		Short:   "Explain a field of a scenario file",
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
			field, err := scenario.Describe().Find(append(args, "")[0])
			if err != nil {
				return usageError{err}
			}
			var out bytes.Buffer
			explain(&out, p.style("auto"), field, recursive)
			return p.write(&out)
		},
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "name the fields of fields too, without what they mean")
	return cmd
}

// explain writes what kubectl explain writes, in its order.
func explain(w *bytes.Buffer, s style, field scenario.Field, recursive bool) {
	if s.width == 0 {
		s.width = pageWidth
	}
	s.width = min(s.width, mostWidth)
	fmt.Fprintf(w, "%s  %s\n", s.paint(bold, "KIND:   "), scenario.Kind)
	fmt.Fprintf(w, "%s  %s\n", s.paint(bold, "VERSION:"), scenario.APIVersion)
	if field.Path != "" {
		fmt.Fprintf(w, "%s  %s <%s>%s\n", s.paint(bold, "FIELD:  "), field.Path, field.Type, required(field))
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, "DESCRIPTION:"))
	s.indent(w, 4, field.Description)
	if lines := takes(field); len(lines) > 0 {
		fmt.Fprintln(w)
		for _, line := range lines {
			s.indent(w, 4, line)
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
			s.indent(w, 4, line)
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

func (s style) indent(w *bytes.Buffer, depth int, text string) {
	for _, line := range wrap(text, s.width-depth) {
		fmt.Fprintln(w, strings.Repeat(" ", depth)+line)
	}
}
