package transformers

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

// reference is a name by which an object refers to another of its namespace.
type reference struct {
	from       *resource.Object
	field      string
	kind, name string
}

// checkNames finds references of the registry's objects that a host broke by renaming
// what they refer to. kustomize renames before its transformers run, records the former
// names, and corrects the references afterwards, except those of custom resources.
func (r *render) checkNames() error {
	for _, ref := range r.references() {
		objects, err := r.set.Heads([]string{ref.kind}, ref.name)
		if err != nil {
			return err
		}
		var twin *resource.Object
		isFound, isRecorded := false, false
		for _, o := range objects {
			switch {
			case !r.registry.Release.SameNamespace(o.Namespace):
			case o.Name == ref.name:
				isFound = true
			case registry.Named(o, ref.name):
				twin, isRecorded = o, true
			case twin == nil && r.isRenamed(o.Name, ref.name):
				twin = o
			}
		}
		if isFound || twin == nil {
			continue
		}
		if isRecorded && (ref.kind != "Issuer" || r.decided.IsGone(ref.from)) {
			continue // kustomize corrects it, or it goes
		}
		if isReferred, err := r.isReferredTo(twin); err != nil {
			return err
		} else if isReferred && !isRecorded {
			continue
		}
		return problemWith(codes.NameChanged, ref.from, ref.field, fmt.Sprintf("patch %s to %s, because kustomize does not correct this reference", ref.field, twin.Name),
			"it refers to %s %s, which is not in the stream, while %s is", ref.kind, ref.name, twin)
	}
	return nil
}

// references returns what the registry's own pods and Certificates refer to.
func (r *render) references() []reference {
	var refs []reference
	reg := r.registry
	for _, o := range []*resource.Object{reg.Workload, reg.Trust} {
		if o == nil {
			continue
		}
		pod := registry.PodSpec(o.Node())
		for _, ref := range registry.SecretRefs(pod) {
			refs = append(refs, reference{o, ref.Where, "Secret", ref.Name()})
		}
		for _, name := range configMapNames(pod) {
			refs = append(refs, reference{o, "spec.template.spec", "ConfigMap", name})
		}
		if name := accountOf(pod); name != "" {
			refs = append(refs, reference{o, "spec.template.spec.serviceAccountName", "ServiceAccount", name})
		}
	}
	if name := reg.ClaimName(); name != "" {
		refs = append(refs, reference{reg.Workload, "spec.template.spec.volumes", "PersistentVolumeClaim", name})
	}
	if !r.decided.TLSStated && !r.decided.Concerned {
		return refs
	}
	certificates := []*resource.Object{reg.Certificate}
	for _, o := range reg.Chain {
		if o.Kind == "Certificate" {
			certificates = append(certificates, o)
		}
	}
	for _, o := range certificates {
		if o == nil {
			continue
		}
		ref := lookup(o.Node(), "spec", "issuerRef")
		if orElse(text(ref, "kind"), "Issuer") == "Issuer" && orElse(text(ref, "group"), registry.CertManagerGroup) == registry.CertManagerGroup && !r.issuerChanges(o) {
			refs = append(refs, reference{o, "spec.issuerRef.name", "Issuer", text(ref, "name")})
		}
	}
	return refs
}

// isRenamed reports whether a name is another with a prefix or suffix that the
// workload's name has too.
func (r *render) isRenamed(now, former string) bool {
	workload, release := r.registry.Workload.Name, r.registry.Release.Name
	prefix, suffix, found := strings.Cut(now, former)
	rest, hasPrefix := strings.CutPrefix(workload, prefix)
	if !found || now == former || !hasPrefix || !strings.HasSuffix(workload, suffix) || workload == former {
		return false
	}
	return prefix == "" || r.registry.Release.Instance == "" || strings.HasPrefix(rest, release)
}

// isReferredTo reports whether anything in the stream holds the object's name beside
// the object itself.
func (r *render) isReferredTo(o *resource.Object) (bool, error) {
	users, err := r.set.Select(nil, o.Name)
	if err != nil {
		return false, err
	}
	for _, u := range users {
		if u == o {
			continue
		}
		if holdsName(u.Node().YNode(), o.Name) {
			return true, nil
		}
	}
	return false, nil
}

// holdsName reports whether a field other than metadata.name is exactly a name.
func holdsName(n *yaml.Node, name string) bool {
	for i, c := range n.Content {
		isOwn := n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "metadata"
		if isOwn {
			continue
		}
		if c.Kind == yaml.ScalarNode && c.Value == name || holdsName(c, name) {
			return true
		}
	}
	return false
}
