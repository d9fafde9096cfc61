package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const protectedJSON = `{"connectionString": "ConnectedRegistryName=edgeregistry;SyncTokenName=edgeregistry;` +
	`SyncTokenPassword=not/a+real=password==;ParentGatewayEndpoint=example.westeurope.data.azurecr.io;ParentEndpointProtocol=https"}`

// Settings stand in for a scenario file at every edge that takes one, and no edge
// shows the connection string.
func TestSettingsInPlaceOfAScenario(t *testing.T) {
	w := at(t)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "p.json"), []byte(protectedJSON), 0o600))
	flags := []string{"--config", "trustDistribution.enabled=false", "--config-protected-file", "p.json"}
	for _, args := range [][]string{{}, {"post-render"}, {"plan"}, {"plan", "--output", "json"}, {"check"}, {"check", "--render", "-"}, {"check", "--output", "json"}} {
		w.stdin = stream
		got := w.run(append(args, flags...)...)
		assert.Zero(t, got.code, got.errOut)
		assert.NotContains(t, got.errOut, "not/a+real", args)
		if len(args) > 0 && args[0] != "post-render" {
			assert.NotContains(t, got.out, "not/a+real", args)
			assert.Contains(t, got.out, "settings", args)
			continue
		}
		assert.Contains(t, got.out, "SyncTokenPassword=not/a+real=password==", "the stream has the variable in clear")
		assert.Contains(t, got.out, "connectedregistry.dev/scenario: settings\n")
		assert.NotContains(t, got.out, "kind: DaemonSet")
		assert.Contains(t, got.errOut, "connectionstring: set ACR_REGISTRY_CONNECTION_STRING to that of registry edgeregistry\n")
	}
	// The environment's file lies below.
	w.env["CONNECTED_REGISTRY_SCENARIO"] = "ip.yaml"
	got := w.run("post-render", "--config", "service.clusterIP=192.100.100.9")
	assert.Contains(t, got.errOut, "spec.service.clusterIP: --config replaces ip.yaml\n")
	assert.Contains(t, got.out, "connectedregistry.dev/scenario: ip\n")
}

func TestSettingsThatAreWrong(t *testing.T) {
	for says, args := range map[string][]string{
		"write service.clusterIP":                    {"--config", "service-clusterIP=1.2.3.4"},
		"cannot read the settings file no.json":      {"--config-protected-file", "no.json"},
		"the path of a settings file is empty":       {"--config-protected-file", ""},
		"stdin is for the render":                    {"--config-protected-file", "-"},
		"--config: spec.tls.crt: not base64":         {"--config", "tls.crt=public-cert", "--config", "tls.key=private-key"},
		"--config: spec.service.clusterIP: Invalid":  {"--config", "service.clusterIP=1.2.3"},
		"render.yaml:1: column 1: the file is not J": {"--config-protected-file", "render.yaml"},
	} {
		w := at(t)
		w.stdin = stream
		got := w.run(append([]string{"post-render"}, args...)...)
		assert.NotZero(t, got.code)
		assert.Empty(t, got.out)
		assert.Contains(t, got.errOut, says)
	}
	w := at(t)
	w.stdin = list(scenarios["trust.yaml"])
	assert.Contains(t, w.run("function", "--config", "httpEnabled=true").errOut, "has a functionConfig")
}
