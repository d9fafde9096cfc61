package plugin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/patch"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

// findDrift runs the scenario again and reports every object that it would write
// otherwise than it is, whether a transformer reports a change of it or not.
func (p *program) findDrift(v *verified, set *resource.Set, merged *scenario.Layer, namespace string) error {
	kinds := map[string]bool{} // of live objects, those that were asked for
	if v.Live {
		objects, err := set.Heads(nil)
		if err != nil {
			return err
		}
		for _, o := range objects {
			kinds[o.Kind] = true
		}
	}
	report, changes, err := p.rerun(set, merged, namespace)
	if err != nil {
		status := statusDrifted
		if v.Live {
			status = statusUnknown
			v.Unchecked = append(v.Unchecked, "whether the scenario holds: kubectl get may not have asked for all kinds that it concerns")
		}
		for _, problem := range problemsOf(err) {
			v.because(status, printable(problem.text))
		}
		return nil
	}
	v.Warnings, v.warnings = warningsOf(report), report.Warnings
	for _, c := range changes {
		// Of live objects one sees the kinds that were asked for. An object that is
		// there and was not given makes the rest of the run a guess.
		if v.Live && c.Object.Added() && !kinds[c.Object.Kind] {
			v.Unchecked = append(v.Unchecked, fmt.Sprintf("the scenario's %s: what was given holds no %s", c.Object.Kind, c.Object.Kind))
			continue
		}
		v.change(c, report)
	}
	switch {
	case len(v.Unchecked) > 0:
		v.Changes = []verifiedChange{}
		v.because(statusUnknown, "the record is right, and whether the scenario holds cannot be told from what was given")
	case len(v.Changes) > 0:
		v.because(statusDrifted, fmt.Sprintf("the scenario would still make %s", count(len(v.Changes), "change")))
		v.Reasons = append(v.Reasons, v.hints...)
	}
	return nil
}

// because adds a reason. What is stale is expected to differ, and stays stale.
func (v *verified) because(status, reason string) {
	v.Reasons = append(v.Reasons, reason)
	if v.Status == statusPatched {
		v.Status = status
	}
}

// change adds what the scenario would change about an object: as its transformers
// report it, else field by field. The record is left out where it was judged by
// itself already.
func (v *verified) change(c resource.Change, report *transformers.Report) {
	object, found := printable(scrub(c.Object.ID())), len(v.Changes)
	for _, done := range report.Changes {
		if done.Object == c.Object && done.Transformer != "marker" {
			v.Changes = append(v.Changes, verifiedChange{object, done.Transformer, printable(scrub(done.Message))})
		}
	}
	differences := differences(c.Object.Kind, c.Before, c.After)
	fields := withoutRecord(differences)
	if hint := printable(hintOf(fields)); hint != "" && !slices.Contains(v.hints, hint) {
		v.hints = append(v.hints, hint)
	}
	judged := v.inRow || v.Status == statusStale
	switch {
	case len(v.Changes) > found, judged && len(fields) == 0 && len(differences) > 0:
		return
	case len(fields) > 0:
		differences = fields
	case len(differences) == 0:
		v.Changes = append(v.Changes, verifiedChange{object, "", "it would be written otherwise"})
	}
	for _, d := range differences {
		v.Changes = append(v.Changes, verifiedChange{object, "", differenceLine(d, "is", "would be")})
	}
}

// withoutRecord leaves out the annotations by which the registry's workload records
// a run.
func withoutRecord(all []patch.Difference) []patch.Difference {
	var fields []patch.Difference
	for _, d := range all {
		switch d.Path {
		case "metadata.annotations[" + registry.ScenarioAnnotation + "]", "metadata.annotations[" + registry.DigestAnnotation + "]":
		default:
			fields = append(fields, d)
		}
	}
	return fields
}

// differences lists the fields in which two texts of an object differ, with secrets
// as digests.
func differences(kind string, before, after []byte) []patch.Difference {
	old, now := parseShown(before), parseShown(after)
	old.redact(kind)
	now.redact(kind)
	return patch.Differences(old.object(), now.object())
}

// differenceLine names the field of a difference and both its values.
func differenceLine(d patch.Difference, before, after string) string {
	path := d.Path
	if path == "" {
		path = "the object"
	}
	return printable(fmt.Sprintf("%s: %s %s, %s %s", scrub(path), before, valueText(d.Before), after, valueText(d.After)))
}

// longestValue is how much of a value stands in a line.
const longestValue = 120

// valueText is a value for a line: all of a short one, and the digest of a long one.
func valueText(value any) string {
	if value == nil {
		return "missing"
	}
	text, isText := value.(string)
	switch encoded, err := json.Marshal(value); {
	case isText && isRedacted().MatchString(text):
	case isText && (strings.ContainsAny(text, "\n\" ") || !isPlainText(text)):
		text = strconv.Quote(text)
	case !isText && err == nil:
		text = string(encoded)
	}
	if text = scrub(text); len(text) > longestValue {
		return fmt.Sprintf("%d characters (%s)", len(text), strings.Trim(strings.TrimPrefix(redacted(text), "<redacted "), ">"))
	}
	return text
}

// isPlainText reports whether YAML takes a word for a text and not for a number or null.
func isPlainText(word string) bool {
	return (&yaml.Node{Kind: yaml.ScalarNode, Value: word}).ShortTag() == yaml.NodeTagString
}
