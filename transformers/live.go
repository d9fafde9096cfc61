package transformers

import (
	"errors"
	"fmt"
	"slices"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// ErrNoCluster says that what was given as a cluster's objects is none: every
// cluster has its own Service and a Namespace.
var ErrNoCluster = codes.Errorf(codes.NotACluster, "it holds no Service default/kubernetes or no Namespace, which every cluster has")

// live compares what would be applied with what a cluster holds.
type live struct {
	applied  *resource.Set
	registry *registry.Registry
	// objects are the cluster's, by kind.
	objects map[string][]*resource.Object

	problems []error
	warnings []Warning
}

// CheckLive says beforehand what a cluster would refuse, or take and never bring up.
// Applied is the render on which the scenario was made to hold, cluster what the
// documented kubectl command prints; neither is changed.
//
// The error is [ErrNoCluster], or all problems joined, each a [Problem].
func CheckLive(applied, cluster *resource.Set, layer *scenario.Layer, namespace string) ([]Warning, error) {
	if namespace == "" {
		namespace = layer.Scenario.Metadata.Namespace
	}
	reg, err := registry.Recognize(applied, layer, namespace)
	if err != nil {
		return nil, err
	}
	l := &live{applied: applied, registry: reg, objects: map[string][]*resource.Object{}}
	all, err := cluster.Heads(nil)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		l.objects[o.Kind] = append(l.objects[o.Kind], o)
	}
	if l.find("Service", "default", "kubernetes") == nil || len(l.objects["Namespace"]) == 0 {
		return nil, ErrNoCluster
	}
	checks := []func() error{l.namespace, l.ownership, l.service, l.certManager, l.secrets, l.claim, l.selectors}
	for _, check := range checks {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return l.warnings, errors.Join(l.problems...)
}

// find returns the cluster's object, nil where it has none.
func (l *live) find(kind, namespace, name string) *resource.Object {
	i := slices.IndexFunc(l.objects[kind], func(o *resource.Object) bool { return o.Namespace == namespace && o.Name == name })
	if i < 0 {
		return nil
	}
	return l.objects[kind][i]
}

// namespaceOf is where an object of the render would be applied.
func (l *live) namespaceOf(o *resource.Object) string {
	return orElse(o.Namespace, l.registry.Release.Namespace)
}

// there is the object that the cluster holds in the place of one of the render's.
func (l *live) there(o *resource.Object) *resource.Object {
	if o == nil {
		return nil
	}
	if found := l.find(o.Kind, l.namespaceOf(o), o.Name); found != nil {
		return found
	}
	return l.find(o.Kind, "", o.Name) // it has no namespace
}

// refuse reports what the cluster would not take, or what would not come up.
func (l *live) refuse(code codes.Code, o *resource.Object, field, fix, format string, args ...any) {
	l.problems = append(l.problems, Problem{
		Code: code, Document: "in the cluster", Object: o.ID(), Ref: o.Ref(), Field: field, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

// missing reports what the cluster does not hold.
func (l *live) missing(code codes.Code, object, fix, format string, args ...any) {
	l.problems = append(l.problems, Problem{
		Code: code, Document: "in the cluster", Object: object, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

func (l *live) warn(code codes.Code, o *resource.Object, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{Code: code, Object: o, Transformer: "live", Message: fmt.Sprintf(format, args...)})
}

const (
	podSecurityLabel = "pod-security.kubernetes.io/enforce"
	baseline         = "baseline"
	restricted       = "restricted"
)

// namespace looks at the release's namespace: one that is going takes nothing in, and
// one may forbid its pods.
func (l *live) namespace() error {
	name := l.registry.Release.Namespace
	ns := l.find("Namespace", "", name)
	if ns == nil {
		l.warn(codes.NamespaceMissing, nil, "the cluster has no namespace %s yet: create it first, with helm install --create-namespace or kubectl create namespace", name)
		return nil
	}
	if text(ns.Node(), "status", "phase") == "Terminating" || text(ns.Node(), "metadata", "deletionTimestamp") != "" {
		l.refuse(codes.NamespaceTerminating, ns, "status.phase", "wait until it is gone, and install then", "it is being terminated, and takes nothing in")
	}
	level := ns.Labels()[podSecurityLabel]
	trust := l.registry.Trust
	if trust != nil && (level == baseline || level == restricted) {
		if what := forbiddenByBaseline(registry.PodSpec(trust.Node())); what != "" {
			l.refuse(codes.PodSecurity, ns, "metadata.labels["+podSecurityLabel+"]",
				fmt.Sprintf("run kubectl label --overwrite namespace %s %s=privileged, or write trustDistribution.enabled: false", name, podSecurityLabel),
				"%s forbids the pods of %s, which have %s", level, trust, what)
		}
	}
	if workload := l.registry.Workload; level == restricted && !saysNonRoot(registry.PodSpec(workload.Node())) {
		l.refuse(codes.PodSecurity, ns, "metadata.labels["+podSecurityLabel+"]",
			fmt.Sprintf("run kubectl label --overwrite namespace %s %s=%s (privileged, with the trust distribution)", name, podSecurityLabel, baseline),
			"%s forbids the pods of %s, which do not state runAsNonRoot", level, workload)
	}
	return nil
}

// forbiddenByBaseline is what of a pod the Pod Security Standard "baseline" forbids,
// as far as a trust distribution would have it; empty for nothing.
// Source: kubernetes.io, Pod Security Standards.
func forbiddenByBaseline(pod *yaml.RNode) string {
	for _, c := range append(elements(pod, "initContainers"), elements(pod, "containers")...) {
		if text(c, "securityContext", "privileged") == "true" {
			return "a privileged container"
		}
	}
	for _, v := range elements(pod, "volumes") {
		if lookup(v, "hostPath") != nil {
			return "a hostPath volume"
		}
	}
	for _, field := range []string{"hostPID", "hostNetwork", "hostIPC"} {
		if text(pod, field) == "true" {
			return field
		}
	}
	return ""
}

// saysNonRoot is one of the things that the standard "restricted" asks for.
func saysNonRoot(pod *yaml.RNode) bool {
	if text(pod, "securityContext", "runAsNonRoot") == "true" {
		return true
	}
	return !slices.ContainsFunc(elements(pod, "containers"), func(c *yaml.RNode) bool {
		return text(c, "securityContext", "runAsNonRoot") != "true"
	})
}
