package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/connected-registry/scenario/fixtures"
)

// pluginHome has the program where kustomize looks for it.
func pluginHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	install := exec.Command(program(t), "install", "kustomize-plugin")
	install.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+home)
	_, stderr, err := command(t, install)
	require.NoError(t, err, stderr)
	return home
}

// writeFiles writes files by name below a folder.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// asFunction gives a scenario the annotation that makes kustomize run it as a function.
func asFunction(t *testing.T, scenario, path string) string {
	t.Helper()
	annotated := strings.Replace(scenario, "metadata:\n",
		"metadata:\n  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: "+path+"\n", 1)
	require.NotEqual(t, scenario, annotated)
	return annotated
}

const overChart = `helmGlobals:
  chartHome: charts
helmCharts:
  - name: connected-registry
    releaseName: connected-registry
    namespace: connected-registry
    valuesFile: values.yaml
    kubeVersion: ` + fixtures.KubeVersion + `
    skipHooks: true
transformers:
  - scenario.yaml
`

// Both ways of running the program over a chart that kustomize renders itself: the
// result is that of our own post-render on what helm renders.
func TestRealHostsKustomizeOverHelmCharts(t *testing.T) {
	helm, kustomize := fixtures.Tool(t, "helm"), fixtures.Tool(t, "kustomize")
	v := fixtures.Plain()
	charts := os.DirFS(filepath.Dir(v.ChartDir(t)))
	home := pluginHome(t)
	for _, row := range fixtures.Rows() {
		// A second or two each; the rows differ in nothing that kustomize sees.
		if *hosts == "plain" && row.Name != "secure-by-default" && row.Name != "byoc" {
			continue
		}
		dir := scenarioDir(t, row.Name)
		require.NoError(t, os.CopyFS(filepath.Join(dir, "charts"), charts))
		writeFiles(t, dir, map[string]string{"kustomization.yaml": overChart, "values.yaml": "connectionString: " + fixtures.ConnectionString + "\n"})
		text, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
		require.NoError(t, err)
		c := hostCase{variant: v, row: row.Name, dir: dir, input: v.Render(t, nil)}
		c.want, c.errs, err = c.postRender(t)
		require.NoError(t, err, c.errs)
		flags := []string{"build", "--enable-helm", "--helm-command", helm, "--enable-alpha-plugins"}
		t.Run(row.Name+"/legacy plugin", func(t *testing.T) {
			cmd := exec.Command(kustomize, append(flags, dir)...)
			cmd.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+home)
			compareKustomize(t, c, cmd)
			ran(t, "kustomize", kustomizeVersion(t), "`kustomize build --enable-helm --enable-alpha-plugins` over helmCharts, legacy exec plugin")
		})
		t.Run(row.Name+"/function", func(t *testing.T) {
			writeFiles(t, dir, map[string]string{"scenario.yaml": asFunction(t, string(text), program(t))})
			compareKustomize(t, c, exec.Command(kustomize, append(flags, "--enable-exec", dir)...))
			ran(t, "kustomize", kustomizeVersion(t), "`kustomize build --enable-helm --enable-alpha-plugins --enable-exec` over helmCharts, KRM exec function")
		})
	}
}

// The trap: with --enable-alpha-plugins alone kustomize leaves the function out,
// says nothing and succeeds. verify and doctor say it.
func TestKustomizeSkipsTheFunctionSilently(t *testing.T) {
	kustomize, v := fixtures.Tool(t, "kustomize"), fixtures.Plain()
	dir := scenarioDir(t, "kubernetes-secret")
	c := hostCase{variant: v, dir: dir, input: v.Render(t, nil)}
	overlay(t, c)
	path := filepath.Join(dir, "scenario.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	writeFiles(t, dir, map[string]string{"scenario.yaml": asFunction(t, string(text), program(t))})

	skipped, stderr, err := command(t, exec.Command(kustomize, "build", "--enable-alpha-plugins", dir))
	require.NoError(t, err, "kustomize reports it now; docs/kustomize.md says that it does not")
	assert.Empty(t, stderr)
	assert.NotContains(t, skipped, "connectedregistry.dev/scenario")
	answer, code := verify(t, skipped, "--scenario", path)
	assert.Equal(t, 1, code)
	assert.Contains(t, answer, "never-patched: Deployment/connected-registry/connected-registry, scenario kubernetes-secret\n")
	assert.Contains(t, answer, "--enable-exec")

	doctor := exec.Command(program(t), "doctor", dir)
	doctor.Env = []string{"PATH=" + filepath.Dir(kustomize), "HOME=" + dir}
	stdout, stderr, err := command(t, doctor)
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "warn   "+path+" (kubernetes-secret): runs as a KRM function; with --enable-alpha-plugins alone kustomize skips it and says nothing\n")
	assert.Contains(t, stdout, "use: kustomize build --enable-alpha-plugins --enable-exec DIR")

	patched, stderr, err := command(t, exec.Command(kustomize, "build", "--enable-alpha-plugins", "--enable-exec", dir))
	require.NoError(t, err, stderr)
	answer, code = verify(t, patched, "--scenario", path)
	assert.Zero(t, code, answer)

	_, _, err = command(t, exec.Command(kustomize, "build", dir))
	assert.Error(t, err, "without either flag it is an error")
}

// verify runs the program's verify on a stream.
func verify(t *testing.T, stream string, args ...string) (answer string, code int) {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"verify"}, args...)...)
	cmd.Stdin = strings.NewReader(stream)
	stdout, stderr, err := command(t, cmd)
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		code = exit.ExitCode()
	}
	return stdout + stderr, code
}

// kustomize as a library, as controllers and other tools link it.
func TestRealHostsKustomizeAsALibrary(t *testing.T) {
	home := pluginHome(t)
	t.Setenv("KUSTOMIZE_PLUGIN_HOME", home)
	everyHostCase(t, func(t *testing.T, c hostCase) {
		if *hosts == "plain" && c.row != "secure-by-default" && c.row != "byoc" {
			t.Skip("make e2e runs all rows; they differ in nothing that kustomize sees")
		}
		dir := overlay(t, c)
		text, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
		require.NoError(t, err)
		build := func(enableExec bool) (string, error) {
			options := krusty.MakeDefaultOptions()
			options.PluginConfig = types.EnabledPluginConfig(types.BploUseStaticallyLinked)
			options.PluginConfig.FnpLoadingOptions.EnableExec = enableExec
			built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
			if err != nil {
				return "", err
			}
			stream, err := built.AsYaml()
			return string(stream), err
		}
		check := func(stdout string, err error) {
			t.Helper()
			if c.want == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			want, got := objectsOf(t, c.want), objectsOf(t, stdout)
			assert.Len(t, got, len(want))
			for id, text := range want {
				assert.YAMLEq(t, text, got[id], id)
			}
		}
		check(build(false))
		ran(t, "kustomize api", moduleVersion(t, "sigs.k8s.io/kustomize/api"), "`krusty.Kustomizer.Run`, legacy exec plugin")
		writeFiles(t, dir, map[string]string{"scenario.yaml": asFunction(t, string(text), program(t))})
		check(build(true))
		ran(t, "kustomize api", moduleVersion(t, "sigs.k8s.io/kustomize/api"), "`krusty.Kustomizer.Run`, KRM exec function")
	})
}
