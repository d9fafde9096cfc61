package trust

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// k3sPath is where k3s looks for its registries.yaml.
const k3sPath = "/etc/rancher/k3s/"

// registries is k3s' registries.yaml.
// Source: k3s' documentation of the private registry configuration.
type registries struct {
	Mirrors map[string]mirror         `yaml:"mirrors,omitempty"`
	Configs map[string]registryConfig `yaml:"configs,omitempty"`
}

type mirror struct {
	Endpoint []string `yaml:"endpoint"`
}

type registryConfig struct {
	TLS registryTLS `yaml:"tls"`
}

type registryTLS struct {
	CAFile string `yaml:"ca_file"`
}

// K3s writes registries.yaml, and the CA beside it. k3s goes to https://HOST for a
// host by itself, so that a mirror is named for plain HTTP only.
func (r Registry) K3s() ([]File, error) {
	ca := r.Name + "-ca.crt"
	config := registries{Mirrors: map[string]mirror{}, Configs: map[string]registryConfig{}}
	for _, e := range r.Endpoints {
		if r.CA == nil {
			config.Mirrors[e.Host] = mirror{[]string{e.URL}}
			continue
		}
		config.Configs[e.Host] = registryConfig{registryTLS{k3sPath + ca}}
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, err
	}
	files := []File{{"registries.yaml", r.Header + string(text)}}
	if r.CA != nil {
		files = append([]File{r.caFile(ca)}, files...)
	}
	return files, nil
}
