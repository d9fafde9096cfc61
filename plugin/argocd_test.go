package plugin_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// cmpCommand is a command of a config management plugin.
type cmpCommand struct {
	Command []string `json:"command"`
	Args    []string `json:"args,omitempty"`
}

// cmp is a config management plugin as Argo CD documents it, field by field.
// Source: Argo CD, Operator Manual, Config Management Plugins.
type cmp struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version  string      `json:"version,omitempty"`
		Init     *cmpCommand `json:"init,omitempty"`
		Generate cmpCommand  `json:"generate"`
		Discover struct {
			FileName string `json:"fileName,omitempty"`
			Find     struct {
				cmpCommand
				Glob string `json:"glob,omitempty"`
			} `json:"find"`
		} `json:"discover"`
		Parameters struct {
			Static []struct {
				Name           string            `json:"name"`
				Title          string            `json:"title,omitempty"`
				Tooltip        string            `json:"tooltip,omitempty"`
				Required       bool              `json:"required,omitempty"`
				ItemType       string            `json:"itemType,omitempty"`
				CollectionType string            `json:"collectionType,omitempty"`
				String         string            `json:"string,omitempty"`
				Array          []string          `json:"array,omitempty"`
				Map            map[string]string `json:"map,omitempty"`
			} `json:"static"`
			Dynamic *cmpCommand `json:"dynamic,omitempty"`
		} `json:"parameters"`
		PreserveFileMode bool `json:"preserveFileMode,omitempty"`
		ProvideGitCreds  bool `json:"provideGitCreds,omitempty"`
	} `json:"spec"`
}

func descriptor(t *testing.T) cmp {
	t.Helper()
	text, err := os.ReadFile("argocd/plugin.yaml")
	require.NoError(t, err)
	var c cmp
	require.NoError(t, yaml.UnmarshalStrict(text, &c))
	return c
}

func TestArgoCDDescriptor(t *testing.T) {
	c := descriptor(t)
	assert.Equal(t, "argoproj.io/v1alpha1", c.APIVersion)
	assert.Equal(t, "ConfigManagementPlugin", c.Kind)
	assert.Equal(t, "connected-registry-scenario", c.Metadata.Name)
	assert.Empty(t, c.Spec.Discover.FileName, "it would win over the command")
	for _, command := range []cmpCommand{*c.Spec.Init, c.Spec.Generate, c.Spec.Discover.Find.cmpCommand} {
		assert.Equal(t, []string{"bash", "-euo", "pipefail", "-c"}, command.Command)
		require.Len(t, command.Args, 1)
	}
}

// sidecar is a plugin's sidecar: what is on its PATH, and what Argo CD tells it of
// an application.
func sidecar(t *testing.T, env ...string) []string {
	t.Helper()
	bin := t.TempDir()
	for name, path := range map[string]string{
		"helm": fixtures.Tool(t, "helm"), "kustomize": fixtures.Tool(t, "kustomize"), "connected-registry-scenario": program(t),
	} {
		require.NoError(t, os.Symlink(path, filepath.Join(bin, name)))
	}
	v := fixtures.Plain()
	return append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HELM_CACHE_HOME="+filepath.Join(bin, "cache"),
		"ARGOCD_APP_NAME="+v.Release, "ARGOCD_APP_NAMESPACE="+v.Namespace, "ARGOCD_ENV_SITE=7",
		"KUBE_VERSION="+fixtures.KubeVersion, "KUBE_API_VERSIONS=v1,apps/v1,apps/v1/Deployment"), env...)
}

// as runs a command of the descriptor as Argo CD's server does.
// Source: github.com/argoproj/argo-cd cmpserver/plugin, runCommand.
func as(t *testing.T, c cmpCommand, dir string, env []string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(c.Command[0], slices.Concat(c.Command[1:], c.Args)...)
	cmd.Dir, cmd.Env = dir, env
	return command(t, cmd)
}

// application is a directory as it lies in a repository: the chart, or a
// kustomization over what it renders, and a scenario.
func application(t *testing.T, kind string) string {
	t.Helper()
	v := fixtures.Plain()
	scenario, err := os.ReadFile("../fixtures/scenarios/kubernetes-secret/scenario.yaml")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "app")
	switch kind {
	case "chart":
		require.NoError(t, v.WriteChart(dir))
		write(t, dir, "site.yaml", "cert-manager: {install: false}\nconnectionString: "+fixtures.ConnectionString+"\n")
	case "kustomization":
		write(t, dir, "kustomization.yaml", onlyRender)
		write(t, dir, "render.yaml", string(v.Render(t, fixtures.Set("cert-manager.install=false"))))
	}
	write(t, dir, "connected-registry-scenario.yaml", string(scenario))
	return dir
}

const siteValues = "PARAM_VALUES_FILES_0=site.yaml"

func TestArgoCDDiscovers(t *testing.T) {
	find := descriptor(t).Spec.Discover.Find.cmpCommand
	for _, kind := range []string{"chart", "kustomization", "neither"} {
		stdout, stderr, err := as(t, find, application(t, kind), sidecar(t))
		require.NoError(t, err, stderr)
		assert.Equal(t, kind != "neither", stdout != "", kind)
	}
	dir := application(t, "chart")
	require.NoError(t, os.Remove(filepath.Join(dir, "connected-registry-scenario.yaml")))
	stdout, stderr, err := as(t, find, dir, sidecar(t))
	require.NoError(t, err, stderr)
	assert.Empty(t, stdout)
}

// generate runs init and generate, one after the other.
func generate(t *testing.T, dir string, env []string) (stdout, stderr string, err error) {
	t.Helper()
	c := descriptor(t)
	if stdout, stderr, err = as(t, *c.Spec.Init, dir, env); err != nil {
		return stdout, stderr, err
	}
	return as(t, c.Spec.Generate, dir, env)
}

func TestArgoCDGenerates(t *testing.T) {
	for _, kind := range []string{"chart", "kustomization"} {
		t.Run(kind, func(t *testing.T) {
			dir := application(t, kind)
			stdout, stderr, err := generate(t, dir, sidecar(t, siteValues))
			require.NoError(t, err, stderr)
			assert.Contains(t, stderr, "Deployment/connected-registry: marker: recorded scenario")

			c := documentedCase(t, "kubernetes-secret").postRendered(t)
			got, want := objectsOf(t, stdout), objectsOf(t, c.want)
			for id, text := range want {
				assert.YAMLEq(t, text, got[id], id)
			}
			for id := range got {
				if want[id] == "" { // a hook, which helm template prints and Helm 3 does not post-render
					assert.Contains(t, got[id], "helm.sh/hook", id)
				}
			}
		})
	}
}

func TestArgoCDParameters(t *testing.T) {
	dir := application(t, "chart")
	write(t, dir, "layers/site.yaml", "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: site}\nspec:\n  trustDistribution: {enabled: false}\n")
	stdout, stderr, err := generate(t, dir, sidecar(t, siteValues, "PARAM_RELEASE=edge",
		"PARAM_SCENARIOS_0=connected-registry-scenario.yaml", "PARAM_SCENARIOS_1=layers/site.yaml"))
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "connectedregistry.dev/scenario: kubernetes-secret+site")
	assert.NotContains(t, stdout, "kind: DaemonSet")
	assert.Contains(t, stdout, "app.kubernetes.io/instance: edge")
}

// Whatever fails, Argo CD gets an exit code and words, and not a byte to apply.
func TestArgoCDFailsWithoutOutput(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		files map[string]string
		env   []string
		says  string
	}{
		"the chart does not render": {"chart", map[string]string{"templates/broken.yaml": "{{ .Values.no.such }}"}, nil, "no"},
		"a part rendered before":    {"kustomization", map[string]string{"kustomization.yaml": "resources: [render.yaml, missing.yaml]\n"}, nil, "missing.yaml"},
		"nothing is rendered":       {"kustomization", map[string]string{"render.yaml": "# nothing\n"}, nil, "stdin holds no manifests"},
		"no such values":            {"chart", nil, []string{"PARAM_VALUES_FILES_1=none.yaml"}, "none.yaml"},
		"the scenario is not valid": {"chart", map[string]string{"connected-registry-scenario.yaml": "kind: Scenario\n"}, nil, "ConnectedRegistryScenario"},
		"it cannot hold": {"kustomization", map[string]string{"connected-registry-scenario.yaml": "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: a}\nspec: {certManager: {install: true}}\n"},
			nil, "install"},
		"a dependency is missing": {"chart", map[string]string{"Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\ndependencies:\n- {name: none, version: 1.0.0, repository: \"file://none\"}\n"}, nil, "none"},
		"a file of the sidecar":   {"chart", nil, []string{"PARAM_SCENARIOS_0=/etc/passwd"}, "below the application"},
		"a file of another app":   {"chart", nil, []string{"PARAM_VALUES_FILES_1=../other/values.yaml"}, "below the application"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := application(t, c.kind)
			for path, text := range c.files {
				write(t, dir, path, text)
			}
			stdout, stderr, err := generate(t, dir, sidecar(t, append([]string{siteValues}, c.env...)...))
			assert.Error(t, err)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, c.says)
		})
	}
}

// Argo CD's own server with our descriptor, asked over its socket as the repo-server
// asks it. test/e2e/argocd is its main package.
func TestRealHostsArgoCD(t *testing.T) {
	if *hosts != "all" {
		t.Skip("make e2e runs it")
	}
	module := filepath.Join("..", "test", "e2e", "argocd")
	server := fixtures.Tool(t, "argocd-cmp")
	version, _, err := command(t, exec.Command("go", "list", "-C", module, "-m", "-f", "{{.Version}}", "github.com/argoproj/argo-cd/v3"))
	require.NoError(t, err)

	// A socket's path must be short.
	work, err := os.MkdirTemp("", "cmp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(work) })
	serve := exec.Command(server, "serve", "--config-dir-path", "argocd")
	serve.Env = sidecar(t, "ARGOCD_PLUGINSOCKFILEPATH="+work, "ARGOCD_CMP_WORKDIR="+work)
	log, err := os.Create(filepath.Join(work, "log"))
	require.NoError(t, err)
	serve.Stdout, serve.Stderr = log, log
	require.NoError(t, serve.Start())
	t.Cleanup(func() {
		_ = serve.Process.Kill() // it does not end for less
		_ = serve.Wait()
	})
	socket := filepath.Join(work, descriptor(t).Metadata.Name+".sock")
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, 30*time.Second, 50*time.Millisecond, "see %s", log.Name())

	ask := func(what, dir string, env ...string) (string, string, error) {
		return command(t, exec.Command(server, append([]string{what, socket, dir}, env...)...))
	}
	dir := application(t, "chart")
	stdout, stderr, err := ask("match", dir)
	require.NoError(t, err, stderr)
	assert.Equal(t, "true\n", stdout)
	stdout, stderr, err = ask("match", application(t, "neither"))
	require.NoError(t, err, stderr)
	assert.Equal(t, "false\n", stdout)

	stdout, stderr, err = ask("parameters", dir)
	require.NoError(t, err, stderr)
	for _, p := range descriptor(t).Spec.Parameters.Static {
		assert.Contains(t, stdout, fmt.Sprintf("%q", p.Name))
	}

	stdout, stderr, err = ask("generate", dir, siteValues)
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, `"connectedregistry.dev/scenario":"kubernetes-secret"`)
	write(t, dir, "connected-registry-scenario.yaml", "kind: Scenario\n")
	stdout, stderr, err = ask("generate", dir, siteValues)
	require.Error(t, err)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "ConnectedRegistryScenario", "Argo CD shows what the program said")
	ran(t, "Argo CD", strings.TrimSpace(version), "config management plugin, its own server over a unix socket")
}
