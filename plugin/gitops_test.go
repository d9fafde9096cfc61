package plugin_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// gitopsDesk is a directory as a reader of docs/gitops.md has it: helm, kustomize
// and the program on the PATH, values, a scenario, and the chart in charts/, which
// cannot be fetched where the tests run.
func gitopsDesk(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	chart := fixtures.Plain().ChartDir(t)
	write(t, dir, "bin/helm", `#!/usr/bin/env bash
args=("${@/#`+strings.ReplaceAll(publicChart, "/", `\/`)+`/`+chart+`}")
[[ $1 != template || "$*" == *--kube-version* ]] || args+=(--kube-version `+fixtures.KubeVersion+`)
exec `+fixtures.Tool(t, "helm")+` "${args[@]}"
`)
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "helm"), 0o700))
	require.NoError(t, os.Symlink(fixtures.Tool(t, "kustomize"), filepath.Join(dir, "bin", "kustomize")))
	require.NoError(t, os.Symlink(program(t), filepath.Join(dir, "bin", "connected-registry-scenario")))
	require.NoError(t, fixtures.Plain().WriteChart(filepath.Join(dir, "overlay", "charts", "chart")))
	values := "connectionString: " + fixtures.ConnectionString + "\ncert-manager: {install: false}\n"
	write(t, dir, "values.yaml", values)
	write(t, dir, "overlay/values.yaml", values)
	// One that patches, removes and adds.
	write(t, dir, "scenario.yaml", `apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: site}
spec:
  service: {clusterIP: 192.100.100.1}
  trustDistribution: {enabled: false}
`)
	return dir, append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
}

// Every block of the page is used as a reader would: files are written where their
// first line says, commands are run in between, in the page's order.
func TestGitOpsPage(t *testing.T) {
	dir, env := gitopsDesk(t)
	var lastOutput string
	files := map[string]string{}
	for _, b := range blocksOf(t, "docs/gitops.md") {
		switch b.language {
		case "yaml":
			name, _, found := strings.Cut(strings.TrimPrefix(b.text, "# "), "\n")
			require.True(t, found && strings.HasSuffix(name, ".yaml"), b.text)
			write(t, dir, name, b.text)
			files[name] = b.text
		case "sh":
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", b.text)
			cmd.Dir, cmd.Env = dir, env
			stdout, stderr, err := command(t, cmd)
			require.NoError(t, err, "%s\n%s", b.text, stderr)
			if stdout != "" {
				lastOutput = stdout
			}
		case "dockerfile":
			files["Dockerfile"] = b.text
		default:
			assert.Failf(t, "a block that no test looks at", "%s:\n%s", b.language, b.text)
		}
	}

	t.Run("Component", func(t *testing.T) {
		assert.Contains(t, lastOutput, "connectedregistry.dev/scenario: site")
		assert.NotContains(t, lastOutput, "kind: DaemonSet")
		assert.Contains(t, files["argocd-cm.yaml"], "kustomize.buildOptions: --enable-helm\n", "the flags that the page builds with")
	})
	t.Run("sidecar", func(t *testing.T) {
		var deployment appsv1.Deployment
		require.NoError(t, yaml.UnmarshalStrict([]byte(files["repo-server.yaml"]), &deployment))
		_, image, _ := strings.Cut(files["Dockerfile"], "argocd:")
		version, _, _ := strings.Cut(image, "\n")
		assert.Contains(t, deployment.Spec.Template.Spec.Containers[0].Image, version)
		module, err := os.ReadFile("../test/e2e/argocd/go.mod")
		require.NoError(t, err)
		assert.Contains(t, string(module), "github.com/argoproj/argo-cd/v3 "+version+"\n", "the version that the tests run")
		applicationOfThePage(t, files["application.yaml"])
	})
	t.Run("buildOptions", func(t *testing.T) {
		options := buildOptions(t, files["argocd-cm-plugins.yaml"])
		home := filepath.Join(dir, "plugins")
		write(t, dir, "plugins/connectedregistry.dev/v1alpha1/connectedregistryscenario/.keep", "")
		require.NoError(t, os.Symlink(program(t), filepath.Join(home, "connectedregistry.dev/v1alpha1/connectedregistryscenario/ConnectedRegistryScenario")))
		write(t, dir, "legacy/kustomization.yaml", onlyRender+"transformers:\n- scenario.yaml\n")
		write(t, dir, "legacy/render.yaml", string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))))
		scenario, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
		require.NoError(t, err)
		write(t, dir, "legacy/scenario.yaml", string(scenario))
		cmd := exec.Command(filepath.Join(dir, "bin", "kustomize"), append([]string{"build", filepath.Join(dir, "legacy")}, options...)...)
		cmd.Env = slices.Concat(env, []string{"KUSTOMIZE_PLUGIN_HOME=" + home})
		stdout, stderr, err := command(t, cmd)
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, "connectedregistry.dev/scenario: site")
	})
	t.Run("Flux", func(t *testing.T) { fluxOfThePage(t, dir, env, files) })
}

func buildOptions(t *testing.T, text string) []string {
	t.Helper()
	var cm corev1.ConfigMap
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &cm))
	return strings.Fields(cm.Data["kustomize.buildOptions"])
}

// applicationOfThePage runs the plugin with the parameters that the page sets.
func applicationOfThePage(t *testing.T, text string) {
	t.Helper()
	var app struct {
		Spec struct {
			Source struct {
				Path   string
				Plugin struct {
					Name       string
					Parameters []struct {
						Name  string
						Array []string
					}
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &app))
	plugin := app.Spec.Source.Plugin
	assert.Equal(t, descriptor(t).Metadata.Name, plugin.Name)
	var env []string
	for _, p := range plugin.Parameters {
		for i, value := range p.Array {
			env = append(env, fmt.Sprintf("PARAM_%s_%d=%s", strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")), i, value))
		}
	}
	stdout, stderr, err := generate(t, application(t, "chart"), sidecar(t, env...))
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "connectedregistry.dev/scenario: kubernetes-secret")
	assert.NotContains(t, stdout, "cert-manager-webhook", "site.yaml was read")
}

// fluxOfThePage builds the page's repository and does what helm-controller does.
func fluxOfThePage(t *testing.T, dir string, env []string, files map[string]string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "bin", "kustomize"), "build", filepath.Join(dir, "clusters", "site"))
	cmd.Env = env
	release, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	render := fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))
	hooks := "---\n" + helmHooks(t, dir, env)
	got, err := postRender(t, release, append(render, hooks...))
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Contains(t, string(text), "connectedregistry.dev/scenario: site")
	assert.NotContains(t, string(text), "kind: DaemonSet")
	assert.Contains(t, files["clusters/site/objects.yaml"], "path: ./clusters/site/scenario/objects\n")
}

// helmHooks are the hooks of the page's chart, which helm template prints last and
// the fixtures' render leaves out.
func helmHooks(t *testing.T, dir string, env []string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(dir, "bin", "helm"), "template", "connected-registry", publicChart,
		"--namespace", "connected-registry", "--values", filepath.Join(dir, "values.yaml"))
	cmd.Env = env
	stdout, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	var hooks []string
	for _, document := range strings.Split(stdout, "\n---\n") {
		if strings.Contains(document, "helm.sh/hook") {
			hooks = append(hooks, document)
		}
	}
	return strings.Join(hooks, "\n---\n")
}
