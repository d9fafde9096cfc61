package plugin_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

var helm4Versions = fixtures.Helm4Versions

// helm4 is a Helm 4 with the plugin installed in a home of its own.
type helm4 struct {
	version, binary string
	env             []string
}

func (h helm4) command(args ...string) *exec.Cmd {
	cmd := exec.Command(h.binary, args...)
	cmd.Env = append(os.Environ(), h.env...)
	return cmd
}

// everyHelm4 runs a test on each version, or on the newest one on the fast path.
func everyHelm4(t *testing.T, f func(t *testing.T, h helm4)) {
	versions := helm4Versions
	if *hosts == "plain" {
		versions = versions[:1]
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			h := bareHelm4(t, version)
			_, stderr, err := command(t, h.command("plugin", "install", filepath.Join(pluginDist(t), "connected-registry-scenario")))
			require.NoError(t, err, stderr)
			f(t, h)
		})
	}
}

// bareHelm4 has no plugin yet.
func bareHelm4(t *testing.T, version string) helm4 {
	t.Helper()
	home := t.TempDir()
	env := []string{"XDG_CACHE_HOME=" + filepath.Join(home, "user")}
	for _, name := range []string{"HELM_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME"} {
		env = append(env, name+"="+filepath.Join(home, name))
	}
	return helm4{version, helm4Binary(t, version), env}
}

// reportFile is where the plugin says what it did, for the environment of
// bareHelm4 on Linux.
func (h helm4) reportFile() string {
	return filepath.Join(strings.TrimPrefix(h.env[0], "XDG_CACHE_HOME="), "connected-registry-scenario", "helm-plugin.txt")
}

func helm4Binary(t testing.TB, version string) string { return fixtures.Helm4Binary(t, version) }

func pluginDist(t testing.TB) string { return fixtures.Helm4Plugin(t) }

// helm4Args are the arguments of helm template or install with the plugin.
func helm4Args(verb string, v fixtures.Variant, chart, scenario string, more ...string) []string {
	args := []string{verb, v.Release, chart, "--namespace", v.Namespace,
		"--set-string", "connectionString=" + fixtures.ConnectionString,
		"--post-renderer", "connected-registry-scenario",
		"--post-renderer-args=--namespace=" + v.Namespace, "--post-renderer-args=--scenario=" + scenario}
	if verb == "template" {
		args = append(args, "--kube-version", fixtures.KubeVersion)
	}
	return append(args, more...)
}

const templateWithPlugin = "`helm template --post-renderer connected-registry-scenario`, plugin of type postrenderer/v1"

// Helm 4 prints what our own post-render makes of the stream, hooks included and
// less the annotations that are between helm and its plugins.
func TestRealHostsHelm4(t *testing.T) {
	everyHelm4(t, func(t *testing.T, h helm4) {
		variants := fixtures.Variants()
		if *hosts == "plain" || h.version != helm4Versions[0] {
			variants = variants[:1]
		}
		for _, v := range variants {
			chart := v.ChartDir(t)
			stream := h.handedOver(t, v, chart)
			for _, row := range fixtures.Rows() {
				t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
					scenario := filepath.Join(scenarioDir(t, row.Name), "scenario.yaml")
					want, wantErr := postRenderHelm4(t, v, stream, scenario)
					stdout, stderr, err := command(t, h.command(helm4Args("template", v, chart, scenario)...))
					if want == "" {
						require.True(t, v.HTTPOnly, wantErr)
						require.Error(t, err)
						assert.Empty(t, strings.TrimSpace(stdout))
						assert.Contains(t, stderr, strings.Split(wantErr, "\n")[0])
						return
					}
					require.NoError(t, err, stderr)
					assert.NotContains(t, stdout, fixtures.HelmFilename)
					assert.NotContains(t, stdout, "generated-by-postrender")
					sameManifests(t, want, stdout)
					ran(t, "Helm 4", h.version, templateWithPlugin)
				})
			}
		}
	})
}

// handedOver is what this Helm gives a post-renderer, kept by one that does nothing
// else. Releases differ in it: 4.2 takes the last newline from a block scalar at the
// end of a document.
func (h helm4) handedOver(t *testing.T, v fixtures.Variant, chart string) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keep")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin.yaml"), []byte("apiVersion: v1\ntype: postrenderer/v1\nname: keep\nversion: 0.1.0\n"+
		"runtime: subprocess\nruntimeConfig:\n  platformCommand:\n    - command: ${HELM_PLUGIN_DIR}/keep\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keep"), []byte("#!/bin/sh\nexec tee \"$HELM_PLUGIN_DIR/stream.yaml\"\n"), 0o700))
	cmd := h.command("template", v.Release, chart, "--namespace", v.Namespace, "--kube-version", fixtures.KubeVersion,
		"--set-string", "connectionString="+fixtures.ConnectionString, "--post-renderer", "keep")
	cmd.Env = append(cmd.Env, "HELM_PLUGINS="+filepath.Dir(dir))
	_, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	stream, err := os.ReadFile(filepath.Join(dir, "stream.yaml"))
	require.NoError(t, err)
	if h.version == helm4Versions[0] {
		assert.Equal(t, string(v.Render(t, nil, fixtures.Helm4())), string(stream), "what the other tests take for Helm 4's stream")
	}
	return stream
}

// postRenderHelm4 is what our own post-render makes of a stream of Helm 4's.
func postRenderHelm4(t *testing.T, v fixtures.Variant, stream []byte, scenario string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(program(t), "post-render", "--namespace", v.Namespace, "--scenario", scenario)
	cmd.Stdin = bytes.NewReader(stream)
	stdout, stderr, err := command(t, cmd)
	if err != nil {
		require.Empty(t, stdout)
		return "", stderr
	}
	nodes, err := kio.FromBytes([]byte(stdout))
	require.NoError(t, err)
	for _, n := range nodes {
		require.NoError(t, n.PipeE(yaml.ClearAnnotation(fixtures.HelmFilename)))
		require.NoError(t, yaml.ClearEmptyAnnotations(n))
	}
	stdout, err = kio.StringAll(nodes)
	require.NoError(t, err)
	return stdout, stderr
}

func sameManifests(t *testing.T, want, got string) {
	t.Helper()
	wanted, have := objectsOf(t, want), objectsOf(t, got)
	assert.Len(t, have, len(wanted))
	for id, text := range wanted {
		assert.YAMLEq(t, text, have[id], id)
	}
}

// Added objects are in a file beside the registry's, not in one that helm makes up.
func TestRealHostsHelm4Added(t *testing.T) {
	v := fixtures.Plain()
	everyHelm4(t, func(t *testing.T, h helm4) {
		scenario := filepath.Join(scenarioDir(t, "byoc"), "scenario.yaml")
		stdout, stderr, err := command(t, h.command(helm4Args("template", v, v.ChartDir(t), scenario,
			"--set", "cert-manager.enabled=false", "--set", "cert-manager.install=false")...))
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, "# Source: connected-registry/templates/connected-registry-scenario.yaml\napiVersion: v1\n")
	})
}

// A document that is text makes every Helm 4 fail, in every way of calling it, and
// show the text. On this rests that a failure is told at all: see refusal.
func TestRealHostsHelm4Refusal(t *testing.T) {
	v := fixtures.Plain()
	chart := v.ChartDir(t)
	broken := filepath.Join(t.TempDir(), "scenario.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: broken\nspec:\n  mod: ReadOnly\n  httpEnabled: \"no\"\n"), 0o600))
	everyHelm4(t, func(t *testing.T, h helm4) {
		files := filepath.Join(t.TempDir(), "files")
		for way, args := range map[string][]string{
			"`helm template`":                 helm4Args("template", v, chart, broken),
			"`helm template --debug`":         helm4Args("template", v, chart, broken, "--debug"),
			"`helm template --output-dir`":    helm4Args("template", v, chart, broken, "--output-dir", files),
			"`helm install --dry-run=client`": helm4Args("install", v, chart, broken, "--dry-run=client"),
		} {
			stdout, stderr, err := command(t, h.command(args...))
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%s: helm takes a failure for a success", way)
			assert.Equal(t, 1, exit.ExitCode(), way)
			assert.Empty(t, strings.TrimSpace(stdout), way)
			assert.NoDirExists(t, files)
			assert.Contains(t, stderr, "  connected-registry-scenario: nothing was patched, because:\n"+
				"  error: "+broken+":6: spec.mod: unknown field; write mode [unknown-field]\n"+
				"  error: "+broken+":7: spec.httpEnabled: found the string", way)
			ran(t, "Helm 4", h.version, way+" of a scenario that cannot be: it fails and shows why")
		}
		report, err := os.ReadFile(h.reportFile())
		require.NoError(t, err)
		assert.Contains(t, string(report), "outcome:   failed with exit code 1\n\nerror: ")
	})
}

// A mistake in how the plugin is called, found before the stream is read.
func TestRealHostsHelm4UsageError(t *testing.T) {
	v := fixtures.Plain()
	everyHelm4(t, func(t *testing.T, h helm4) {
		_, stderr, err := command(t, h.command("template", v.Release, v.ChartDir(t), "--kube-version", fixtures.KubeVersion,
			"--set-string", "connectionString="+fixtures.ConnectionString, "--post-renderer", "connected-registry-scenario"))
		require.Error(t, err)
		assert.Contains(t, stderr, "--post-renderer-args=--scenario=FILE")
	})
}

// Success is silent, and the file says what was done.
func TestRealHostsHelm4Install(t *testing.T) {
	v := fixtures.Plain()
	everyHelm4(t, func(t *testing.T, h helm4) {
		scenario := filepath.Join(scenarioDir(t, "own-trust-distribution"), "scenario.yaml")
		stdout, stderr, err := command(t, h.command(helm4Args("install", v, v.ChartDir(t), scenario, "--dry-run=client")...))
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, "connectedregistry.dev/scenario: own-trust-distribution")
		assert.Contains(t, stdout, "HOOKS:")
		assert.NotContains(t, stdout, "startupapicheck", "the hooks of the bundle go with it")
		assert.Contains(t, stdout, "connected-registry-pre-delete", "the registry's own hooks stay")
		report, err := os.ReadFile(h.reportFile())
		require.NoError(t, err)
		assert.Contains(t, string(report), "outcome:   succeeded\n\nService/connected-registry: service: set clusterIP")
		info, err := os.Stat(h.reportFile())
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode())
		ran(t, "Helm 4", h.version, "`helm install --dry-run=client --post-renderer connected-registry-scenario`")
	})
}

// helm plugin install takes what make plugin makes, and the plugin runs from there.
func TestRealHostsHelm4Package(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join(pluginDist(t), "connected-registry-scenario-*.tgz"))
	require.NoError(t, err)
	require.Len(t, archives, 1)
	everyHelm4(t, func(t *testing.T, h helm4) {
		bare := bareHelm4(t, h.version)
		stdout, stderr, err := command(t, bare.command("plugin", "install", archives[0]))
		if h.version == "v4.0.0" { // it only warns
			require.NoError(t, err, stderr)
			assert.Contains(t, stdout+stderr, "No provenance file found")
			bare = bareHelm4(t, h.version)
		} else {
			require.Error(t, err)
			assert.Contains(t, stderr, "no provenance file")
		}
		_, stderr, err = command(t, bare.command("plugin", "install", "--verify=false", archives[0]))
		require.NoError(t, err, stderr)
		stdout, stderr, err = command(t, bare.command("plugin", "list"))
		require.NoError(t, err, stderr)
		assert.Regexp(t, `connected-registry-scenario\s+0\.0\.0-dev\.gtest\s+postrenderer/v1`, stdout)
		v := fixtures.Plain()
		scenario := filepath.Join(scenarioDir(t, "http"), "scenario.yaml")
		stdout, stderr, err = command(t, bare.command(helm4Args("template", v, v.ChartDir(t), scenario)...))
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, "connectedregistry.dev/scenario: http")
		ran(t, "Helm 4", h.version, "`helm plugin install --verify=false connected-registry-scenario-VERSION.tgz`")
	})
}

// A hook that mounts the Secret that the scenario replaces: Helm 4 hands it over,
// so it follows; Helm 3 does not, and the plan says so.
func TestRealHostsHooks(t *testing.T) {
	v := fixtures.Plain()
	chart := v.ChartDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(chart, "templates", "tests", "tls.yaml"), []byte(hookOnTheSecret), 0o600))
	scenario := filepath.Join(scenarioDir(t, "kubernetes-secret"), "scenario.yaml")
	everyHelm4(t, func(t *testing.T, h helm4) {
		stdout, stderr, err := command(t, h.command(helm4Args("template", v, chart, scenario)...))
		require.NoError(t, err, stderr)
		assert.Contains(t, objectsOf(t, stdout)["Pod connected-registry connected-registry-test-tls"], "secretName: k8secret")
	})

	helm := fixtures.Tool(t, "helm")
	template := []string{"template", v.Release, chart, "--namespace", v.Namespace, "--kube-version", fixtures.KubeVersion,
		"--set-string", "connectionString=" + fixtures.ConnectionString}
	stdout, stderr, err := command(t, exec.Command(helm, append(template,
		"--post-renderer", program(t), "--post-renderer-args=--scenario="+scenario)...))
	require.NoError(t, err, stderr)
	assert.Contains(t, objectsOf(t, stdout)["Pod connected-registry connected-registry-test-tls"], "secretName: connected-registry-tls-cert")

	stdout, stderr, err = command(t, exec.Command(helm, template...))
	require.NoError(t, err, stderr)
	plan := exec.Command(program(t), "plan", "--diff=false", "--scenario", scenario)
	plan.Stdin = strings.NewReader(stdout)
	stdout, stderr, err = command(t, plan)
	require.NoError(t, err, stderr)
	for _, hook := range []string{"Job/connected-registry-cert-manager-startupapicheck", "Pod/connected-registry-test-tls"} {
		assert.Regexp(t, "warning: helm: Helm 3 gives no hooks to a post-renderer.*"+hook, stdout)
	}
}

const hookOnTheSecret = `apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test-tls
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/instance: {{ .Release.Name }}
  annotations:
    helm.sh/hook: test
spec:
  restartPolicy: Never
  containers:
    - name: openssl
      image: example.com/openssl:3
      volumeMounts:
        - name: tls
          mountPath: /tls
  volumes:
    - name: tls
      secret:
        secretName: {{ .Release.Name }}-tls-cert
`
