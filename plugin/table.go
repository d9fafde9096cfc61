package plugin

import (
	"bytes"
	"fmt"
	"strings"
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
func (p *planned) print(w *bytes.Buffer, s style, flags planFlags) {
	for _, c := range p.changes {
		if flags.diff && action(c) != actionRemove {
			s.printDiff(w, diff(c))
		}
	}
	groups := p.groups(flags.all, flags.explain)
	s.printGroups(w, groups)
	for _, line := range wrap(p.summary(), s.width) {
		fmt.Fprintln(w, s.paint(bold, line))
	}
	p.printNotes(w, s)
}

// summary is the plan in one line.
func (p *planned) summary() string {
	if len(p.changes) == 0 {
		return fmt.Sprintf("Scenario %s changes nothing: it holds already.", printable(p.scenario))
	}
	return fmt.Sprintf("Scenario %s: %s.", printable(p.scenario), p.counts())
}

func (p *planned) counts() string {
	totals := p.totals()
	return fmt.Sprintf("%d to add, %d to change, %d to remove", totals[actionAdd], totals[actionChange], totals[actionRemove])
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

// note is what needs attention: an override of a layer, or a warning.
type note struct{ label, text string }

func (p *planned) notes() []note {
	var notes []note
	for _, o := range p.overrides {
		notes = append(notes, note{"override", printable(scrub(overrideLine(o)))})
	}
	for _, w := range p.report.Warnings {
		notes = append(notes, note{"warning", printable(scrub(strings.TrimPrefix(w.String(), "warning: ")))})
	}
	return notes
}

var noteColors = map[string]string{"override": cyan, "warning": yellow}

// printNotes writes what needs attention where it is read: at the end.
func (p *planned) printNotes(w *bytes.Buffer, s style) {
	label := ""
	for _, n := range p.notes() {
		if n.label != label {
			fmt.Fprintln(w)
			label = n.label
		}
		for i, line := range wrap(n.label+": "+n.text, s.width-2) {
			if text, ok := strings.CutPrefix(line, n.label+":"); ok && i == 0 {
				fmt.Fprintln(w, s.paint(noteColors[n.label], n.label+":")+text)
				continue
			}
			fmt.Fprintln(w, "  "+line)
		}
	}
}

// leastWhat is how narrow the last column may get before the table is given up
// for a list.
const leastWhat = 32

// printGroups writes a table for each concern, with the same columns, or lists.
func (s style) printGroups(w *bytes.Buffer, groups []group) {
	var actions, objects int
	for _, g := range groups {
		for _, r := range g.rows {
			actions, objects = max(actions, length(r.action)), max(objects, length(r.objects()))
		}
	}
	indent := 2 + actions + 2 + objects + 2
	list := s.width > 0 && s.width-indent < leastWhat
	for _, g := range groups {
		fmt.Fprintln(w, s.paint(bold, g.title))
		for _, r := range g.rows {
			if list {
				s.printItem(w, r)
				continue
			}
			s.printRow(w, r, actions, objects)
		}
		fmt.Fprintln(w)
	}
}

func (s style) printRow(w *bytes.Buffer, r row, actions, objects int) {
	lead := "  " + s.paint(actionColors[r.action], pad(r.action, actions)) + "  " + pad(r.objects(), objects) + "  "
	indent := 2 + actions + 2 + objects + 2
	what := s.whatLines(r, s.width-indent)
	if len(what) == 0 {
		fmt.Fprintln(w, strings.TrimRight(lead, " "))
	}
	for _, line := range what {
		fmt.Fprintln(w, lead+line)
		lead = strings.Repeat(" ", indent)
	}
}

// printItem is a row for a terminal that is too narrow for a table.
func (s style) printItem(w *bytes.Buffer, r row) {
	indent := strings.Repeat(" ", 2+length(r.action)+1)
	for i, part := range wrapID(r.objects(), s.width-len(indent)-2) {
		if i == 0 {
			fmt.Fprintf(w, "  %s %s\n", s.paint(actionColors[r.action], r.action), part)
			continue
		}
		fmt.Fprintln(w, indent+"  "+part)
	}
	for _, line := range s.whatLines(r, s.width-4) {
		fmt.Fprintln(w, "    "+line)
	}
}

// whatLines is what is done to a row's objects, in lines of the width.
func (style) whatLines(r row, width int) []string {
	all := r.what
	if r.object == "" {
		all = append(all[:len(all):len(all)], r.perKind()+" (--all lists them)")
	}
	var lines []string
	for _, what := range all {
		for i, line := range wrap(what, width-2) {
			if i > 0 {
				line = "  " + line
			}
			lines = append(lines, strings.ReplaceAll(line, string(noBreak), " "))
		}
	}
	return lines
}
