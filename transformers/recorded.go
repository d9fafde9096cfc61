package transformers

import (
	"strings"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Record is a run that the marker on the registry's workload tells of.
type Record struct {
	// Scenario is the scenario's name, the layers of one run joined with "+".
	Scenario string
	// Version is the program's, Digest the scenario's: "sha256:…".
	Version, Digest string
}

// Recorded returns the registry's workload and the runs that its marker tells of,
// in their order. Of layer, which may be nil, only spec.targets counts. Whole is
// false where the marker was not written by this program as it is now.
func Recorded(set *resource.Set, layer *scenario.Layer) (workload *resource.Object, records []Record, whole bool, err error) {
	if layer == nil {
		layer = &scenario.Layer{}
	}
	reg, targets := newRegistry(layer)
	if err := reg.findWorkload(set, targets.Workload); err != nil {
		return nil, nil, false, err
	}
	annotations := reg.workload.Annotations()
	names, digests := listOf(annotations[ScenarioAnnotation]), listOf(annotations[DigestAnnotation])
	whole = len(names) == len(digests)
	for i, name := range names {
		record := Record{Scenario: name}
		if i < len(digests) {
			at := strings.LastIndex(digests[i], "@")
			record.Version, record.Digest = digests[i][:max(at, 0)], digests[i][at+1:]
		}
		records = append(records, record)
	}
	return reg.workload, records, whole, nil
}
