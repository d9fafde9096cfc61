package transformers

import (
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

const (
	releaseNamespaceAnnotation = "meta.helm.sh/release-namespace"
	helmReleaseType            = "helm.sh/release.v1"
)

// ownership looks for what is in the render's place already: Helm takes over nothing
// that another release made, and names a release once.
func (l *live) ownership() error {
	objects, err := l.applied.Heads(nil)
	if err != nil {
		return err
	}
	for _, o := range objects {
		// certManager looks at CRDs, and hooks are deleted before they are made.
		if o.Kind == "CustomResourceDefinition" || o.Kind == "Namespace" || o.Annotations()[registry.HookAnnotation] != "" {
			continue
		}
		if there := l.there(o); there != nil {
			l.judgeOwner(there)
		}
	}
	workload := l.registry.Workload
	there := l.there(workload)
	if there != nil && registry.ContainerOf(there) == nil {
		l.refuse(codes.ReleaseConflict, there, "spec.template.spec.containers", "install under another release name, or in another namespace",
			"it is no connected registry, and the render would put one in its place")
	}
	if release := l.helmRelease(); release != nil && there == nil {
		l.refuse(codes.ReleaseConflict, release, "", "install under another release name; or, if it is what is left of a failed installation, run helm uninstall "+l.registry.Release.Name,
			"there is a Helm release %s in this namespace, and it has no %s", l.registry.Release.Name, workload)
	}
	return nil
}

// judgeOwner reports an object that is another release's.
func (l *live) judgeOwner(there *resource.Object) {
	name, namespace, owned := l.ownerOf(there)
	switch {
	case !owned && there.Labels()[registry.InstanceLabel] != l.registry.Release.Instance:
		l.warn(codes.ReleaseConflict, there, "it is there already, and no Helm release made it: helm install refuses to take it over")
	case owned && (name != l.registry.Release.Name || namespace != l.registry.Release.Namespace):
		l.refuse(codes.ReleaseConflict, there, "metadata.annotations["+registry.ReleaseNameLabel+"]", "install under another release name or in another namespace, or uninstall that release first",
			"it belongs to the Helm release %s in namespace %s", name, namespace)
	}
}

// ownerOf is the Helm release that made an object.
func (l *live) ownerOf(o *resource.Object) (name, namespace string, owned bool) {
	annotations := o.Annotations()
	name = annotations[registry.ReleaseNameLabel]
	return name, orElse(annotations[releaseNamespaceAnnotation], l.registry.Release.Namespace), name != ""
}

// isOwn says whether Helm would take an object for the release's own.
func (l *live) isOwn(o *resource.Object) bool {
	name, namespace, owned := l.ownerOf(o)
	return owned && name == l.registry.Release.Name && namespace == l.registry.Release.Namespace
}

// helmRelease is where Helm keeps the release of this name, nil where there is none.
func (l *live) helmRelease() *resource.Object {
	prefix := "sh.helm.release.v1." + l.registry.Release.Name + ".v"
	for _, o := range l.objects["Secret"] {
		if o.Namespace == l.registry.Release.Namespace && strings.HasPrefix(o.Name, prefix) && text(o.Node(), "type") == helmReleaseType {
			return o
		}
	}
	return nil
}

// selectors compares what cannot be changed once it is there.
func (l *live) selectors() error {
	for _, o := range []*resource.Object{l.registry.Workload, l.registry.Trust} {
		there := l.there(o)
		if there == nil || registry.ContainerOf(there) == nil && o == l.registry.Workload {
			continue
		}
		fix := "delete " + there.Kind + " " + there.Name + " before you upgrade; its pods are down until then"
		if !sameNode(lookup(o.Node(), "spec", "selector"), lookup(there.Node(), "spec", "selector")) {
			l.refuse(codes.ImmutableField, there, "spec.selector", fix, "it cannot be changed, and the render has another")
		}
		if was, want := text(there.Node(), "spec", "serviceName"), text(o.Node(), "spec", "serviceName"); o.Kind == "StatefulSet" && was != want {
			l.refuse(codes.ImmutableField, there, "spec.serviceName", fix, "it cannot be changed; it is %s, and the render has %s", was, want)
		}
	}
	return nil
}
