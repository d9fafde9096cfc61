package transformers

import (
	"strings"

	"sigs.k8s.io/kustomize/api/hasher"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/resource"
)

// followGeneratedName makes spec.tls.secret name the Secret that kustomize's
// secretGenerator gave a hash: in a finished build k8secret is k8secret-7m2f6c9b5t.
// The hash is worked out again from the Secret, so that no other name is taken for it.
func (r *render) followGeneratedName() error {
	tls := r.spec.TLS
	if tls == nil || tls.Secret == nil {
		return nil
	}
	secrets, err := r.set.Select([]string{"Secret"}, *tls.Secret)
	if err != nil {
		return err
	}
	var generated []string
	for _, o := range secrets {
		if !r.registry.Release.SameNamespace(o.Namespace) {
			continue
		}
		if o.Name == *tls.Secret {
			return nil
		}
		if GeneratedFrom(o) == *tls.Secret {
			generated = append(generated, o.Name)
		}
	}
	if len(generated) == 1 {
		named := *tls
		named.Secret = &generated[0]
		r.spec.TLS = &named
	}
	return nil
}

// GeneratedFrom returns the name of a Secret or ConfigMap without the hash that
// kustomize appended to it; empty if the name does not end in the hash of its content.
func GeneratedFrom(o *resource.Object) string {
	at := strings.LastIndex(o.Name, "-")
	if at <= 0 || o.Kind != "Secret" && o.Kind != "ConfigMap" {
		return ""
	}
	name := o.Name[:at]
	content := o.Node().Copy()
	if err := content.PipeE(yaml.LookupCreate(yaml.MappingNode, "metadata"), yaml.SetField("name", yaml.NewStringRNode(name))); err != nil {
		return ""
	}
	hash, err := (&hasher.Hasher{}).Hash(content)
	if err != nil || hash != o.Name[at+1:] {
		return ""
	}
	return name
}
