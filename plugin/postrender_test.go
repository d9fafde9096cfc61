package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostRenderKeepsWhatItDoesNotChange(t *testing.T) {
	w := at(t)
	w.stdin = stream
	got := w.run("post-render", "-s", "trust.yaml")
	service, _, _ := strings.Cut(stream, "---\n# Source: connected-registry/templates/deployment.yaml")
	assert.True(t, strings.HasPrefix(got.out, service))
	assert.Contains(t, got.out, "# the chart's")
	assert.NotContains(t, got.out, "DaemonSet")
	assert.Contains(t, got.out, "connectedregistry.dev/scenario: trust")
	assert.Equal(t, "DaemonSet/trust: trustdistribution: removed: trust is distributed by other means\n"+
		"Deployment/edge: marker: recorded scenario trust\n", got.errOut)
}

func TestPostRenderQuiet(t *testing.T) {
	w := at(t)
	w.stdin = stream
	got := w.run("post-render", "-s", "ip.yaml", "-s", "other.yaml", "--quiet")
	assert.Equal(t, 0, got.code)
	assert.Empty(t, got.errOut)
}

func TestPostRenderLayers(t *testing.T) {
	w := at(t)
	w.stdin = stream
	got := w.run("post-render", "-s", "ip.yaml", "-s", "other.yaml")
	assert.Contains(t, got.out, "clusterIP: 192.100.100.2")
	assert.Contains(t, got.errOut, "spec.service.clusterIP: other.yaml replaces ip.yaml\n")

	w.env[scenarioEnv] = "ip.yaml" + string(os.PathListSeparator) + "trust.yaml"
	got = w.run("post-render")
	assert.Contains(t, got.out, "clusterIP: 192.100.100.1")
	assert.Contains(t, got.out, "connectedregistry.dev/scenario: ip+trust")
	got = w.run("post-render", "-s", "other.yaml")
	assert.Contains(t, got.out, "connectedregistry.dev/scenario: other\n", "a flag takes the environment's place")
}

func TestPostRenderEmpty(t *testing.T) {
	for _, empty := range []string{"", "\n\n", "---\n# Source: a.yaml\n", "# nothing\n---\n---\n"} {
		w := at(t)
		w.stdin = empty
		got := w.run("post-render", "-s", "trust.yaml")
		assert.Equal(t, 1, got.code)
		assert.Contains(t, got.errOut, "--output-dir")
		got = w.run("post-render", "-s", "trust.yaml", "--allow-empty")
		assert.Equal(t, 0, got.code, got.errOut)
		assert.Equal(t, empty, got.out)
	}
}

const hook = "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations:\n    helm.sh/hook: test\n"

func TestPostRenderOnlyHooks(t *testing.T) {
	w := at(t)
	w.stdin = hook
	got := w.run("post-render", "-s", "trust.yaml")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, hook, got.out)
	assert.Equal(t, onlyHooksWarning+"\n", got.errOut)
	assert.Empty(t, w.run("post-render", "-s", "trust.yaml", "-q").errOut)
}

// Files that a scenario names are beside it, wherever the program is started.
func TestPostRenderFilesAreRelativeToTheScenario(t *testing.T) {
	w := at(t)
	w.stdin = stream
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "deeper/certs"), 0o700))
	for _, name := range []string{"byoc.yaml", "certs/tls.crt", "certs/tls.key"} {
		require.NoError(t, os.Rename(filepath.Join(w.dir, name), filepath.Join(w.dir, "deeper", name)))
	}
	got := w.run("post-render", "-s", "deeper/byoc.yaml")
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "type: kubernetes.io/tls")

	require.NoError(t, os.Remove(filepath.Join(w.dir, "deeper/certs/tls.key")))
	got = w.run("post-render", "-s", "deeper/byoc.yaml")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.errOut, "spec.tls.keyFile")
	assert.Contains(t, got.errOut, "no such file")
}
