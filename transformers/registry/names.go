package registry

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/resource"
)

// kustomize renames objects and moves them to other namespaces before its transformers
// run, and corrects the references to them afterwards. What an object was called is in
// these annotations, separated by commas, the oldest first.
// Source: sigs.k8s.io/kustomize/api/internal/utils.
const (
	previousNamesAnnotation      = "internal.config.kubernetes.io/previousNames"
	previousNamespacesAnnotation = "internal.config.kubernetes.io/previousNamespaces"
)

// Names returns what references may call an object: its name, then those that it had
// before kustomize renamed it.
func Names(o *resource.Object) []string {
	return withPrevious(o.Name, o.Annotations()[previousNamesAnnotation])
}

// Named reports whether a reference to that name means the object.
func Named(o *resource.Object, name string) bool { return slices.Contains(Names(o), name) }

// InNamespace reports whether a reference into that namespace means the object's. Empty
// means the namespace of the object that refers.
func InNamespace(o *resource.Object, namespace string) bool {
	return namespace == "" || o.Namespace == "" || slices.Contains(withPrevious(o.Namespace, o.Annotations()[previousNamespacesAnnotation]), namespace)
}

func withPrevious(now, previous string) []string {
	names := []string{now}
	if previous != "" {
		names = append(names, strings.Split(previous, ",")...)
	}
	return names
}

// Find returns the object of that kind and name in the release's namespace, nil if
// there is none. The present name comes before former ones.
func (r Release) Find(set *resource.Set, kind, name string) (*resource.Object, error) {
	objects, err := set.Select([]string{kind}, name)
	if err != nil {
		return nil, err
	}
	objects = slices.DeleteFunc(objects, func(o *resource.Object) bool { return !Named(o, name) || !r.SameNamespace(o.Namespace) })
	for _, o := range objects {
		if o.Name == name {
			return o, nil
		}
	}
	if len(objects) > 0 {
		return objects[0], nil
	}
	return nil, nil
}
