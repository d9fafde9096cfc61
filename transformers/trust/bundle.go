package trust

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// bundle is the part of trust-manager's Bundle that is needed here.
// Source: github.com/cert-manager/trust-manager/pkg/apis/trust/v1alpha1.
type bundle struct {
	APIVersion string         `yaml:"apiVersion"`
	Kind       string         `yaml:"kind"`
	Metadata   bundleMetadata `yaml:"metadata"`
	Spec       bundleSpec     `yaml:"spec"`
}

type bundleMetadata struct {
	Name string `yaml:"name"`
}

type bundleSpec struct {
	Sources []bundleSource `yaml:"sources"`
	Target  bundleTarget   `yaml:"target"`
}

// bundleSource has exactly one of its fields.
type bundleSource struct {
	InLine string     `yaml:"inLine,omitempty"`
	Secret *SecretKey `yaml:"secret,omitempty"`
}

// SecretKey is one entry of a Secret.
type SecretKey struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"`
}

type bundleTarget struct {
	ConfigMap struct {
		Key string `yaml:"key"`
	} `yaml:"configMap"`
}

// caKey is the ConfigMap's entry that holds the CA.
const caKey = "ca.crt"

// BundleName is what the Bundle is called, and the ConfigMap that trust-manager makes
// of it in every namespace.
func (r Registry) BundleName() string { return r.Name + "-ca" }

// Bundle writes a Bundle of trust-manager's. Its source is the CA itself or, where from
// is not nil, an entry of a Secret in the namespace that trust-manager reads: what is
// there after a renewal is then what clients get.
func (r Registry) Bundle(from *SecretKey) (File, error) {
	b := bundle{APIVersion: "trust.cert-manager.io/v1alpha1", Kind: "Bundle", Metadata: bundleMetadata{r.BundleName()}}
	source := bundleSource{Secret: from}
	if from == nil {
		source.InLine = string(r.CA)
	}
	b.Spec.Sources = []bundleSource{source}
	b.Spec.Target.ConfigMap.Key = caKey
	text, err := yaml.Marshal(b)
	return File{"bundle.yaml", r.Header + string(text)}, err
}
