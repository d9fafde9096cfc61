package plugin

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

const verifyHelp = `Say whether manifests were patched by a scenario. A host that is called without
the flags that it needs skips plugins silently; what it then gives looks right.

BUILT is a file, or - (or nothing) for stdin: helm get manifest, kustomize build,
or live objects from kubectl get -o yaml. The registry's workload carries a record
of every run. The record alone is not believed: the scenario is run once more in
memory, and must write every object as it is, as 'plan --exit-code' has it.

With --render, the scenario is run on RENDER, which the host had before it, and
BUILT must hold the same objects with the same fields, whatever the host does to
order, comments and its own annotations. This is for exports, too. Let RENDER have
no hooks if BUILT comes from helm get manifest.

Several scenarios are either the layers of one run or runs in a row; the record
says which. Without a scenario, the record is listed.

The result is one of
  patched        by this scenario, in this version
  stale          by another version of the program or of the scenario
  drifted        recorded, and the objects are not as the scenario has them
  unknown        recorded; of live objects, those that it concerns are not all there
  never-patched  there is no record of this scenario
and the exit code is 0 for patched, 1 for all else, 2 for a wrong call.`

const verifyExamples = `  helm get manifest edge -n edge | ` + name + ` verify -s site.yaml

  kustomize build --enable-alpha-plugins overlay |
    ` + name + ` verify -s overlay/site.yaml

  # what runs now; secrets are compared, and not shown
  kubectl get -n edge -o yaml \
    deploy,sts,ds,svc,cm,sa,pvc,secret,role,rolebinding,certificates,issuers |
    ` + name + ` verify -s site.yaml

  # all of it, after an export
  kustomize build overlay |
    ` + name + ` verify -s site.yaml --render rendered.yaml

  # which scenarios are recorded?
  helm get manifest edge -n edge | ` + name + ` verify`

// What verify finds.
const (
	statusPatched  = "patched"
	statusStale    = "stale"
	statusDrifted  = "drifted"
	statusUnknown  = "unknown"
	statusNever    = "never-patched"
	statusRecorded = "recorded" // without a scenario to compare with
)

// verified is what verify found, as --output json has it.
type verified struct {
	Status   string           `json:"status"`
	Scenario string           `json:"scenario,omitempty"`
	Version  string           `json:"version"` // this program's
	Workload string           `json:"workload"`
	Live     bool             `json:"live"` // the objects come from a cluster
	Recorded []verifiedRecord `json:"recorded"`
	// Reasons say why it is not patched.
	Reasons []string `json:"reasons"`
	// Changes are what the scenario would still change; with --render, what differs.
	Changes []verifiedChange `json:"changes"`
	// Warnings are those of that run.
	Warnings []warning `json:"warnings"`
	// Unchecked is what cannot be known from what was given.
	Unchecked []string `json:"unchecked"`

	inRow    bool // the scenarios are runs in a row, each with a record of its own
	compared bool // with what the scenario makes of a render
	hints    []string
	warnings []transformers.Warning
}

type verifiedRecord struct {
	Scenario string `json:"scenario"`
	Version  string `json:"version"`
	Digest   string `json:"digest"`
}

type verifiedChange struct {
	Object      string `json:"object"`
	Transformer string `json:"transformer"` // empty for a field that no transformer reports
	Message     string `json:"message"`
}

func (c verifiedChange) String() string {
	if c.Transformer == "" {
		return c.Object + ": " + c.Message
	}
	return c.Object + ": " + c.Transformer + ": " + c.Message
}

func (p *program) verifyCommand() *cobra.Command {
	var flags verifyFlags
	var output *choice
	cmd := &cobra.Command{
		Use:     "verify [--scenario FILE] [--render RENDER] [BUILT|-]",
		Short:   "Say whether manifests or live objects were patched",
		Long:    verifyHelp,
		Example: verifyExamples,
		GroupID: groupPeople,
		Args:    oneRender,
		RunE: func(_ *cobra.Command, args []string) error {
			found, err := p.verify(flags, append(args, "-")[0])
			if err != nil {
				return err
			}
			if output.value == "json" {
				err = p.writeJSON(found)
			} else {
				err = p.writeVerified(found)
			}
			if err == nil && found.Status != statusPatched && found.Status != statusRecorded {
				return exitError(exitFailure)
			}
			return err
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().StringVarP(&flags.render, "render", "r", "", "compare with what the scenario makes of this `RENDER`")
	cmd.Flags().BoolVar(&flags.skipSecrets, "skip-secrets", false, "with --render, accept that Secrets that the scenario writes\nare not in BUILT, as an export leaves them to you")
	output = addChoice(cmd, "output", "`FORMAT`", "text", "json")
	return cmd
}

// verifyFlags are verify's own.
type verifyFlags struct {
	scenarioFlags
	render      string
	skipSecrets bool
}

// validate refuses flags that do not fit together.
func (f verifyFlags) validate(hasScenario bool, built string) error {
	switch {
	case f.render == "" && f.skipSecrets:
		return usagef("--skip-secrets is about a comparison; give the render with --render FILE")
	case f.render != "" && !hasScenario:
		return usagef("--render is compared by running a scenario; give one with --scenario FILE")
	case f.render == "-" && built == "-":
		return usagef("--render and BUILT are both stdin; give the path of a file for one of them")
	}
	return nil
}

func (p *program) verify(flags verifyFlags, built string) (*verified, error) {
	hasScenario := flags.given() || p.env(scenarioEnv) != ""
	if err := flags.validate(hasScenario, built); err != nil {
		return nil, err
	}
	var layers []*scenario.Layer
	var merged *scenario.Layer
	if hasScenario {
		var err error
		if layers, err = p.loadLayers(flags.scenarioFlags); err != nil {
			return nil, err
		}
		if merged, _, err = scenario.Merge(layers...); err != nil {
			return nil, err
		}
		if err := merged.Validate(); err != nil {
			return nil, err
		}
	}
	input, built, err := p.readRender(built)
	if err != nil {
		return nil, err
	}
	set, err := parseSome(input, built)
	if err != nil {
		return nil, err
	}
	workload, records, whole, err := registry.Recorded(set, merged)
	if err != nil {
		return nil, err
	}
	found := &verified{
		Workload: printable(scrub(workload.ID())), Version: version(), Live: isLive(workload),
		Recorded: []verifiedRecord{}, Reasons: []string{}, Changes: []verifiedChange{}, Warnings: []warning{}, Unchecked: []string{},
	}
	for _, r := range records {
		found.Recorded = append(found.Recorded, verifiedRecord{printable(scrub(r.Scenario)), printable(scrub(r.Version)), printable(scrub(r.Digest))})
	}
	if merged == nil {
		found.list()
		return found, nil
	}
	found.Scenario = printable(scrub(merged.Scenario.Metadata.Name))
	found.compare(layers, merged)
	if found.Status == statusPatched && !whole {
		found.Status = statusStale
		found.Reasons = append(found.Reasons, "the record was not written by this program alone: "+
			registry.ScenarioAnnotation+" and "+registry.DigestAnnotation+" do not fit together")
	}
	if flags.render != "" {
		return found, p.compareWithRender(found, set, layers, merged, flags)
	}
	if found.Status == statusNever {
		return found, nil
	}
	return found, p.findDrift(found, set, merged, flags.namespace)
}

// list is for the question without a scenario.
func (v *verified) list() {
	v.Status = statusRecorded
	if len(v.Recorded) == 0 {
		v.Status = statusNever
		v.Reasons = append(v.Reasons, "no scenario is recorded")
	}
}

// compare judges the record. Several scenarios are looked for as the layers of
// one run first, and then as runs in a row.
func (v *verified) compare(layers []*scenario.Layer, merged *scenario.Layer) {
	v.Status = statusPatched
	if v.record(merged.Scenario.Metadata.Name) >= 0 {
		v.judge(merged)
		return
	}
	if len(layers) == 1 {
		v.missing(merged)
		return
	}
	v.inRow = true
	last := -1
	for _, layer := range layers {
		i := v.record(layer.Scenario.Metadata.Name)
		if i < 0 {
			v.missing(layer)
			return
		}
		if i < last {
			v.stale("the runs were recorded in another order: %s", v.names())
		}
		last = max(last, i)
		v.judge(layer)
	}
}

func (v *verified) record(name string) int {
	return slices.IndexFunc(v.Recorded, func(r verifiedRecord) bool { return r.Scenario == name })
}

func (v *verified) names() string {
	var names []string
	for _, r := range v.Recorded {
		names = append(names, r.Scenario)
	}
	return strings.Join(names, ", ")
}

// judge compares one recorded run with the scenario of its name.
func (v *verified) judge(layer *scenario.Layer) {
	name := layer.Scenario.Metadata.Name
	r := v.Recorded[v.record(name)]
	_, digest, _ := strings.Cut(layer.Digest("-"), "@")
	if r.Digest != digest {
		v.stale("scenario %s has changed since, or another one of that name was applied: recorded is %s, this is %s", name, short(r.Digest), short(digest))
	}
	if r.Version != version() {
		v.stale("scenario %s was applied by version %s, and this is %s", name, r.Version, version())
	}
}

func (v *verified) stale(format string, args ...any) {
	v.Status = statusStale
	v.Reasons = append(v.Reasons, printable(scrub(fmt.Sprintf(format, args...))))
}

// missing explains why there is no record of a scenario.
func (v *verified) missing(layer *scenario.Layer) {
	name := layer.Scenario.Metadata.Name
	_, digest, _ := strings.Cut(layer.Digest("-"), "@")
	for _, r := range v.Recorded {
		switch {
		case r.Digest == digest:
			v.stale("the same is recorded under another name: %s", r.Scenario)
			return
		case slices.Contains(strings.Split(r.Scenario, "+"), name):
			v.stale("scenario %s was applied as a layer of %s; give all of its layers", name, r.Scenario)
			return
		}
	}
	v.Status = statusNever
	if len(v.Recorded) == 0 {
		v.Reasons = append(v.Reasons, "no scenario is recorded")
		return
	}
	v.Reasons = append(v.Reasons, fmt.Sprintf("scenario %s is not recorded; recorded are: %s", printable(scrub(name)), v.names()))
}

// short is a digest as much as a person compares.
func short(digest string) string {
	if len(digest) > 19 {
		return digest[:19] + "…"
	}
	return digest
}

// isLive says whether an object comes from a cluster, which alone gives out uids.
func isLive(o *resource.Object) bool {
	uid, err := o.Node().Pipe(yaml.Lookup("metadata", "uid"))
	return err == nil && uid != nil
}

var statusColors = map[string]string{
	statusPatched: green, statusRecorded: green, statusStale: yellow, statusUnknown: yellow, statusDrifted: red, statusNever: red,
}

// writeVerified writes the answer first, then why.
func (p *program) writeVerified(v *verified) error {
	var out bytes.Buffer
	s := p.style("auto")
	line := v.Workload
	if v.Scenario != "" {
		line += ", scenario " + v.Scenario
	}
	fmt.Fprintf(&out, "%s: %s\n", s.paint(statusColors[v.Status], v.Status), line)
	s.printPoints(&out, "", v.Reasons)
	prefix := "would change "
	if v.compared {
		prefix = ""
	}
	for _, c := range v.Changes {
		s.printPoints(&out, prefix, []string{c.String()})
	}
	s.printPoints(&out, "not checked: ", v.Unchecked)
	for _, r := range v.Recorded {
		if v.Status == statusRecorded || v.Status == statusPatched {
			s.printPoints(&out, "recorded: ", []string{fmt.Sprintf("%s, by version %s, %s", r.Scenario, r.Version, short(r.Digest))})
		}
	}
	if v.Status == statusNever {
		s.printPoints(&out, "", []string{skippedHint})
	}
	if err := p.write(&out); err != nil {
		return err
	}
	p.tell(&transformers.Report{Warnings: v.warnings}, nil)
	return nil
}

// skippedHint is what most probably happened.
const skippedHint = "hosts skip plugins silently: kustomize build runs a KRM function only with --enable-alpha-plugins and " +
	"--enable-exec, Helm only with --post-renderer, and helm template --output-dir not at all; see '" + name + " doctor'"

func (s style) printPoints(w *bytes.Buffer, prefix string, points []string) {
	for _, point := range points {
		for i, line := range wrap(prefix+point, s.width-4) {
			lead := "  - "
			if i > 0 {
				lead = "    "
			}
			fmt.Fprintln(w, lead+line)
		}
	}
}
