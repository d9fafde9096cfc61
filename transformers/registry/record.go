package registry

import (
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// What a run records on the objects.
const (
	// ScenarioAnnotation names the scenarios that were applied, in their order: the
	// runs separated by ",", the layers of one run by "+".
	ScenarioAnnotation = "connectedregistry.dev/scenario"
	// DigestAnnotation has, for each run in the same order, the program's version and
	// a digest of the scenario: v1.2.3@sha256:….
	DigestAnnotation = "connectedregistry.dev/scenario-digest"
	// AddedByAnnotation marks the objects that a run added, so that a later run with
	// another scenario may remove them.
	AddedByAnnotation = "connectedregistry.dev/added-by"
	// ProxyDigestAnnotation on the pod template rolls the pod when the proxy's
	// configuration changes, and marks the proxy as added by a run.
	ProxyDigestAnnotation = "connectedregistry.dev/proxy-digest"
	// TargetPortsAnnotation on a Service has what its ports led to before they led to
	// the proxy: 443=https,80=8080, with nothing after = for a port that stated none.
	TargetPortsAnnotation = "connectedregistry.dev/target-ports"
	// ProxyContainer is the name of the proxy's container, and the start of its
	// volumes' and ports' names.
	ProxyContainer = "connected-registry-proxy"
	// ProxyConfigPath is where the proxy's container finds its configuration.
	ProxyConfigPath = "/etc/connected-registry-proxy/config"
)

// HasProxy reports whether an earlier run placed a proxy before the registry: its digest
// says so, or a container of that name with the proxy's configuration does.
func HasProxy(workload *resource.Object) bool {
	template := node.Lookup(workload.Node(), "spec", "template")
	return node.Text(template, "metadata", "annotations", ProxyDigestAnnotation) != "" ||
		slices.ContainsFunc(node.Items(template, "spec", "containers"), func(c *yaml.RNode) bool {
			return IsProxy(c) && slices.ContainsFunc(node.Items(c, "volumeMounts"), func(m *yaml.RNode) bool {
				return node.Text(m, "mountPath") == ProxyConfigPath
			})
		})
}

// IsProxy reports whether a container is the proxy.
func IsProxy(container *yaml.RNode) bool { return node.Text(container, "name") == ProxyContainer }

// IsAdded reports whether an earlier run added the object.
func IsAdded(o *resource.Object) bool { return o.Annotations()[AddedByAnnotation] != "" }

// TargetBeforeProxy returns what a Service's port leads to, or led to before an earlier
// run made it lead to the proxy.
func TargetBeforeProxy(service *resource.Object, port *yaml.RNode) string {
	number, target := node.Text(port, "port"), node.Text(port, "targetPort")
	isProxyPort := target == "" || strings.HasPrefix(target, "proxy-http")
	if former, isRecorded := TargetPorts(service)[number]; isRecorded && isProxyPort {
		target = former
	}
	if target == "" {
		return number
	}
	return target
}

// TargetPorts returns what TargetPortsAnnotation says, by the number of the port.
func TargetPorts(service *resource.Object) map[string]string {
	was := map[string]string{}
	for _, entry := range listOf(service.Annotations()[TargetPortsAnnotation]) {
		number, target, _ := strings.Cut(entry, "=")
		was[number] = target
	}
	return was
}

// Record is a run that the marker on the registry's workload records.
type Record struct {
	// Scenario is the scenario's name, the layers of one run joined with "+".
	Scenario string
	// Version is the program's, Digest the scenario's: "sha256:…".
	Version, Digest string
}

// Recorded returns the registry's workload and the runs that its marker records, in
// their order. Of layer, which may be nil, only spec.targets counts. IsWhole is false if
// the marker was not written by this program as it is now.
func Recorded(set *resource.Set, layer *scenario.Layer) (workload *resource.Object, records []Record, isWhole bool, err error) {
	reg, err := RecognizeWorkload(set, layer)
	if err != nil {
		return nil, nil, false, err
	}
	annotations := reg.Workload.Annotations()
	names, digests := listOf(annotations[ScenarioAnnotation]), listOf(annotations[DigestAnnotation])
	isWhole = len(names) == len(digests)
	for i, name := range names {
		record := Record{Scenario: name}
		if i < len(digests) {
			at := strings.LastIndex(digests[i], "@")
			record.Version, record.Digest = digests[i][:max(at, 0)], digests[i][at+1:]
		}
		records = append(records, record)
	}
	return reg.Workload, records, isWhole, nil
}

func listOf(joined string) []string {
	if joined == "" {
		return nil
	}
	return strings.Split(joined, ",")
}
