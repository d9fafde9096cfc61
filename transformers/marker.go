package transformers

import (
	"slices"
	"strings"
)

// The annotations on the registry's workload by which `verify` tells a render
// that was patched from one that a host silently left alone.
const (
	// ScenarioAnnotation names the scenarios that were applied, in their order:
	// the runs joined with ",", the layers of one run with "+".
	ScenarioAnnotation = "connectedregistry.dev/scenario"
	// DigestAnnotation has, for each run in the same order, the program's version
	// and a digest of the scenario: v1.2.3@sha256:….
	DigestAnnotation = "connectedregistry.dev/scenario-digest"
)

// marker records the scenario on the workload. A scenario that is recorded
// already is brought up to date where it stands.
func marker(r *render) error {
	workload := r.registry.workload
	name, digest := r.scenario.Scenario.Metadata.Name, r.scenario.Digest(r.options.Version)
	annotations := workload.Annotations()
	names, digests := listOf(annotations[ScenarioAnnotation]), listOf(annotations[DigestAnnotation])
	i := slices.Index(names, name)
	switch {
	case len(names) != len(digests): // somebody else wrote there
		names, digests = []string{name}, []string{digest}
	case i < 0:
		names, digests = append(names, name), append(digests, digest)
	default:
		digests[i] = digest
	}
	changed := putText(workload.Node(), strings.Join(names, ","), "metadata", "annotations", ScenarioAnnotation)
	changed = putText(workload.Node(), strings.Join(digests, ","), "metadata", "annotations", DigestAnnotation) || changed
	if changed {
		r.changed(workload, "recorded scenario %s", name)
	}
	return nil
}

func listOf(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}
