package transformers

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// prune removes what only removed objects referred to: ConfigMaps, ServiceAccounts,
// Roles and their bindings that carry the release's marks. Secrets and claims hold what
// cannot be made again, and are only reported, as is what carries no mark.
func prune(r *render) error {
	for i := 0; i < len(r.removed); i++ { // it grows meanwhile
		if err := r.pruneAfter(r.removed[i]); err != nil {
			return err
		}
	}
	return r.reportKept()
}

// pruneAfter asks for the tree of those only that refer to something: the rest of a
// bundled cert-manager is large.
func (r *render) pruneAfter(o *resource.Object) error {
	switch {
	case slices.Contains(podKinds, o.Kind):
		return r.pruneAfterPod(o, registry.PodSpec(o.Node()))
	case o.Kind == "ServiceAccount":
		return r.pruneBindings(o)
	case o.Kind == "RoleBinding", o.Kind == "ClusterRoleBinding":
		return r.pruneUnused(r.isRoleUsed, text(o.Node(), "roleRef", "kind"), text(o.Node(), "roleRef", "name"), o)
	}
	return nil
}

func (r *render) pruneAfterPod(o *resource.Object, pod *yaml.RNode) error {
	for _, name := range configMapNames(pod) {
		if err := r.pruneUnused(r.isConfigMapUsed, "ConfigMap", name, o); err != nil {
			return err
		}
	}
	if name := accountOf(pod); name != "" {
		return r.pruneUnused(r.isAccountUsed, "ServiceAccount", name, o)
	}
	return nil
}

func accountOf(pod *yaml.RNode) string {
	return orElse(text(pod, "serviceAccountName"), text(pod, "serviceAccount"))
}

// pruneUnused removes the release's object that a removed one referred to by kind and
// name, unless something that stays uses it.
func (r *render) pruneUnused(isUsed func(*resource.Object) (bool, error), kind, name string, user *resource.Object) error {
	candidates, err := r.set.Select([]string{kind}, name)
	if err != nil {
		return err
	}
	for _, o := range candidates {
		inReach := o.Namespace == user.Namespace || kind == "ClusterRole"
		if !registry.Named(o, name) || !inReach || isAggregated(o) {
			continue
		}
		used, err := isUsed(o)
		if err != nil {
			return err
		}
		if !used {
			r.pruneOwned(o, user, "only %s used it")
		}
	}
	return nil
}

// pruneOwned removes an object if it carries the release's marks, and otherwise reports
// that it stays.
func (r *render) pruneOwned(o, user *resource.Object, why string) {
	evidence := r.registry.OnlyReferredToBy(o, user)
	if evidence.Owned() {
		r.removeFor(evidence, why, user)
		return
	}
	if len(evidence.Against) == 0 {
		r.warn(codes.KeptUnused, o, "kept: only the removed %s referred to it, and it carries no mark of the release", user)
	}
}

// isAggregated reports whether a ClusterRole is used by label rather than by name.
func isAggregated(o *resource.Object) bool {
	for label := range o.Labels() {
		if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
			return true
		}
	}
	return false
}

// users returns the objects of these kinds that hold one of an object's names.
func (r *render) users(o *resource.Object, kinds ...string) ([]*resource.Object, error) {
	return r.set.Select(kinds, registry.Names(o)...)
}

func (r *render) isConfigMapUsed(o *resource.Object) (bool, error) {
	users, err := r.users(o, podKinds...)
	return slices.ContainsFunc(users, func(u *resource.Object) bool {
		return slices.ContainsFunc(configMapNames(registry.PodSpec(u.Node())), func(name string) bool { return registry.Named(o, name) })
	}), err
}

// isAccountUsed looks at pods only: a binding that grants rights to an account that no
// pod uses does not keep it.
func (r *render) isAccountUsed(o *resource.Object) (bool, error) {
	users, err := r.users(o, podKinds...)
	return slices.ContainsFunc(users, func(u *resource.Object) bool {
		return registry.Named(o, accountOf(registry.PodSpec(u.Node())))
	}), err
}

func (r *render) isRoleUsed(o *resource.Object) (bool, error) {
	bindings, err := r.users(o, "RoleBinding", "ClusterRoleBinding")
	return slices.ContainsFunc(bindings, func(b *resource.Object) bool {
		return text(b.Node(), "roleRef", "kind") == o.Kind && registry.Named(o, text(b.Node(), "roleRef", "name"))
	}), err
}

// pruneBindings removes the bindings of which every subject is a removed
// ServiceAccount.
func (r *render) pruneBindings(account *resource.Object) error {
	bindings, err := r.users(account, "RoleBinding", "ClusterRoleBinding")
	if err != nil {
		return err
	}
	for _, o := range bindings {
		subjects := elements(o.Node(), "subjects")
		stays := func(s *yaml.RNode) bool { return !r.isSubjectRemoved(o, s) }
		if len(subjects) > 0 && !slices.ContainsFunc(subjects, stays) {
			r.pruneOwned(o, account, "only %s was bound by it")
		}
	}
	return nil
}

func (r *render) isSubjectRemoved(binding *resource.Object, subject *yaml.RNode) bool {
	namespace := orElse(text(subject, "namespace"), binding.Namespace)
	return text(subject, "kind") == "ServiceAccount" && slices.ContainsFunc(r.removed, func(o *resource.Object) bool {
		return o.Kind == "ServiceAccount" && registry.Named(o, text(subject, "name")) && registry.InNamespace(o, namespace)
	})
}

// reportKept names the Secrets and claims that nothing in the stream uses any more.
func (r *render) reportKept() error {
	secrets := []string{r.registry.Secret}
	for _, o := range r.removed {
		if !slices.Contains(podKinds, o.Kind) {
			continue
		}
		for _, ref := range registry.SecretRefs(registry.PodSpec(o.Node())) {
			secrets = append(secrets, ref.Name())
		}
	}
	slices.Sort(secrets)
	for _, name := range slices.Compact(secrets) {
		if name == "" || name == r.decided.Secret {
			continue
		}
		o, err := r.named("Secret", name)
		if err != nil {
			return err
		}
		if o == nil || !r.registry.Release.Owns(o) {
			continue
		}
		users, err := r.set.Select(podKinds, name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(users, func(u *resource.Object) bool {
			return slices.ContainsFunc(registry.SecretRefs(registry.PodSpec(u.Node())), func(ref registry.SecretRef) bool { return ref.Name() == name })
		}) {
			r.warn(codes.KeptUnused, o, "kept, although nothing in the stream refers to it any more")
		}
	}
	return nil
}

// configMapNames are the ConfigMaps that a pod mounts or reads.
func configMapNames(pod *yaml.RNode) []string {
	var names []string
	add := func(name string) {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, v := range elements(pod, "volumes") {
		add(text(v, "configMap", "name"))
		for _, source := range elements(v, "projected", "sources") {
			add(text(source, "configMap", "name"))
		}
	}
	for _, c := range append(elements(pod, "initContainers"), elements(pod, "containers")...) {
		for _, env := range elements(c, "env") {
			add(text(env, "valueFrom", "configMapKeyRef", "name"))
		}
		for _, source := range elements(c, "envFrom") {
			add(text(source, "configMapRef", "name"))
		}
	}
	return names
}
