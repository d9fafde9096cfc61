package plugin_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// hostNames are the ways in which kustomize renames objects before it runs a
// transformer of the same kustomization.
var hostNames = map[string]string{
	"prefix":               "namePrefix: plant7-\n",
	"suffix":               "nameSuffix: -plant7\n",
	"namespace":            "namespace: plant9\n",
	"prefix and namespace": "namePrefix: plant7-\nnamespace: plant9\n",
}

const kustomizationHead = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"

// renamed runs kustomize on a render with a scenario as a transformer in it, and on the
// same without the transformer, whose output it patches as a post-renderer. The names
// are given below, or beside the transformer.
func renamed(t *testing.T, render, names, spec string, below, asFunction bool) (inside, after string, insideErr, afterErr error) {
	t.Helper()
	dir := t.TempDir()
	scenario := scenarioOf(spec)
	if asFunction {
		scenario = strings.Replace(scenario, "  name: renamed\n", "  name: renamed\n  annotations:\n    config.kubernetes.io/function: \"exec: {path: "+program(t)+"}\"\n", 1)
	}
	files := map[string]string{
		"base/rendered.yaml": render, "base/kustomization.yaml": kustomizationHead + "resources: [rendered.yaml]\n",
		"names/kustomization.yaml":  kustomizationHead + names + "resources: [../base]\n",
		"inside/scenario.yaml":      scenario,
		"inside/kustomization.yaml": kustomizationHead + names + "resources: [../base]\ntransformers: [scenario.yaml]\n",
	}
	if below {
		files["inside/kustomization.yaml"] = kustomizationHead + "resources: [../names]\ntransformers: [scenario.yaml]\n"
	}
	writeFiles(t, dir, files)
	inside, insideErr = kustomizeBuild(t, filepath.Join(dir, "inside"))
	finished, err := kustomizeBuild(t, filepath.Join(dir, "names"))
	require.NoError(t, err)
	post := exec.Command(program(t), "post-render", "--quiet", "--scenario", filepath.Join(dir, "inside", "scenario.yaml"))
	post.Stdin = strings.NewReader(finished)
	after, _, afterErr = command(t, post)
	return inside, after, insideErr, afterErr
}

func scenarioOf(spec string) string {
	return "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: renamed\nspec: " + spec + "\n"
}

func kustomizeBuild(t *testing.T, dir string) (string, error) {
	t.Helper()
	cmd := exec.Command(fixtures.Tool(t, "kustomize"), "build", "--enable-alpha-plugins", "--enable-exec", dir)
	cmd.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+pluginHome(t))
	out, stderr, err := command(t, cmd)
	if err != nil {
		t.Log(stderr)
	}
	return out, err
}

// A scenario inside of a kustomization that renames gives what it gives on the finished
// build, whichever way kustomize runs it.
func TestNamesThatKustomizeGave(t *testing.T) {
	render, err := os.ReadFile(filepath.Join("..", "fixtures", "layers", "renamed", "rendered.yaml"))
	require.NoError(t, err)
	turn := 0
	for _, name := range slices.Sorted(maps.Keys(hostNames)) {
		names := hostNames[name]
		for _, spec := range []string{
			"{trustDistribution: {enabled: false}}", "{pvc: {storageRequest: 20Gi}}",
			"{tls: {secret: other}, certManager: {enabled: false, install: false}, trustDistribution: {enabled: false}}",
			"{readOnly: {enforce: true}}",
		} {
			// Each way of running and each place of the names, with each name and spec once.
			turn++
			t.Run(name+"/"+spec, func(t *testing.T) {
				inside, after, insideErr, afterErr := renamed(t, string(render), names, spec, turn%2 == 0, turn%4 < 2)
				require.NoError(t, afterErr)
				require.NoError(t, insideErr)
				assert.Equal(t, sortedObjects(t, after), sortedObjects(t, inside))
			})
		}
	}
}

// Of the certificate chain kustomize corrects no reference: it is removed whole, or the
// run says what is broken.
func TestChainThatKustomizeRenamed(t *testing.T) {
	render, err := os.ReadFile(filepath.Join("..", "fixtures", "layers", "renamed", "with-issuers.yaml"))
	require.NoError(t, err)
	const prefix = "namePrefix: site-\n"

	inside, _, insideErr, afterErr := renamed(t, string(render), prefix, "{certManager: {enabled: true}}", false, false)
	assert.Error(t, insideErr)
	assert.Error(t, afterErr, "nothing of the build says what was renamed")
	assert.Empty(t, inside)

	inside, _, insideErr, _ = renamed(t, string(render), prefix, "{certManager: {enabled: false, install: false}, tls: {secret: k8secret}, trustDistribution: {enabled: false}}", false, false)
	require.NoError(t, insideErr)
	assert.NotContains(t, inside, "cert-manager.io")
	assert.NotContains(t, inside, "kind: DaemonSet")

	inside, _, insideErr, _ = renamed(t, string(render), prefix, "{certManager: {enabled: false, install: false}, tls: {secret: k8secret}}", false, false)
	require.NoError(t, insideErr)
	assert.Contains(t, inside, "kind: DaemonSet")
	assert.NotContains(t, inside, "edge-ca-cert")
}

// sortedObjects are a stream's objects without what names the binary's version.
func sortedObjects(t *testing.T, stream string) map[string]string {
	t.Helper()
	found, err := build(t, map[string]string{"kustomization.yaml": kustomizationHead + "resources: [all.yaml]\n", "all.yaml": stream}, ".")
	require.NoError(t, err)
	return found
}
