package plugin

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// style is how a plan is shown.
type style struct {
	color bool
	width int // of the terminal, 0 for as wide as it takes
}

// style follows the choice of --color, and without one what stdout is.
// Source: https://no-color.org.
func (p *program) style(color string) style {
	s := style{color: color == "always"}
	if p.IsTerminal(p.Out) {
		s.width = p.Width(p.Out)
		s.color = s.color || color == "auto" && p.env("NO_COLOR") == "" && p.env("TERM") != "dumb"
	}
	return s
}

// Terminal colours by what they mean here.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
)

func (s style) paint(color, text string) string {
	if !s.color || color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

var actionColors = map[string]string{actionAdd: green, actionChange: yellow, actionRemove: red}

// print writes the diff first: it is long, and the end is what a terminal shows.
// Objects that go are in the table only: the text of a cert-manager would bury what
// changes. JSON has it.
func (p *planned) print(w *bytes.Buffer, s style, withDiff bool) {
	if len(p.changes) == 0 {
		fmt.Fprintf(w, "Scenario %s changes nothing: it holds already.\n", p.scenario)
	}
	for _, c := range p.changes {
		if withDiff && action(c) != actionRemove {
			s.printDiff(w, diff(c))
		}
	}
	s.printTable(w, p.rows())
	p.printNotes(w, s)
	if len(p.changes) > 0 {
		totals := p.totals()
		fmt.Fprintf(w, "\nScenario %s: %d to add, %d to change, %d to remove.\n",
			p.scenario, totals[actionAdd], totals[actionChange], totals[actionRemove])
	}
}

func (s style) printDiff(w *bytes.Buffer, text string) {
	if text == "" {
		return
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		color := ""
		switch {
		case i < 2:
			color = bold
		case strings.HasPrefix(line, "@@"):
			color = cyan
		case strings.HasPrefix(line, "+"):
			color = green
		case strings.HasPrefix(line, "-"):
			color = red
		}
		fmt.Fprintln(w, s.paint(color, line))
	}
	fmt.Fprintln(w)
}

// printNotes writes what needs attention: overrides of layers, and warnings.
func (p *planned) printNotes(w *bytes.Buffer, s style) {
	var notes []string
	for _, o := range p.overrides {
		notes = append(notes, overrideLine(o))
	}
	for _, warning := range p.report.Warnings {
		notes = append(notes, warning.String())
	}
	if len(notes) == 0 {
		return
	}
	fmt.Fprintln(w)
	for _, note := range notes {
		for i, line := range wrap(printable(scrub(note)), s.width-2) {
			if i > 0 {
				line = "  " + line
			}
			fmt.Fprintln(w, s.paint(yellow, line))
		}
	}
}

// row is a line of the table. Rows of the same object follow each other, and only
// the first of them names it.
type row struct{ action, object, transformer, what string }

func (p *planned) rows() []row {
	var rows []row
	for _, c := range p.changes {
		r := row{action: action(c), object: printable(c.Object.ID())}
		done := p.done(c.Object)
		if len(done) == 0 {
			rows = append(rows, r)
		}
		for _, d := range done {
			r.transformer, r.what = d.Transformer, printable(scrub(d.Message))
			rows = append(rows, r)
			r.action, r.object = "", ""
		}
	}
	return rows
}

// leastWhat is how narrow the last column may get before the table is given up
// for a list.
const leastWhat = 32

func (s style) printTable(w *bytes.Buffer, rows []row) {
	if len(rows) == 0 {
		return
	}
	head := row{"ACTION", "OBJECT", "TRANSFORMER", "WHAT"}
	var actions, objects, names int
	for _, r := range append([]row{head}, rows...) {
		actions, objects, names = max(actions, length(r.action)), max(objects, length(r.object)), max(names, length(r.transformer))
	}
	indent := actions + objects + names + 6
	if s.width > 0 && s.width-indent < leastWhat {
		s.printList(w, rows)
		return
	}
	line := func(r row, what string) {
		fmt.Fprintf(w, "%s  %s  %s  %s\n", s.paint(actionColors[r.action], pad(r.action, actions)), pad(r.object, objects), pad(r.transformer, names), what)
	}
	fmt.Fprintln(w, s.paint(bold, fmt.Sprintf("%s  %s  %s  %s", pad(head.action, actions), pad(head.object, objects), pad(head.transformer, names), head.what)))
	for _, r := range rows {
		for i, what := range wrap(r.what, s.width-indent) {
			if i == 0 {
				line(r, what)
				continue
			}
			fmt.Fprintln(w, strings.Repeat(" ", indent)+what)
		}
	}
}

// printList is the table for a terminal that is too narrow for one. Objects to
// which the same is done share a line that says so.
func (s style) printList(w *bytes.Buffer, rows []row) {
	for i, r := range rows {
		if r.object != "" {
			fmt.Fprintf(w, "%s %s\n", s.paint(actionColors[r.action], r.action), r.object)
		}
		alone := i+2 >= len(rows) || rows[i+2].object != "" // the next object has one row
		if i+1 < len(rows) && r.sameDone(rows[i+1]) && alone {
			continue
		}
		for j, line := range wrap(r.transformer+": "+r.what, s.width-4) {
			if j > 0 {
				line = "  " + line
			}
			fmt.Fprintln(w, "  "+line)
		}
	}
}

// sameDone says whether next is another object with the same done to it.
func (r row) sameDone(next row) bool {
	return r.object != "" && next.object != "" && r.action == next.action && r.transformer == next.transformer && r.what == next.what
}

func length(text string) int { return utf8.RuneCountInString(text) }

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-length(text), 0))
}

// wrap breaks a text at its spaces; a word that is longer than a line is left
// whole, so that it can be copied. A width of 0 or less does not limit.
func wrap(text string, width int) []string {
	if width <= 0 || length(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
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
