package trust_test

import (
	"testing"

	"github.com/rancher/wharfie/pkg/registries"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// k3s itself is not run here. Its registries.yaml is read by this library, whose types
// take no field of the file's that they do not know.
func TestK3sReadsTheFile(t *testing.T) {
	const ca = "/etc/rancher/k3s/connected-registry-ca.crt"
	trusting := registries.RegistryConfig{TLS: &registries.TLSConfig{CAFile: ca}}
	at := func(url string) registries.Mirror { return registries.Mirror{Endpoints: []string{url}} }
	const ip = fixtures.ClusterIP
	for scenario, want := range map[string]registries.Registry{
		ownFiles: {Configs: map[string]registries.RegistryConfig{ip: trusting, ip + ":443": trusting}},
		plain:    {Mirrors: map[string]registries.Mirror{ip: at("http://" + ip), ip + ":80": at("http://" + ip + ":80")}},
	} {
		node := t.TempDir()
		trust(t, scenario, node, "k3s")
		var got registries.Registry
		require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, node, "registries.yaml")), &got))
		assert.Equal(t, want, got)
		if scenario == ownFiles {
			assert.Contains(t, readFile(t, node, "connected-registry-ca.crt"), string(leaf().CA))
		}
	}
}
