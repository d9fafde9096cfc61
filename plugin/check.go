package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

const checkHelp = `Say whether a scenario is valid, and with a render, whether it can be made to
hold on it. Everything that is wrong is reported at once. Nothing is changed.

With --live, also whether a cluster would take the result: its Service range
and the addresses that are taken, cert-manager, the Secrets that must be there,
storage classes, what cannot be changed once it is there, namespaces. This
program asks no cluster; --live-command prints the kubectl command that does,
without any Secret's data.`

const checkExamples = `  ` + name + ` check -s site.yaml
  helm template edge ./chart -n edge |
    ` + name + ` check -s site.yaml --render -

  # would this cluster take it? rendered.yaml is what helm template printed
  ` + name + ` check --live-command | bash |
    ` + name + ` check -s site.yaml -r rendered.yaml --live -`

// checked is what check found, as --output json has it.
type checked struct {
	OK       bool      `json:"ok"`
	Scenario string    `json:"scenario,omitempty"`
	Problems []problem `json:"problems"`
	Warnings []warning `json:"warnings"`
	// Notes are what the cluster must have; none without a render.
	Notes     []warning  `json:"notes"`
	Overrides []override `json:"overrides"`
	// Changes counts what would be done to the render; nil without one.
	Changes *int `json:"changes,omitempty"`
	// Objects counts the objects that would be added, changed or removed.
	Objects *int `json:"objects,omitempty"`

	report *transformers.Report
	layers []scenario.Override
}

type warning struct {
	Code        string        `json:"code"`
	Object      string        `json:"object,omitempty"`
	Ref         *resource.Ref `json:"resourceRef,omitempty"`
	Transformer string        `json:"transformer,omitempty"`
	Message     string        `json:"message"`
}

type override struct {
	Path string `json:"path"`
	From string `json:"from"`
	To   string `json:"to"`
}

func (p *program) checkCommand() *cobra.Command {
	var flags scenarioFlags
	var render string
	var live liveFlags
	var output *choice
	cmd := &cobra.Command{
		Use:     "check --scenario FILE [--render FILE|-]",
		Short:   "Say whether a scenario is valid, and can hold on a render",
		Long:    checkHelp,
		Example: checkExamples,
		GroupID: groupPeople,
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if live.command {
				return p.write(strings.NewReader(liveCommand))
			}
			found, err := p.check(flags, render, live)
			if _, usage := errors.AsType[usageError](err); usage {
				return err
			}
			if output.value == "json" {
				return p.writeCheckedJSON(found, err)
			}
			return p.writeChecked(found, err)
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().StringVarP(&render, "render", "r", "", "the rendered chart, a `FILE` or - for stdin")
	live.register(cmd.Flags())
	output = addChoice(cmd, "output", "`FORMAT`", "text", "json")
	return cmd
}

func (p *program) check(flags scenarioFlags, render string, live liveFlags) (checked, error) {
	if err := live.judge(render); err != nil {
		return checked{}, err
	}
	layer, overrides, err := p.loadScenario(flags)
	if err != nil {
		return checked{}, err
	}
	found := checked{Scenario: scrub(layer.Scenario.Metadata.Name), layers: overrides, report: settingsReport(layer)}
	if render == "" {
		return found, layer.Validate()
	}
	planned, err := p.plan(layer, overrides, render, flags.namespace)
	if err != nil {
		return found, err
	}
	changes, objects := len(planned.report.Changes), len(planned.changes)
	found.report, found.Changes, found.Objects = planned.report, &changes, &objects
	if live.file != "" {
		return found, p.checkLive(planned, layer, live.file, flags.namespace)
	}
	return found, nil
}

// writeChecked writes one line to stdout; what needs attention is on stderr.
func (p *program) writeChecked(found checked, err error) error {
	if err != nil {
		return err
	}
	line := fmt.Sprintf("ok: scenario %s is valid\n", found.Scenario)
	if found.Changes != nil {
		line = fmt.Sprintf("ok: scenario %s can hold on the render: %s to %s\n",
			found.Scenario, count(*found.Changes, "change"), count(*found.Objects, "object"))
	}
	if err := p.write(strings.NewReader(line)); err != nil {
		return err
	}
	p.tell(&transformers.Report{Warnings: found.report.Warnings}, found.layers)
	for _, note := range found.report.Notes {
		p.tellLine(note.String())
	}
	return nil
}

func (p *program) writeCheckedJSON(found checked, err error) error {
	found.OK = err == nil
	found.Problems = append([]problem{}, problemsOf(err)...)
	found.Warnings, found.Notes = []warning{}, []warning{}
	if found.report != nil {
		found.Warnings, found.Notes = warningsOf(found.report), notesOf(found.report)
	}
	found.Overrides = overridesOf(found.layers)
	if err := p.writeJSON(found); err != nil {
		return err
	}
	if !found.OK {
		return exitError(exitFailure)
	}
	return nil
}

func (p *program) writeJSON(value any) error {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	return p.write(&encoded)
}

func warningsOf(report *transformers.Report) []warning {
	warnings := []warning{}
	for _, w := range report.Warnings {
		warnings = append(warnings, warningOf(w))
	}
	return warnings
}

func notesOf(report *transformers.Report) []warning {
	notes := []warning{}
	for _, n := range report.Notes {
		n.Transformer = "" // no part of the program did anything about it
		notes = append(notes, warningOf(transformers.Warning(n)))
	}
	return notes
}

func warningOf(w transformers.Warning) warning {
	shown := warning{Code: w.Code.String(), Transformer: w.Transformer, Message: scrub(w.Message)}
	if w.Object != nil {
		shown.Object, shown.Ref = w.Object.ID(), refOf(w.Object.Ref())
	}
	return shown
}

func overridesOf(layers []scenario.Override) []override {
	overrides := []override{}
	for _, o := range layers {
		overrides = append(overrides, override(o))
	}
	return overrides
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
