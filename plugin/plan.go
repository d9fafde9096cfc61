package plugin

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

const planHelp = `Show what a scenario would change on a rendered chart: a diff, a table of what
is done about each concern to which object, and what needs attention. Nothing is
changed. Secrets are not shown; a different digest in their place means a
different value.

RENDER is a file, or - (or nothing) for stdin. Objects to which the same is done
are counted where they are many; --all lists them, as --output json always does.
--explain shows why each object that is removed is the chart's.
--output markdown is for a comment on a pull request: it is never longer than
the 65,536 characters that GitHub takes, and says what it leaves out.
--color=auto means colours on a terminal, unless NO_COLOR is set.

The exit code is 0 whether anything would change or not. With --exit-code it
is that of diff and kubectl diff: 0 for no changes, 1 for changes, 2 for errors.`

const planExamples = `  helm template edge ./chart -n edge |
    ` + name + ` plan -s site.yaml

  # two layers, and the table only
  ` + name + ` plan -s base.yaml -s site.yaml --diff=false x.yaml

  # a comment on a pull request
  ` + name + ` plan -s site.yaml --output markdown x.yaml

  # on what is deployed now
  helm get manifest edge -n edge |
    ` + name + ` plan -s site.yaml -n edge`

// exitChanges is what plan --exit-code has in common with diff.
const exitChanges = 1

// planFlags are plan's own.
type planFlags struct {
	scenarioFlags
	diff, all, explain, exitCode bool
	output, color                *choice
}

// planned is what a scenario would do to a render.
type planned struct {
	scenario  string
	report    *transformers.Report
	changes   []resource.Change
	overrides []scenario.Override
	set       *resource.Set // the result
}

func (p *program) planCommand() *cobra.Command {
	var flags planFlags
	cmd := &cobra.Command{
		Use:     "plan --scenario FILE [RENDER|-]",
		Short:   "Show what a scenario would change",
		Long:    planHelp,
		Example: planExamples,
		GroupID: groupPeople,
		Args:    oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			return flags.judge(p.runPlan(append(args, "-")[0], flags))
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().BoolVar(&flags.diff, "diff", true, "show the diff")
	cmd.Flags().BoolVar(&flags.all, "all", false, "list every object, however many are alike")
	cmd.Flags().BoolVar(&flags.explain, "explain", false, "show the evidence for each removal")
	cmd.Flags().BoolVar(&flags.exitCode, "exit-code", false, "exit with 1 if anything would change")
	flags.output = addChoice(cmd, "output", "`FORMAT`", "table", "json", "markdown")
	flags.color = addChoice(cmd, "color", "`WHEN`", "auto", "always", "never")
	return cmd
}

// judge makes every error one of exit code 2 where 1 means changes.
func (f planFlags) judge(err error) error {
	if _, told := errors.AsType[exitError](err); err == nil || told || !f.exitCode {
		return err
	}
	return diffError{err}
}

// diffError is an error of plan --exit-code.
type diffError struct{ error }

func (e diffError) Unwrap() error { return e.error }

func (p *program) runPlan(render string, flags planFlags) error {
	layer, overrides, err := p.loadScenario(flags.scenarioFlags)
	if err != nil {
		return err
	}
	p.progress = p.startProgress()
	defer p.progress.stop()
	planned, err := p.plan(layer, overrides, render, flags.namespace)
	if err != nil {
		return err
	}
	err = p.writePlan(planned, flags)
	if err == nil && flags.exitCode && len(planned.changes) > 0 {
		return exitError(exitChanges)
	}
	return err
}

func (p *program) writePlan(planned *planned, flags planFlags) error {
	p.progress.phase("writing the plan")
	var out bytes.Buffer
	switch flags.output.value {
	case "json":
		shown := planned.json(flags.diff)
		p.progress.stop()
		return p.writeJSON(shown)
	case "markdown":
		planned.markdown(&out, flags)
	default:
		planned.print(&out, p.style(flags.color.value), flags)
	}
	p.progress.stop()
	return p.write(&out)
}

// plan runs a scenario on a render without writing anything.
func (p *program) plan(layer *scenario.Layer, overrides []scenario.Override, render, namespace string) (*planned, error) {
	input, render, err := p.readRender(render)
	if err != nil {
		return nil, err
	}
	p.progress.phase("parsing %s", megabytes(len(input)))
	set, err := parseSome(input, render)
	if err != nil {
		return nil, err
	}
	p.progress.phase("patching %s, %s", megabytes(len(input)), count(set.Len(), "document"))
	report, changes, err := p.rerun(set, layer, namespace)
	if err != nil {
		return nil, err
	}
	// A cert-manager that goes is fifty objects; what stays is read last.
	slices.SortStableFunc(changes, func(a, b resource.Change) int {
		return cmp.Compare(slices.Index(actions, action(a)), slices.Index(actions, action(b)))
	})
	return &planned{scenario: scrub(layer.Scenario.Metadata.Name), report: report, changes: changes, overrides: overrides, set: set}, nil
}

// rerun runs a scenario in memory and returns the objects that it would write
// otherwise than they are. plan shows them, and verify finds none.
func (p *program) rerun(set *resource.Set, layer *scenario.Layer, namespace string) (*transformers.Report, []resource.Change, error) {
	options := p.options(namespace)
	options.Advise = true
	report, err := transformers.Run(set, layer, options)
	if errors.Is(err, transformers.ErrOnlyHooks) {
		report = &transformers.Report{Warnings: []transformers.Warning{{Code: codes.HooksUnpatched, Transformer: "helm", Message: "the render holds Helm hooks only, and they stay as they are"}}}
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	p.progress.phase("comparing")
	changes, err := set.Changes()
	report.Warnings = append(report.Warnings, helm3Hooks(changes)...)
	return report, changes, err
}

// What happens to an object as a whole.
const (
	actionAdd    = "add"
	actionChange = "change"
	actionRemove = "remove"
)

// actions is their order in a plan.
var actions = []string{actionRemove, actionChange, actionAdd}

func action(c resource.Change) string {
	switch {
	case c.Before == nil:
		return actionAdd
	case c.After == nil:
		return actionRemove
	}
	return actionChange
}

// done lists what the transformers did to an object.
func (p *planned) done(o *resource.Object) []transformers.Change {
	var done []transformers.Change
	for _, c := range p.report.Changes {
		if c.Object == o {
			done = append(done, c)
		}
	}
	return done
}

// totals counts the objects of each action.
func (p *planned) totals() map[string]int {
	totals := map[string]int{actionAdd: 0, actionChange: 0, actionRemove: 0}
	for _, c := range p.changes {
		totals[action(c)]++
	}
	return totals
}

// plannedJSON is a plan as --output json has it.
type plannedJSON struct {
	Scenario  string          `json:"scenario"`
	Objects   []plannedObject `json:"objects"`
	Warnings  []warning       `json:"warnings"`
	Overrides []override      `json:"overrides"`
	Totals    map[string]int  `json:"totals"`
}

type plannedObject struct {
	Action     string          `json:"action"`
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Namespace  string          `json:"namespace,omitempty"`
	Name       string          `json:"name"`
	Document   string          `json:"document"`
	Changes    []plannedChange `json:"changes"`
	Diff       string          `json:"diff,omitempty"`
}

type plannedChange struct {
	Transformer string               `json:"transformer"`
	Concern     transformers.Concern `json:"concern"`
	Message     string               `json:"message"`
	// Evidence says why a removed object is the chart's.
	Evidence *evidence `json:"evidence,omitempty"`
}

// evidence is what speaks for and against an object's role.
type evidence struct {
	For     []registry.Fact `json:"for"`
	Against []registry.Fact `json:"against"`
}

func evidenceOf(e registry.Evidence) evidence {
	scrubbed := func(facts []registry.Fact) []registry.Fact {
		shown := []registry.Fact{}
		for _, f := range facts {
			shown = append(shown, registry.Fact{Code: f.Code, Text: scrub(f.Text)})
		}
		return shown
	}
	return evidence{For: scrubbed(e.For), Against: scrubbed(e.Against)}
}

func (p *planned) json(withDiff bool) plannedJSON {
	shown := plannedJSON{
		Scenario: p.scenario, Objects: []plannedObject{}, Totals: p.totals(),
		Warnings: warningsOf(p.report), Overrides: overridesOf(p.overrides),
	}
	for _, c := range p.changes {
		o := c.Object
		object := plannedObject{
			Action: action(c), APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name,
			Document: o.Document(), Changes: []plannedChange{},
		}
		for _, done := range p.done(o) {
			change := plannedChange{Transformer: done.Transformer, Concern: done.Concern, Message: scrub(done.Message)}
			if done.Evidence != nil {
				shown := evidenceOf(*done.Evidence)
				change.Evidence = &shown
			}
			object.Changes = append(object.Changes, change)
		}
		if withDiff {
			object.Diff = diff(c)
		}
		shown.Objects = append(shown.Objects, object)
	}
	return shown
}
