package helm_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/postrender"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin/helm"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
)

var _ postrender.PostRenderer = (*helm.PostRenderer)(nil)

func now() time.Time { return fixtures.Now }

// scenarioFile is a documented scenario with its certificates beside it.
func scenarioFile(t *testing.T, row string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "scenarios", row, "scenario.yaml"))
	require.NoError(t, err)
	leaf := fixtures.Leaf()
	for name, data := range map[string][]byte{"scenario.yaml": text, "tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return filepath.Join(dir, "scenario.yaml")
}

func dryRun(postRenderer postrender.PostRenderer) *action.Install {
	install := action.NewInstall(&action.Configuration{
		Releases:     storage.Init(driver.NewMemory()),
		KubeClient:   &kubefake.PrintingKubeClient{Out: io.Discard},
		Capabilities: chartutil.DefaultCapabilities,
		Log:          func(string, ...any) {},
	})
	install.ReleaseName, install.Namespace = "connected-registry", "connected-registry"
	install.DryRun, install.ClientOnly = true, true
	install.KubeVersion = &chartutil.KubeVersion{Version: "v" + fixtures.KubeVersion, Major: "1", Minor: "31"}
	install.PostRenderer = postRenderer
	return install
}

// Every documented scenario holds on what Helm's SDK installs.
func TestInstall(t *testing.T) {
	for _, row := range fixtures.Rows() {
		t.Run(row.Name, func(t *testing.T) {
			var report *transformers.Report
			p, err := helm.New(helm.Config{Files: []string{scenarioFile(t, row.Name)}, Now: now, Report: func(r *transformers.Report) { report = r }})
			require.NoError(t, err)
			manifest, err := installed(dryRun(p))
			require.NoError(t, err)
			assert.Contains(t, manifest, "connectedregistry.dev/scenario: "+row.Name)
			require.NotNil(t, report)
			assert.Equal(t, row.Name, report.Scenario)
			want, err := p.Run(bytes.NewBuffer(fixtures.Plain().Render(t, nil)))
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSpace(want.String()), strings.TrimSpace(manifest))
		})
	}
}

// Layers win over files, and a failure keeps its type through Helm.
func TestInstallFails(t *testing.T) {
	layer, err := scenario.Decode("layer.yaml", []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: layer\nspec:\n  targets:\n    workload: {name: nobody}\n"))
	require.NoError(t, err)
	p, err := helm.New(helm.Config{Files: []string{scenarioFile(t, "http")}, Layers: []*scenario.Layer{layer}, Now: now})
	require.NoError(t, err)
	_, err = installed(dryRun(p))
	var problem transformers.Problem
	var invalid scenario.Error
	assert.True(t, errors.As(err, &problem) || errors.As(err, &invalid), "%v", err)
	assert.ErrorContains(t, err, "layer.yaml:7: spec.targets.workload: it selects no object")
}

func TestNewFails(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nspec: {mod: ReadOnly}\n"), 0o600))
	for says, config := range map[string]helm.Config{
		"no scenario is given":     {},
		"no such file":             {Files: []string{"none.yaml"}},
		broken + ":3: spec.mod":    {Files: []string{broken}},
		"cannot read the scenario": {Files: []string{broken, "none.yaml"}},
	} {
		p, err := helm.New(config)
		assert.ErrorContains(t, err, says)
		assert.Nil(t, p)
	}
}

func TestRunOfNothing(t *testing.T) {
	p, err := helm.New(helm.Config{Files: []string{scenarioFile(t, "http")}})
	require.NoError(t, err)
	_, err = p.Run(bytes.NewBufferString("\n"))
	assert.ErrorContains(t, err, "helm/issues/8520")
	_, err = p.Run(bytes.NewBufferString("a: [\n"))
	assert.Error(t, err)
}

// Helm 4's SDK with the strategy "separate" runs a post-renderer on the hooks and on
// the rest: each object is there once.
func TestHooksByThemselves(t *testing.T) {
	p, err := helm.New(helm.Config{Files: []string{scenarioFile(t, "byoc")}, Now: now})
	require.NoError(t, err)
	hooks, rest := fixtures.SplitHooks(t, fixtures.Plain().Render(t, nil, fixtures.Helm4()))
	got, err := p.Run(bytes.NewBuffer(bytes.Clone(hooks)))
	require.NoError(t, err)
	assert.Equal(t, string(hooks), got.String())
	got, err = p.Run(bytes.NewBuffer(rest))
	require.NoError(t, err)
	assert.Contains(t, got.String(), "connectedregistry.dev/added-by: tlssecret")
}

// The command line does not link the adapter, and the adapter does not link Helm.
func TestImports(t *testing.T) {
	deps := func(pattern string) []string {
		out, err := exec.Command("go", "list", "-deps", pattern).Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	assert.NotContains(t, deps("../.."), "github.com/connected-registry/scenario/plugin/helm")
	for _, path := range deps(".") {
		assert.False(t, strings.HasPrefix(path, "helm.sh/") || strings.HasPrefix(path, "k8s.io/client-go"), path)
	}
}
