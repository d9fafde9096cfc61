package transformers

import (
	"slices"

	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// claim looks at the volume claim: whether there is a class to make the volume, and
// whether one that is there can become what the render has.
func (l *live) claim() error {
	o := l.registry.PVC
	if o == nil {
		return nil
	}
	if there := l.there(o); there != nil {
		l.judgeClaim(o, there)
		return nil
	}
	if text(o.Node(), "spec", "volumeName") != "" {
		return nil // it names its volume
	}
	class, stated := className(o)
	switch {
	case !stated && !slices.ContainsFunc(l.objects["StorageClass"], isDefaultClass):
		l.missing(codes.StorageClassMissing, "StorageClass", "write spec.pvc.storageClassName: one of kubectl get storageclasses, or mark one as the default",
			"the cluster has no default class, and %s names none: it would stay Pending", o)
	case stated && class != "" && l.find("StorageClass", "", class) == nil:
		l.missing(codes.StorageClassMissing, "StorageClass/"+class, "create it, or write another spec.pvc.storageClassName: one of kubectl get storageclasses",
			"the cluster has none of that name, which %s asks for: it would stay Pending", o)
	}
	return nil
}

// className is a claim's class. One that is stated as "" means no class at all, one
// that is left out the default.
func className(o *resource.Object) (class string, stated bool) {
	return text(o.Node(), "spec", "storageClassName"), lookup(o.Node(), "spec", "storageClassName") != nil
}

func isDefaultClass(o *resource.Object) bool {
	return o.Annotations()[defaultClassAnnotation] == "true"
}

// judgeClaim compares a claim with the one that is there, of which only the size can
// be changed, and only to a larger one.
func (l *live) judgeClaim(o, there *resource.Object) {
	const keep = "; or back the data up and delete the claim before you upgrade"
	was, _ := className(there)
	if class, stated := className(o); stated && class != was {
		l.refuse(codes.ImmutableField, there, "spec.storageClassName", "write spec.pvc.storageClassName: "+was+keep, "it cannot be changed; it is %q, and the render has %q", was, class)
	}
	if modes := lookup(o.Node(), "spec", "accessModes"); !sameNode(modes, lookup(there.Node(), "spec", "accessModes")) {
		l.refuse(codes.ImmutableField, there, "spec.accessModes", "render the chart with the modes that it has"+keep, "they cannot be changed, and the render has others")
	}
	had, err := apiresource.ParseQuantity(text(there.Node(), "spec", "resources", "requests", "storage"))
	want, errWant := apiresource.ParseQuantity(text(o.Node(), "spec", "resources", "requests", "storage"))
	if err != nil || errWant != nil {
		return
	}
	const field = "spec.resources.requests.storage"
	switch want.Cmp(had) {
	case -1:
		l.refuse(codes.ImmutableField, there, field, "write spec.pvc.storageRequest: "+had.String()+keep, "it cannot shrink; it is %s, and the render has %s", had.String(), want.String())
	case 1:
		l.judgeGrowth(there, was, field, had.String(), want.String())
	}
}

// judgeGrowth: a claim grows only where its class allows it.
func (l *live) judgeGrowth(there *resource.Object, class, field, had, want string) {
	sc := l.find("StorageClass", "", class)
	if sc != nil && text(sc.Node(), "allowVolumeExpansion") == "true" {
		return
	}
	l.refuse(codes.ImmutableField, there, field, "write spec.pvc.storageRequest: "+had+", or set allowVolumeExpansion: true on the StorageClass if its storage can grow",
		"it is %s, the render has %s, and its StorageClass %q does not allow it to grow", had, want, class)
}

// sameNode compares two values, whatever they look like. One that is absent is like
// none other.
func sameNode(a, b *yaml.RNode) bool {
	if a.IsNil() || b.IsNil() {
		return a.IsNil() && b.IsNil()
	}
	x, errX := a.MarshalJSON()
	y, errY := b.MarshalJSON()
	return errX == nil && errY == nil && string(x) == string(y)
}
