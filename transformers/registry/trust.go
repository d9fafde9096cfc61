package registry

import (
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// runtimePaths are where container runtimes keep the configuration that a trust
// DaemonSet writes.
var runtimePaths = []string{"/etc/containerd", "/etc/rancher", "/var/lib/rancher", "/etc/docker", "/etc/crio", "/etc/containers"}

// trustName is a part of the name that the documentation gives the DaemonSet's pods.
const trustName = "containerd-config"

// findTrust finds the DaemonSet that makes nodes trust the registry. Writing the
// container runtime's configuration makes a DaemonSet a candidate and proves nothing,
// because Spegel, Dragonfly and others do that too.
func (reg *Registry) findTrust(set *resource.Set, target *scenario.Target) error {
	needles := append([]string{trustName}, runtimePaths...)
	if target != nil {
		needles = nil
	}
	daemonSets, err := set.Select([]string{"DaemonSet"}, needles...)
	if err != nil {
		return err
	}
	var proved []Evidence
	for _, o := range daemonSets {
		e := reg.trustEvidence(o)
		if target != nil {
			if selects(target, o) {
				e.Against = nil
				e.add(NamedByTarget, "named by spec.targets.trustDistribution")
			}
			proved = append(proved, e)
		} else if isTrust(e) {
			proved = append(proved, e)
		}
		if target != nil || e.has(DocumentedName, WritesRuntime) || slices.ContainsFunc(e.Against, func(f Fact) bool { return f.Code == ReadOnlyMount }) {
			reg.Candidates[TrustDistribution] = append(reg.Candidates[TrustDistribution], e)
		}
	}
	reg.Trust, reg.Ambiguous[TrustDistribution] = reg.pick(TrustDistribution, proved, target)
	return nil
}

func (reg *Registry) trustEvidence(o *resource.Object) Evidence {
	e := reg.Release.marks(o)
	reg.Release.addChart(&e)
	if slices.ContainsFunc(Names(o), func(name string) bool { return strings.Contains(name, trustName) }) {
		e.add(DocumentedName, "named *"+trustName)
	}
	pod := node.Lookup(o.Node(), "spec", "template", "spec")
	if secret := reg.mountsCA(pod); secret != "" {
		e.add(MountsCA, "takes Secret "+secret)
	}
	e.addRuntimeMount(pod)
	return e
}

func (e *Evidence) addRuntimeMount(pod *yaml.RNode) {
	if at, isWritable := runtimeMount(pod); isWritable {
		e.add(WritesRuntime, "can write "+at)
	} else if at != "" {
		e.against(ReadOnlyMount, "mounts "+at+" read-only")
	}
}

// isTrust decides whether the evidence proves a DaemonSet to be the chart's trust
// distribution: what it is, and whose it is.
func isTrust(e Evidence) bool {
	if len(e.Against) > 0 {
		return false
	}
	isDocumented := e.has(DocumentedName, MountsCA)
	isOfChart := e.has(ChartPath, ChartLabel, AddedByScenario)
	return isDocumented && (isOfChart || e.has(ReleaseLabel, ReleaseOwner, ReleaseNamespace, SameNamespace)) || e.has(WritesRuntime) && isOfChart
}

// mountsCA returns a Secret of the registry's certificate or of a CA that issues it
// which the pods take, empty for none.
func (reg *Registry) mountsCA(pod *yaml.RNode) string {
	secrets := []string{reg.Secret, reg.Release.Name + "-ca-cert"}
	for _, o := range reg.Chain {
		secrets = append(secrets, node.Text(o.Node(), "spec", "secretName"), node.Text(o.Node(), "spec", "ca", "secretName"))
	}
	for _, ref := range SecretRefs(pod) {
		if name := ref.Name(); name != "" && slices.Contains(secrets, name) {
			return name
		}
	}
	return ""
}

// runtimeMount returns a path of the runtime's configuration that the pods mount from
// the node, and whether a container can write there. A volume that no container mounts
// is writable, because an init container or a later template may mount it.
func runtimeMount(pod *yaml.RNode) (hostPath string, isWritable bool) {
	for _, v := range node.Items(pod, "volumes") {
		at := path.Clean(node.Text(v, "hostPath", "path"))
		if !slices.ContainsFunc(runtimePaths, func(dir string) bool { return at == dir || strings.HasPrefix(at, dir+"/") }) {
			continue
		}
		hostPath = at
		mounts, readOnly := 0, 0
		for _, c := range append(node.Items(pod, "initContainers"), node.Items(pod, "containers")...) {
			for _, m := range node.Items(c, "volumeMounts") {
				if node.Text(m, "name") != node.Text(v, "name") {
					continue
				}
				mounts++
				if node.Text(m, "readOnly") == "true" {
					readOnly++
				}
			}
		}
		if mounts == 0 || readOnly < mounts {
			return at, true
		}
	}
	return hostPath, false
}
