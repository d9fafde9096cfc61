package transformers

import (
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// secrets looks for the Secrets that the registry's pods need and the render does not
// bring. Of those in the cluster only names, types and keys are looked at.
func (l *live) secrets() error {
	provided, err := l.providedSecrets()
	if err != nil {
		return err
	}
	for _, o := range []*resource.Object{l.registry.Workload, l.registry.Trust} {
		if o == nil {
			continue
		}
		for _, ref := range registry.SecretRefs(registry.PodSpec(o.Node())) {
			name := ref.Name()
			if name == "" || text(ref.At, "optional") == "true" || slices.Contains(provided, name) {
				continue
			}
			keys := ref.Keys()
			if o == l.registry.Workload && name == l.registry.Secret {
				keys = []string{crtKey, keyKey}
			}
			l.judgeSecret(o, ref, name, keys)
		}
	}
	return l.secretTypes()
}

// providedSecrets are those in the render, and those that cert-manager will write.
func (l *live) providedSecrets() ([]string, error) {
	var provided []string
	secrets, err := l.applied.Heads([]string{"Secret"})
	if err != nil {
		return nil, err
	}
	for _, o := range secrets {
		if l.registry.Release.SameNamespace(o.Namespace) {
			provided = append(provided, o.Name)
		}
	}
	certificates, err := l.applied.Select([]string{"Certificate"}, registry.CertManagerGroup)
	for _, o := range certificates {
		if registry.IsCertManager(o, "Certificate") && l.registry.Release.SameNamespace(o.Namespace) {
			provided = append(provided, text(o.Node(), "spec", "secretName"))
		}
	}
	return provided, err
}

// judgeSecret holds a Secret of the cluster to what a pod takes from it.
func (l *live) judgeSecret(user *resource.Object, ref registry.SecretRef, name string, keys []string) {
	namespace := l.namespaceOf(user)
	there := l.find("Secret", namespace, name)
	if there == nil {
		l.missingSecret(user, ref, name)
		return
	}
	if name == l.registry.Secret && text(there.Node(), "type") != tlsSecretType {
		l.refuse(codes.SecretType, there, "type", "create it anew with kubectl create secret tls, or name another in spec.tls.secret",
			"it is %q, expected %s; a Secret's type cannot be changed", text(there.Node(), "type"), tlsSecretType)
	}
	has := append(keysOf(there, "data"), keysOf(there, "stringData")...)
	for _, key := range keys {
		if slices.Contains(has, key) {
			continue
		}
		fix := "put it there"
		switch {
		case name == l.registry.Secret && key != caKey:
			fix = "put it there, or name another Secret in spec.tls.secret"
		case key == caKey:
			fix = "put the CA there, or write trustDistribution.enabled: false"
		}
		l.refuse(codes.SecretKey, there, "data["+key+"]", fix, "it is missing, and %s takes it (%s)", user, ref.Where)
	}
}

// missingSecret says where a Secret is that is not where it should be: pods take
// Secrets of their own namespace only.
func (l *live) missingSecret(user *resource.Object, ref registry.SecretRef, name string) {
	namespace := l.namespaceOf(user)
	var elsewhere []string
	for _, o := range l.objects["Secret"] {
		if o.Name == name {
			elsewhere = append(elsewhere, o.Namespace)
		}
	}
	object := "Secret/" + namespace + "/" + name
	if len(elsewhere) > 0 {
		l.missing(codes.SecretMissing, object, "create it in namespace "+namespace+" too",
			"%s takes it (%s), and it is in namespace %s; a pod sees those of its own namespace only", user, ref.Where, strings.Join(elsewhere, ", "))
		return
	}
	fix := "create it before you install, or render the chart so that it makes one"
	if name == l.registry.Secret {
		fix = "create it before you install, or correct spec.tls.secret"
	}
	l.missing(codes.SecretMissing, object, fix, "%s takes it (%s), and the cluster has none of that name", user, ref.Where)
}

// keysOf are the keys of a mapping; values are not looked at.
func keysOf(o *resource.Object, field string) []string {
	var keys []string
	for key := range stringMap(o.Node(), field) {
		keys = append(keys, key)
	}
	return keys
}

// secretTypes: a Secret of the render whose like in the cluster has another type is
// refused.
func (l *live) secretTypes() error {
	secrets, err := l.applied.Select([]string{"Secret"})
	for _, o := range secrets {
		there := l.there(o)
		if there == nil {
			continue
		}
		was, want := orElse(text(there.Node(), "type"), "Opaque"), orElse(text(o.Node(), "type"), "Opaque")
		if was != want {
			l.refuse(codes.ImmutableField, there, "type", "delete the Secret before you upgrade", "it cannot be changed; it is %s, and the render has %s", was, want)
		}
	}
	return err
}
