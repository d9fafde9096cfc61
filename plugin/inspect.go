package plugin

import (
	"bytes"
	"cmp"

	"github.com/spf13/cobra"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

const inspectHelp = `Show which object of the rendered manifests plays which role, the evidence for it,
what was rejected and why, and which documented scenarios the manifests satisfy
as they are. Nothing is changed.

RENDER is a file, or - (or nothing) for stdin: what helm template prints, or live
objects from kubectl get -o yaml. With two renders, OLD and NEW, it shows what
differs in roles and evidence, as after an update of the chart. Of a scenario,
only spec.targets counts.

--output scenario writes the smallest scenario that describes the manifests, with
the reason for each line. Applied to them it changes nothing but the marker.

--redacted-render writes the manifests with each secret value replaced by a digest
and without comments, fit for a bug report. --rename also replaces the site's
names, namespaces, hosts and addresses, the same one everywhere by the same other.

The exit code is 1 if there is no registry, or no single one. With --exit-code, that
of two renders is that of diff: 0 for no difference, 1 for some, 2 for errors.`

const inspectExamples = `  helm template edge ./chart -n edge | ` + name + ` inspect

  # a scenario that describes what runs now
  helm get manifest edge -n edge | ` + name + ` inspect --output scenario

  # a new version of the chart
  ` + name + ` inspect old.yaml new.yaml

  # an attachment for a bug report
  ` + name + ` inspect --redacted-render --rename rendered.yaml`

// inspectFlags are inspect's own.
type inspectFlags struct {
	scenarioFlags
	all, exitCode, redacted, rename bool
	output, color                   *choice
}

// inspection is what rendered manifests are recognized as.
type inspection struct {
	input     []byte
	layer     *scenario.Layer
	namespace string
	set       *resource.Set

	registry *registry.Registry // nil if there is none, or no single one
	missing  error              // says so
	roles    []inspectedRole
	// release has the release's objects that play no role, unknown all others.
	release, unknown []registry.Evidence
	satisfied        []documentedResult
}

// inspectedRole is a role and the objects that play it, or that cannot.
type inspectedRole struct {
	name, title     string
	found, rejected []registry.Evidence
	// note says why nothing plays the role; isAmbiguous, that several objects could.
	note        string
	isAmbiguous bool
}

func (p *program) inspectCommand() *cobra.Command {
	var flags inspectFlags
	cmd := &cobra.Command{
		Use:     "inspect [RENDER|-] | OLD NEW",
		Short:   "Show what rendered manifests are recognized as",
		Long:    inspectHelp,
		Example: inspectExamples,
		GroupID: groupPeople,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef("expected at most two renders, got %d; name one, or an old and a new one", len(args))
			}
			return flags.validate(len(args))
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				return planFlags{exitCode: flags.exitCode}.judge(p.runCompare(args[0], args[1], flags))
			}
			return p.runInspect(append(args, "-")[0], flags)
		},
	}
	flags.register(cmd.Flags())
	cmd.Flags().BoolVar(&flags.all, "all", false, "list every object, however many are alike")
	cmd.Flags().BoolVar(&flags.exitCode, "exit-code", false, "exit with 1 if two renders differ")
	cmd.Flags().BoolVar(&flags.redacted, "redacted-render", false, "write the manifests without secrets instead")
	cmd.Flags().BoolVar(&flags.rename, "rename", false, "replace names too, with --redacted-render")
	flags.output = addChoice(cmd, "output", "`FORMAT`", "table", "json", "scenario")
	flags.color = addChoice(cmd, "color", "`WHEN`", "auto", "always", "never")
	return cmd
}

func (f inspectFlags) validate(renders int) error {
	switch {
	case f.rename && !f.redacted:
		return usagef("--rename has no effect without --redacted-render; add --redacted-render")
	case renders == 2 && (f.redacted || f.output.value == "scenario"):
		return usagef("expected one render with --redacted-render or --output scenario, got two; name one")
	case renders < 2 && f.exitCode:
		return usagef("--exit-code compares two renders; name an old and a new one")
	case f.redacted && f.output.value != "table":
		return usagef("--redacted-render writes manifests; remove --output")
	}
	return nil
}

func (p *program) runInspect(render string, flags inspectFlags) error {
	found, err := p.inspectFile(render, flags)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	switch {
	case flags.redacted:
		if err := found.writeRedacted(&out, flags.rename); err != nil {
			return err
		}
		return p.write(&out)
	case flags.output.value == "scenario":
		text, err := p.describe(found)
		if err != nil {
			return err
		}
		return p.write(bytes.NewReader(text))
	}
	if found.registry != nil {
		if found.satisfied, err = p.documented(found); err != nil {
			return err
		}
	}
	if flags.output.value == "json" {
		err = p.writeJSON(found.json())
	} else {
		found.print(&out, p.style(flags.color.value), flags.all)
		err = p.write(&out)
	}
	return cmp.Or(err, found.missing)
}

// inspectFile reads a render and finds its roles. Of a scenario, only spec.targets
// counts.
func (p *program) inspectFile(render string, flags inspectFlags) (*inspection, error) {
	layer := &scenario.Layer{}
	if flags.given() {
		stated, _, err := p.loadScenario(flags.scenarioFlags)
		if err != nil {
			return nil, err
		}
		layer.Source, layer.Scenario.Spec.Targets = stated.Source, stated.Scenario.Spec.Targets
		layer.Scenario.Metadata.Namespace = stated.Scenario.Metadata.Namespace
	}
	input, render, err := p.readRender(render)
	if err != nil {
		return nil, err
	}
	set, err := parseSome(input, render)
	if err != nil {
		return nil, err
	}
	found := &inspection{input: input, layer: layer, set: set, namespace: cmp.Or(flags.namespace, layer.Scenario.Metadata.Namespace)}
	return found, found.recognize()
}

func (f *inspection) recognize() error {
	reg, err := registry.Recognize(f.set, f.layer, f.namespace)
	switch code := codes.Of(err); {
	case err == nil:
		f.registry = reg
		if err := f.findRoles(); err != nil {
			return err
		}
	case code == codes.RegistryNotFound || code == codes.TargetAmbiguous || code == codes.TargetNotFound:
		f.missing = err
		if err := f.findLookalikes(); err != nil {
			return err
		}
	default:
		return err
	}
	return f.findRest()
}

// findRoles lists the roles in the order in which they are recognized.
func (f *inspection) findRoles() error {
	reg := f.registry
	connection, err := reg.FindConnection(f.set)
	if err != nil {
		return err
	}
	f.addRole(registry.Workload, "Registry's workload", "", reg.Workload)
	f.addConnection(connection)
	f.addRole(registry.Service, "Registry's Service", "no Service selects the registry's pods", reg.Service)
	claim := "the workload mounts no claim at " + reg.DataPath()
	if name := reg.ClaimName(); name != "" {
		claim = "claim " + name + " is not in the stream"
	}
	f.addRole(registry.PVC, "Registry's claim", claim, reg.PVC)
	certificate := "no Secret is mounted at " + reg.CertificatePath
	if reg.Secret != "" {
		certificate = "no Certificate writes Secret " + reg.Secret + ", which is mounted at " + reg.CertificatePath
	}
	f.addRole(registry.Certificate, "Registry's Certificate", certificate, reg.Certificate)
	f.addRole("certificateChain", "What issues the Certificate", "", reg.Chain...)
	f.addRole(registry.TrustDistribution, "Trust distribution", "no DaemonSet is proved to be the chart's", reg.Trust)
	f.addRole(registry.CertManager, "Bundled cert-manager", "no controller of cert-manager is proved to be the chart's")
	bundle := &f.roles[len(f.roles)-1]
	for _, e := range reg.Bundle {
		bundle.found = append(bundle.found, e)
		bundle.rejected = without(bundle.rejected, e.Object)
	}
	if len(bundle.found) > 0 && reg.Ambiguous[registry.CertManager] == nil {
		bundle.note = ""
	}
	bundle.rejected = append(bundle.rejected, reg.Unproved...)
	return nil
}

// addRole adds a role with the objects that play it. Objects may be nil.
func (f *inspection) addRole(role registry.Role, title, absent string, objects ...*resource.Object) {
	added := inspectedRole{name: string(role), title: title, note: absent}
	added.rejected = append(append(added.rejected, f.registry.Candidates[role]...), f.registry.Rejected[role]...)
	for _, o := range objects {
		if o == nil {
			continue
		}
		added.note = ""
		e := evidenceFor(added.rejected, o)
		if e.Object == nil {
			e = f.registry.EvidenceOf(o)
		}
		if role == "certificateChain" {
			e.For = append([]registry.Fact{{Code: registry.IssuesCertificate, Text: "issues the registry's certificate"}}, e.For...)
		}
		added.found = append(added.found, e)
		added.rejected = without(added.rejected, o)
	}
	if err := f.registry.Ambiguous[role]; err != nil {
		added.note, added.isAmbiguous = scrub(err.Error()), true
	}
	f.roles = append(f.roles, added)
}

func (f *inspection) addConnection(c registry.Connection) {
	role := inspectedRole{name: "connectionString", title: "Connection string", note: "no variable " + registry.ConnectionEnv + " takes it from anywhere"}
	if c.Variable != nil || c.SecretName != "" {
		o := cmp.Or(c.Secret, f.registry.Workload)
		role.note = ""
		role.found = []registry.Evidence{{Object: o, For: []registry.Fact{{Code: registry.ConnectionPlace, Text: c.String()}}}}
	}
	f.roles = append(f.roles, role)
}

// findLookalikes lists what was looked at where there is no single registry.
func (f *inspection) findLookalikes() error {
	lookalikes, err := registry.Lookalikes(f.set)
	if err != nil {
		return err
	}
	f.roles = []inspectedRole{
		{name: string(registry.Workload), title: "Registry's workload", note: scrub(f.missing.Error()), isAmbiguous: codes.Of(f.missing) != codes.RegistryNotFound, rejected: lookalikes[registry.Workload]},
		{name: string(registry.TrustDistribution), title: "Trust distribution", rejected: lookalikes[registry.TrustDistribution]},
		{name: string(registry.CertManager), title: "Bundled cert-manager", rejected: lookalikes[registry.CertManager]},
	}
	return nil
}

// findRest sorts the objects without a role into the release's and unknown ones.
func (f *inspection) findRest() error {
	all, err := f.set.Heads(nil)
	if err != nil {
		return err
	}
	playing := map[*resource.Object]bool{}
	for _, role := range f.roles {
		for _, e := range role.found {
			playing[e.Object] = true
		}
	}
	for _, o := range all {
		switch {
		case playing[o]:
		case f.registry == nil:
			f.unknown = append(f.unknown, registry.Evidence{Object: o})
		case f.registry.EvidenceOf(o).Owned():
			f.release = append(f.release, f.registry.EvidenceOf(o))
		default:
			f.unknown = append(f.unknown, f.registry.EvidenceOf(o))
		}
	}
	return nil
}

func evidenceFor(list []registry.Evidence, o *resource.Object) registry.Evidence {
	for _, e := range list {
		if e.Object == o {
			return e
		}
	}
	return registry.Evidence{}
}

func without(list []registry.Evidence, o *resource.Object) []registry.Evidence {
	var rest []registry.Evidence
	for _, e := range list {
		if e.Object != o {
			rest = append(rest, e)
		}
	}
	return rest
}
