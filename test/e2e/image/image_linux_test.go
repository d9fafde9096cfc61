// Package image_test runs the container image of a release: pushed to a real registry,
// pulled by containerd, and run as a KRM function.
package image_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

const (
	registry = "127.0.0.1:5000"
	image    = registry + "/connected-registry-scenario:v0.1.0"
)

// containerdConfiguration: the registry has no certificate.
const containerdConfiguration = `version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "/etc/containerd/certs.d"
`

// layout makes a release and unpacks its image.
func layout(t *testing.T) string {
	t.Helper()
	dist, dir := filepath.Join(t.TempDir(), "dist"), t.TempDir()
	release := exec.Command(parts.Tool(t, "release"), "-version", "v0.1.0", "-platforms", "linux/"+runtime.GOARCH, "-allow-changes", "-out", dist)
	output, err := release.CombinedOutput()
	require.NoError(t, err, string(output))
	output, err = exec.Command("tar", "-xf", filepath.Join(dist, "connected-registry-scenario_0.1.0_image.tar"), "-C", dir).CombinedOutput()
	require.NoError(t, err, string(output))
	return dir
}

// resourceList is what kustomize hands to a function: a scenario and the chart's objects.
func resourceList(t *testing.T) string {
	t.Helper()
	scenario, err := os.ReadFile(filepath.Join("..", "..", "..", "fixtures", "scenarios", "own-trust-distribution", "scenario.yaml"))
	require.NoError(t, err)
	list := "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nfunctionConfig:\n" + indented(string(scenario)) + "items:\n"
	for document := range strings.SplitSeq(string(fixtures.Plain().Render(t, nil)), "\n---\n") {
		if strings.Contains(document, "\nkind: ") {
			list += "-\n" + indented(strings.TrimPrefix(document, "---\n")+"\n")
		}
	}
	return list
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  " + line)
	}
	return out.String()
}

func TestImage(t *testing.T) {
	n := parts.StartNetwork(t)
	parts.StartRegistry(t, n, parts.RegistryConfig{Address: registry})
	_, err := parts.Client{Network: n}.Run(t, "push", layout(t), image)
	require.NoError(t, err)
	containerd := parts.StartContainerd(t, n, parts.Installed(t, "containerd", "containerd"), containerdConfiguration)
	hosts := filepath.Join(containerd.CertsDir, registry, "hosts.toml")
	require.NoError(t, os.MkdirAll(filepath.Dir(hosts), 0o755))
	require.NoError(t, os.WriteFile(hosts, []byte("server = \"http://"+registry+"\"\n"), 0o600))
	require.NoError(t, containerd.Pull(image))

	said, err := containerd.Run(t, image, "", "/connected-registry-scenario", "version")
	require.NoError(t, err)
	assert.Equal(t, "connected-registry-scenario version v0.1.0", said)

	// As its entry point is, without a command: the ResourceList tells it who calls.
	patched, err := containerd.Run(t, image, resourceList(t))
	require.NoError(t, err)
	assert.Contains(t, patched, "kind: ResourceList")
	assert.Contains(t, patched, "connectedregistry.dev/scenario: own-trust-distribution")
	assert.NotContains(t, patched, "kind: DaemonSet")

	_, err = containerd.Run(t, image, "kind: ResourceList\nitems: []\n")
	assert.Error(t, err, "a failure is one outside of the container, too")
}
