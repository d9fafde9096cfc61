package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/patch"
	"github.com/connected-registry/scenario/transformers/resource"
)

// compareWithRender runs the scenario on a render and compares what comes of it with
// what was built, object by object.
func (p *program) compareWithRender(v *verified, built *resource.Set, layers []*scenario.Layer, merged *scenario.Layer, flags verifyFlags) error {
	if v.Live {
		return usagef("--render compares manifests, and to live objects the server adds fields; leave out --render")
	}
	runs := []*scenario.Layer{merged}
	if v.inRow {
		runs = layers
	}
	expected, written, err := p.runAll(v, runs, flags)
	if err != nil {
		return err
	}
	namespace := flags.namespace
	if namespace == "" {
		namespace = merged.Scenario.Metadata.Namespace
	}
	want, err := objectsOf(expected, namespace)
	if err != nil {
		return err
	}
	have, err := objectsOf(built, namespace)
	if err != nil {
		return err
	}
	v.compared = true
	v.compareObjects(want, have, func(o *compared) bool { return flags.skipSecrets && slices.Contains(written, o.ref) })
	if len(v.Changes) > 0 {
		v.because(statusDrifted, fmt.Sprintf("it differs from what the scenario makes of the render in %s", count(len(v.Changes), "place")))
	}
	return nil
}

// runAll runs scenarios in a row on a render. It returns the result and the Secrets
// that they wrote.
func (p *program) runAll(v *verified, runs []*scenario.Layer, flags verifyFlags) (set *resource.Set, secrets []resource.Ref, err error) {
	output, render, err := p.readRender(flags.render)
	if err != nil {
		return nil, nil, err
	}
	for _, run := range runs {
		set, err := parseSome(output, render)
		if err != nil {
			return nil, nil, err
		}
		report, changes, err := p.rerun(set, run, flags.namespace)
		if err != nil {
			return nil, nil, err
		}
		v.Warnings, v.warnings = append(v.Warnings, warningsOf(report)...), append(v.warnings, report.Warnings...)
		for _, c := range changes {
			if c.Object.Kind == "Secret" {
				secrets = append(secrets, c.Object.Ref())
			}
		}
		if output, err = set.Bytes(); err != nil {
			return nil, nil, err
		}
	}
	set, err = parse(output)
	return set, secrets, err
}

// compared is an object without what its host notes in it.
type compared struct {
	ref  resource.Ref // as it is written
	id   resource.Ref // with a namespace
	node *yaml.RNode
}

// objectsOf returns the objects of a set. Those without a namespace get the release's;
// both sides do, so that it does no harm to cluster-scoped ones.
func objectsOf(set *resource.Set, namespace string) ([]*compared, error) {
	objects, err := set.Select(nil)
	if err != nil {
		return nil, err
	}
	var all []*compared
	var problems []error
	for _, o := range objects {
		c := &compared{o.Ref(), o.Ref(), o.Node().Copy()}
		if c.id.Namespace == "" && namespace != "" {
			c.id.Namespace = namespace
			problems = append(problems, c.node.SetNamespace(namespace))
		}
		for key := range o.Annotations() {
			if isHostNote(key) {
				problems = append(problems, c.node.PipeE(yaml.ClearAnnotation(key)))
			}
		}
		all = append(all, c)
	}
	return all, errors.Join(problems...)
}

// isHostNote reports whether hosts keep an annotation for themselves. Helm 4 removes its
// own; kustomize writes its own when buildMetadata asks for them.
func isHostNote(annotation string) bool {
	group, _, _ := strings.Cut(annotation, "/")
	return slices.Contains([]string{
		"postrenderer.helm.sh", "internal.config.kubernetes.io", "config.kubernetes.io", "alpha.config.kubernetes.io",
		"config.k8s.io", "kustomize.config.k8s.io",
	}, group)
}

// compareObjects lists what differs: objects that are missing or not expected, and the
// fields of the others. A hook may have the identity of a template; of several objects
// of one identity those that are equal belong together.
func (v *verified) compareObjects(want, have []*compared, mayMiss func(*compared) bool) {
	pairs := map[*compared]*compared{}
	taken := map[*compared]bool{}
	match := func(fits func(w, h *compared) bool) {
		for _, w := range want {
			for _, h := range have {
				if pairs[w] == nil && !taken[h] && w.id == h.id && fits(w, h) {
					pairs[w], taken[h] = h, true
				}
			}
		}
	}
	match(func(w, h *compared) bool { return len(patch.Differences(h.node, w.node)) == 0 })
	match(func(_, _ *compared) bool { return true })
	for _, w := range want {
		switch h := pairs[w]; {
		case h != nil:
			v.compareFields(w, h)
		case mayMiss(w):
			v.Unchecked = append(v.Unchecked, printable(scrub(w.String()))+", which is for you to create")
		default:
			v.differs(w, "missing")
		}
	}
	for _, h := range have {
		if !taken[h] {
			v.differs(h, "not expected")
		}
	}
}

func (c *compared) String() string {
	o := resource.Object{Kind: c.ref.Kind, Namespace: c.ref.Namespace, Name: c.ref.Name}
	return o.ID()
}

func (v *verified) differs(c *compared, message string) {
	v.Changes = append(v.Changes, verifiedChange{printable(scrub(c.String())), "", message})
}

// compareFields compares the values and shows them with secrets as digests.
func (v *verified) compareFields(want, have *compared) {
	differences := func() []patch.Difference {
		all := patch.Differences(have.node, want.node)
		if v.Status == statusStale || v.Status == statusNever {
			return withoutRecord(all) // it was judged by itself
		}
		return all
	}
	if len(differences()) == 0 {
		return
	}
	for _, c := range []*compared{want, have} {
		shown{root: c.node}.redact(c.ref.Kind)
	}
	var lines []string
	for _, d := range differences() {
		lines = append(lines, differenceLine(d, "is", "expected"))
	}
	if len(lines) == 0 {
		lines = append(lines, "a secret value is another one")
	}
	for _, line := range lines {
		v.differs(have, line)
	}
}
