package plugin

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

// kustomize writes the configuration to a temporary file; what it names is
// relative to the kustomization all the same.
func TestLegacyPluginFilesAreRelativeToTheKustomization(t *testing.T) {
	w := at(t)
	w.stdin = stream
	w.env[legacyRootEnv] = w.dir
	elsewhere := at(t)
	config := filepath.Join(elsewhere.dir, "byoc.yaml")
	w.dir = t.TempDir() // the working directory is of no importance either
	got := w.run(config)
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "type: kubernetes.io/tls")
}

// The lines of a file that kustomize wrote are not the user's.
func TestLegacyPluginErrorsHaveNoLines(t *testing.T) {
	w := at(t)
	w.stdin = stream
	w.env[legacyRootEnv] = w.dir
	for file, want := range map[string]string{"broken.yaml": "spec.mod", "cannot.yaml": "spec.certManager.install"} {
		got := w.run(file)
		assert.Equal(t, 1, got.code)
		assert.Contains(t, got.errOut, "error: the transformer's configuration: "+want)
		assert.Empty(t, got.out)
	}
	got := w.run("no.yaml")
	assert.Contains(t, got.errOut, "cannot read the plugin's configuration no.yaml")
}

func TestLegacyPluginPrefersTheFile(t *testing.T) {
	w := at(t)
	w.stdin = stream
	w.env[legacyConfigEnv] = scenarios["ip.yaml"]
	assert.Contains(t, w.run("trust.yaml").out, "connectedregistry.dev/scenario: trust")
	assert.Contains(t, w.run().out, "connectedregistry.dev/scenario: ip")
	assert.Contains(t, w.run("kustomize-plugin").out, "connectedregistry.dev/scenario: ip")
}
