package plugin

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"
)

// What an object is to a role, and whether a documented scenario is satisfied.
const (
	statusFound    = "found"
	statusRejected = "rejected"
	statusUnclear  = "unclear"
	statusNone     = "none"
	statusYes      = "yes"
	statusNo       = "no"
)

// print writes a table for each role, as plan writes one for each concern.
func (f *inspection) print(w *bytes.Buffer, s style, all bool) {
	var groups []group
	for _, role := range f.roles {
		rows := role.rows()
		if !all {
			rows = countAlike(rows)
		}
		if len(rows) > 0 {
			groups = append(groups, group{role.title, rows})
		}
	}
	rest := func(title string, list []registry.Evidence) {
		var rows []row
		for _, e := range list {
			rows = append(rows, evidenceRow("", e, codesOf(e)))
		}
		if !all {
			rows = countAlike(rows)
		}
		if len(rows) > 0 {
			groups = append(groups, group{title, rows})
		}
	}
	rest("Other objects of the release", f.release)
	rest("Not understood", f.unknown)
	if len(f.satisfied) > 0 {
		var rows []row
		for _, d := range f.satisfied {
			r := row{action: d.status(), object: d.Name}
			if !d.Satisfied {
				r.what = []string{printable(scrub(d.Reason))}
			}
			rows = append(rows, r)
		}
		groups = append(groups, group{"Documented scenarios", rows})
	}
	s.printGroups(w, groups)
	for _, line := range wrap(f.summary(), s.width) {
		fmt.Fprintln(w, s.paint(bold, line))
	}
}

func (r inspectedRole) rows() []row {
	var rows []row
	for _, e := range r.found {
		words := factsOf(e)
		if r.name == string(registry.CertManager) {
			words = codesOf(e) // the paths of fifty objects differ, the facts do not
		}
		rows = append(rows, evidenceRow(statusFound, e, words))
	}
	if r.note != "" {
		status := statusNone
		if r.isAmbiguous {
			status = statusUnclear
		}
		rows = append(rows, row{action: status, object: "–", what: []string{printable(r.note)}})
	}
	for _, e := range r.rejected {
		status := statusRejected
		if len(e.Against) == 0 {
			status = statusUnclear
		}
		rows = append(rows, evidenceRow(status, e, factsOf(e)))
	}
	return rows
}

func factsOf(e registry.Evidence) string {
	return printable(scrub(strings.TrimPrefix(e.String(), "but ")))
}

func evidenceRow(status string, e registry.Evidence, words string) row {
	r := row{action: status, object: printable(e.Object.ID()), kinds: []string{printable(e.Object.Kind)}}
	if words != "" {
		r.what = []string{words}
	}
	return r
}

// codesOf is the evidence by the codes of its facts.
func codesOf(e registry.Evidence) string {
	var words []string
	for _, fact := range e.For {
		words = append(words, string(fact.Code))
	}
	for _, fact := range e.Against {
		words = append(words, "not: "+string(fact.Code))
	}
	return strings.Join(words, ", ")
}

// summary is the inspection in one line.
func (f *inspection) summary() string {
	if f.registry == nil {
		return "No connected registry is recognized; the rest says what was looked at."
	}
	var names []string
	for _, d := range f.satisfied {
		if d.Satisfied {
			names = append(names, d.Name)
		}
	}
	satisfied := "no documented scenario"
	if len(names) > 0 {
		satisfied = strings.Join(names, ", ")
	}
	return fmt.Sprintf("Registry %s; satisfies %s; %s not understood.",
		printable(f.registry.Workload.ID()), satisfied, count(len(f.unknown), "object"))
}

// inspectedJSON is an inspection as --output json has it.
type inspectedJSON struct {
	Roles         []roleJSON         `json:"roles"`
	Release       []evidenceJSON     `json:"release"`
	NotUnderstood []evidenceJSON     `json:"notUnderstood"`
	Scenarios     []documentedResult `json:"scenarios"`
	Problems      []problem          `json:"problems"`
}

type roleJSON struct {
	Role     string         `json:"role"`
	Found    []evidenceJSON `json:"found"`
	Rejected []evidenceJSON `json:"rejected"`
	Note     string         `json:"note,omitempty"`
}

type evidenceJSON struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	Document   string `json:"document"`
	evidence
}

func (f *inspection) json() inspectedJSON {
	shown := inspectedJSON{
		Roles: []roleJSON{}, Release: evidenceListOf(f.release), NotUnderstood: evidenceListOf(f.unknown),
		Scenarios: append([]documentedResult{}, f.satisfied...), Problems: append([]problem{}, problemsOf(f.missing)...),
	}
	for _, r := range f.roles {
		shown.Roles = append(shown.Roles, roleJSON{r.name, evidenceListOf(r.found), evidenceListOf(r.rejected), r.note})
	}
	return shown
}

func evidenceListOf(list []registry.Evidence) []evidenceJSON {
	shown := []evidenceJSON{}
	for _, e := range list {
		o := e.Object
		shown = append(shown, evidenceJSON{o.APIVersion, o.Kind, scrub(o.Namespace), scrub(o.Name), scrub(o.Document()), evidenceOf(e)})
	}
	return shown
}

// lines are the roles and the evidence, one object a line, for a comparison.
func (f *inspection) lines() []string {
	var lines []string
	add := func(role, status string, list []registry.Evidence) {
		for _, e := range list {
			lines = append(lines, printable(scrub(fmt.Sprintf("%s: %s %s (%s)", role, status, e.Object.ID(), codesOf(e)))))
		}
	}
	for _, r := range f.roles {
		add(r.name, statusFound, r.found)
		add(r.name, statusRejected, r.rejected)
		if r.note != "" {
			lines = append(lines, printable(r.name+": "+r.note))
		}
	}
	add("release", statusFound, f.release)
	add("not understood", statusFound, f.unknown)
	return lines
}

// comparedJSON is what differs between two renders.
type comparedJSON struct {
	Removed []string `json:"removed"`
	Added   []string `json:"added"`
}

// runCompare writes what differs in roles and evidence between two renders.
func (p *program) runCompare(before, after string, flags inspectFlags) error {
	was, err := p.inspectFile(before, flags)
	if err != nil {
		return err
	}
	is, err := p.inspectFile(after, flags)
	if err != nil {
		return err
	}
	compared := comparedJSON{Removed: missingFrom(is.lines(), was.lines()), Added: missingFrom(was.lines(), is.lines())}
	if flags.output.value == "json" {
		err = p.writeJSON(compared)
	} else {
		err = p.write(compared.print(p.style(flags.color.value)))
	}
	if err == nil && flags.exitCode && len(compared.Removed)+len(compared.Added) > 0 {
		return exitError(exitChanges)
	}
	return err
}

func missingFrom(list, other []string) []string {
	missing := []string{}
	for _, line := range other {
		if !slices.Contains(list, line) {
			missing = append(missing, line)
		}
	}
	return missing
}

func (c comparedJSON) print(s style) *bytes.Buffer {
	var out bytes.Buffer
	for _, line := range c.Removed {
		fmt.Fprintln(&out, s.paint(red, "- "+line))
	}
	for _, line := range c.Added {
		fmt.Fprintln(&out, s.paint(green, "+ "+line))
	}
	if out.Len() == 0 {
		fmt.Fprintln(&out, "No difference in roles and evidence.")
	}
	return &out
}
