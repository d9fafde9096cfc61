package transformers

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"
)

// marker records the scenario on the workload. A scenario that is recorded
// already is brought up to date where it stands.
func marker(r *render) error {
	workload := r.registry.Workload
	name, digest := r.scenario.Scenario.Metadata.Name, r.scenario.Digest(r.options.Version)
	annotations := workload.Annotations()
	names, digests := listOf(annotations[registry.ScenarioAnnotation]), listOf(annotations[registry.DigestAnnotation])
	i := slices.Index(names, name)
	switch {
	case len(names) != len(digests): // somebody else wrote there
		names, digests = []string{name}, []string{digest}
	case i < 0:
		names, digests = append(names, name), append(digests, digest)
	default:
		digests[i] = digest
	}
	changed := putText(workload.Node(), strings.Join(names, ","), "metadata", "annotations", registry.ScenarioAnnotation)
	changed = putText(workload.Node(), strings.Join(digests, ","), "metadata", "annotations", registry.DigestAnnotation) || changed
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
