package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// docs/kustomize.md from top to bottom, as a reader follows it.
func TestKustomizePage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "chart", "charts"), os.DirFS(filepath.Dir(fixtures.Plain().ChartDir(t)))))
	rendered := string(fixtures.Plain().Render(t, nil))
	writeFiles(t, dir, map[string]string{
		"site/rendered.yaml":      rendered,
		"site-exec/rendered.yaml": rendered,
		"manifests/rendered.yaml": rendered,
		"chart/values.yaml":       "connectionString: " + fixtures.ConnectionString + "\n",
	})
	tools := filepath.Join(dir, "tools")
	require.NoError(t, os.Mkdir(tools, 0o700))
	for name, path := range map[string]string{
		"kustomize": fixtures.Tool(t, "kustomize"), "helm": fixtures.Tool(t, "helm"), "connected-registry-scenario": program(t),
	} {
		require.NoError(t, os.Symlink(path, filepath.Join(tools, name)))
	}
	env := append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_CONFIG_HOME=", "KUSTOMIZE_PLUGIN_HOME=")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "results"), 0o700))
	r := &reader{t: t, dir: dir, env: env}
	for _, s := range sectionsOf(t, "docs/kustomize.md") {
		r.follow(s)
	}
	assert.Empty(t, r.written, "files that the page shows and no command reads")
	for _, name := range []string{"built.yaml", "built-exec.yaml", "built-chart.yaml", "manifests/rendered.yaml"} {
		assert.Contains(t, readText(t, dir, name), "connectedregistry.dev/scenario: site\n", name)
	}
	assert.NotContains(t, readText(t, dir, "skipped.yaml"), "connectedregistry.dev/")
	assert.Contains(t, readText(t, dir, "results", "results-0.yaml"), "path: rendered.yaml")
}

// Where fn run puts what a scenario adds, which the page warns of.
func TestKustomizeFnRunWritesTheKey(t *testing.T) {
	dir := scenarioDir(t, "byoc")
	writeFiles(t, dir, map[string]string{"manifests/rendered.yaml": string(fixtures.Plain().Render(t, nil))})
	cmd := exec.Command(fixtures.Tool(t, "kustomize"), "fn", "run", "manifests", "--enable-exec", "--exec-path", program(t), "--", "scenario=scenario.yaml")
	cmd.Dir = dir
	_, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	assert.NotContains(t, stderr, "PRIVATE KEY")
	assert.Contains(t, readText(t, dir, "manifests", "connected-registry", "secret_connected-registry-tls.yaml"), "kind: Secret")
}
