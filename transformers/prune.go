package transformers

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// prune takes out what only removed objects referred to. ConfigMaps,
// ServiceAccounts, Roles and their bindings of the same release go; Secrets and
// claims hold what cannot be made again, and are only reported.
func prune(r *render) error {
	for i := 0; i < len(r.removed); i++ { // it grows while we go
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
		return r.pruneUnless(r.roleUsed, text(o.Node(), "roleRef", "kind"), text(o.Node(), "roleRef", "name"), o)
	}
	return nil
}

func (r *render) pruneAfterPod(o *resource.Object, pod *yaml.RNode) error {
	for _, name := range configMapNames(pod) {
		if err := r.pruneUnless(r.configMapUsed, "ConfigMap", name, o); err != nil {
			return err
		}
	}
	if name := orElse(text(pod, "serviceAccountName"), text(pod, "serviceAccount")); name != "" {
		return r.pruneUnless(r.serviceAccountUsed, "ServiceAccount", name, o)
	}
	return nil
}

// pruneUnless removes the release's object of that kind and name unless something
// that stays uses it.
func (r *render) pruneUnless(used func(kind, name string) (bool, error), kind, name string, user *resource.Object) error {
	candidates, err := r.set.Select([]string{kind}, name)
	if err != nil {
		return err
	}
	for _, o := range candidates {
		inReach := o.Namespace == user.Namespace || kind == "ClusterRole"
		if o.Name != name || !inReach || !r.registry.Release.Owns(o) || aggregated(o) {
			continue
		}
		needed, err := used(kind, name)
		if err != nil {
			return err
		}
		if !needed {
			r.remove(o, "only %s used it", user)
		}
	}
	return nil
}

// aggregated says whether a ClusterRole is used by label rather than by name.
func aggregated(o *resource.Object) bool {
	for label := range o.Labels() {
		if strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-") {
			return true
		}
	}
	return false
}

func (r *render) configMapUsed(_, name string) (bool, error) {
	users, err := r.set.Select(podKinds, name)
	return slices.ContainsFunc(users, func(o *resource.Object) bool {
		return slices.Contains(configMapNames(registry.PodSpec(o.Node())), name)
	}), err
}

// serviceAccountUsed looks at pods only: a binding that grants rights to an account
// that no pod uses does not keep it.
func (r *render) serviceAccountUsed(_, name string) (bool, error) {
	users, err := r.set.Select(podKinds, name)
	return slices.ContainsFunc(users, func(o *resource.Object) bool {
		pod := registry.PodSpec(o.Node())
		return text(pod, "serviceAccountName") == name || text(pod, "serviceAccount") == name
	}), err
}

func (r *render) roleUsed(kind, name string) (bool, error) {
	bindings, err := r.set.Select([]string{"RoleBinding", "ClusterRoleBinding"}, name)
	return slices.ContainsFunc(bindings, func(o *resource.Object) bool {
		return text(o.Node(), "roleRef", "kind") == kind && text(o.Node(), "roleRef", "name") == name
	}), err
}

// pruneBindings removes the bindings of which every subject is a removed
// ServiceAccount.
func (r *render) pruneBindings(account *resource.Object) error {
	bindings, err := r.set.Select([]string{"RoleBinding", "ClusterRoleBinding"}, account.Name)
	if err != nil {
		return err
	}
	for _, o := range bindings {
		subjects := elements(o.Node(), "subjects")
		orphan := func(s *yaml.RNode) bool { return !r.subjectRemoved(o, s) }
		if len(subjects) > 0 && !slices.ContainsFunc(subjects, orphan) && r.registry.Release.Owns(o) {
			r.remove(o, "only %s was bound by it", account)
		}
	}
	return nil
}

func (r *render) subjectRemoved(binding *resource.Object, subject *yaml.RNode) bool {
	namespace := orElse(text(subject, "namespace"), binding.Namespace)
	return text(subject, "kind") == "ServiceAccount" && slices.ContainsFunc(r.removed, func(o *resource.Object) bool {
		return o.Kind == "ServiceAccount" && o.Name == text(subject, "name") && (o.Namespace == namespace || o.Namespace == "" || namespace == "")
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
