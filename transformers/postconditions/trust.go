package postconditions

import (
	"path"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// The labels by which Helm charts say what belongs together.
const (
	instanceLabel = "app.kubernetes.io/instance"
	chartLabel    = "helm.sh/chart"
)

// runtimeConfiguration are the directories in which containerd, k3s, RKE2, Docker,
// CRI-O and podman look for registries and their CAs.
var runtimeConfiguration = []string{"/etc/containerd", "/etc/rancher", "/var/lib/rancher", "/etc/docker", "/etc/crio", "/etc/containers"}

// trustIsGone: no DaemonSet of the registry's release writes the configuration of the
// nodes' container runtime. One of another chart, of another release or that only
// reads is nobody's business.
func trustIsGone(set *resource.Set, e templated) ([]error, error) {
	if !e.NoTrust {
		return nil, nil
	}
	daemonSets, err := set.Select([]string{"DaemonSet"}, "hostPath")
	if err != nil {
		return nil, err
	}
	own := e.certificateSecrets()
	for _, g := range e.gone(set) {
		if g.kind == "Secret" {
			own = append(own, g.name)
		}
	}
	var failures []error
	for _, o := range daemonSets {
		if !e.near(o) || !e.distributesTrust(o, own) {
			continue
		}
		template, err := templateOf(o)
		if err != nil {
			return nil, err
		}
		for _, at := range template.writableRuntime() {
			failures = append(failures, failure(codes.TrustRemains, o,
				"say with spec.targets.trustDistribution that it is meant, or turn it off by chart values", "still mounts %s of the nodes, although the trust distribution is disabled", at))
		}
	}
	return failures, nil
}

// distributesTrust reports whether a DaemonSet in the release's namespace is the
// registry's: of its instance and chart, of the documented name and of no other release or chart,
// or because it takes one of the registry's own Secrets.
func (e templated) distributesTrust(o *resource.Object, own []string) bool {
	labels, registry := o.Labels(), e.Workload.Labels()
	instance, chart := labels[instanceLabel], labels[chartLabel]
	switch {
	case instance != "" && instance == e.Instance && chart != "" && chart == registry[chartLabel]:
		return true
	case (instance == "" || instance == e.Instance) && chart == "" && slices.ContainsFunc(e.provides(o), func(r reference) bool { return strings.HasSuffix(r.name, "containerd-config") }):
		return true
	}
	return slices.ContainsFunc(e.secretsOf(o), func(name string) bool { return slices.Contains(own, name) })
}

// certificateSecrets are the Secrets at the certificate path of the registry's container.
func (e templated) certificateSecrets() []string {
	var secrets []string
	if c := e.template.container(e.Container); c != nil {
		for _, m := range e.certificateMounts(c) {
			secrets = append(secrets, volumeSecrets(e.template, m.Name)...)
		}
	}
	return secrets
}

// secretsOf are the Secrets that an object's pods take, without those that they are
// pulled with.
func (e expected) secretsOf(o *resource.Object) []string {
	var names []string
	for _, ref := range e.references(o) {
		if ref.kind == "Secret" && !strings.Contains(ref.where, "imagePullSecrets") {
			names = append(names, ref.name)
		}
	}
	return names
}

// writableRuntime are the directories of the nodes that hold the runtime's
// configuration and that a container mounts writable.
func (t *podTemplate) writableRuntime() []string {
	var found []string
	for _, v := range t.Spec.Volumes {
		at := path.Clean(v.HostPath.Path)
		holds := slices.ContainsFunc(runtimeConfiguration, func(dir string) bool { return within(at, dir) || within(dir, at) })
		writes := slices.ContainsFunc(slices.Concat(t.Spec.InitContainers, t.Spec.Containers), func(c container) bool {
			return slices.ContainsFunc(c.VolumeMounts, func(m volumeMount) bool { return m.Name == v.Name && !m.ReadOnly })
		})
		if v.HostPath.Path != "" && holds && writes {
			found = append(found, at)
		}
	}
	return found
}

// within reports whether a path is a directory or below it.
func within(file, dir string) bool {
	return file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// trustFollows: the nodes are told to trust the CA of the certificate that the
// registry serves, from its Secret or from that of a CA that signs it.
func trustFollows(set *resource.Set, e expected) ([]error, error) {
	if e.Trust == nil || !e.TLSStated || e.HTTP {
		return nil, nil
	}
	taken := e.secretsOf(e.Trust)
	links, err := e.chain(set)
	if err != nil || len(taken) == 0 {
		return nil, err
	}
	var allowed []string
	for _, l := range links {
		if l.needs.kind == "Secret" {
			allowed = append(allowed, l.needs.name)
		}
	}
	if slices.ContainsFunc(taken, func(name string) bool { return slices.Contains(allowed, name) }) {
		return nil, nil
	}
	return []error{failure(codes.TrustMismatch, e.Trust, "have the chart take the CA from Secret "+e.Secret+", or write trustDistribution.enabled: false and distribute the CA yourself",
		"takes its CA from the Secrets [%s], expected one of [%s]", strings.Join(taken, ", "), strings.Join(allowed, ", "))}, nil
}
