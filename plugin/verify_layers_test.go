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

// buildLayers builds a kustomization of fixtures/layers with the real kustomize and this
// program as its plugin.
func buildLayers(t *testing.T, name, of string) (built string, s site) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("..", "fixtures", "layers", name))))
	leaf := fixtures.Leaf()
	writeFiles(t, dir, map[string]string{"tls.crt": string(leaf.Crt), "tls.key": string(leaf.Key)})
	cmd := exec.Command(fixtures.Tool(t, "kustomize"), "build", "--enable-alpha-plugins", filepath.Join(dir, of))
	cmd.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+pluginHome(t))
	built, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	paths, err := filepath.Glob(filepath.Join(dir, "*", "scenario.yaml"))
	require.NoError(t, err)
	text, err := os.ReadFile(append(paths, filepath.Join(dir, "scenario.yaml"))[0])
	require.NoError(t, err)
	// The record names the version of the binary that kustomize ran.
	return strings.ReplaceAll(built, "scenario-digest: devel@", "scenario-digest: "+testVersion+"@"), site{"scenario.yaml": string(text)}
}

// kustomize gives a Secret that it generates a name with a hash at the end of a build,
// and mends the mount. That is right, and post-render leaves it alone.
func TestVerifyAcceptsGeneratedSecret(t *testing.T) {
	built, s := buildLayers(t, "generated-secret", ".")
	require.Regexp(t, `secretName: k8secret-[a-z0-9]{10}\n`, built)
	code, stdout, stderr := s.call(t, built, "verify", "--scenario", "scenario.yaml")
	assert.Zero(t, code, stdout+stderr)
	assert.Contains(t, stdout, "patched: ")
	code, output, stderr := s.call(t, built, "post-render", "--scenario", "scenario.yaml")
	assert.Zero(t, code, stderr)
	assert.Equal(t, built, output)

	for name, tampered := range map[string]string{
		"another Secret is mounted":       strings.Replace(built, "secretName: k8secret-", "secretName: other-", 1),
		"the hash is of another content":  strings.Replace(built, "type: kubernetes.io/tls", "immutable: true\nstringData: {a: b}\ntype: kubernetes.io/tls", 1),
		"the Secret is not in the stream": strings.Replace(built, "kind: Secret", "kind: Gone", 1),
	} {
		require.NotEqual(t, built, tampered, name)
		code, stdout, _ := s.call(t, tampered, "verify", "--scenario", "scenario.yaml")
		assert.Equal(t, 1, code, "%s: %s", name, stdout)
		assert.Contains(t, stdout, "drifted: ", name)
	}
}

// An outer layer that mirrors the proxy's image changes what the scenario states; the
// answer names the field that states it.
func TestVerifyNamesTheFieldOfMirroredImage(t *testing.T) {
	built, s := buildLayers(t, "mirrored-image", "outer")
	code, stdout, stderr := s.call(t, built, "verify", "--scenario", "scenario.yaml")
	assert.Equal(t, 1, code, stderr)
	assert.Contains(t, stdout, "drifted: ")
	fix := "write readOnly.proxyImage: mirror.example.com/nginx:1.28-alpine"
	assert.Contains(t, stdout, fix)
	s["scenario.yaml"] = strings.Replace(s["scenario.yaml"], "enforce: true", "enforce: true, proxyImage: mirror.example.com/nginx:1.28-alpine", 1)
	_, stdout, _ = s.call(t, built, "verify", "--scenario", "scenario.yaml")
	assert.NotContains(t, stdout, "would change")
}

// outerLayers are settings of a kustomization above the one that ran the scenario, and
// what verify says where it does not accept them.
var outerLayers = []struct{ settings, chain, secret string }{
	{"", "", ""},
	{"labels: [{pairs: {team: a}, includeTemplates: true, includeSelectors: true}]\n", "", ""},
	{"commonAnnotations: {team: a}\n", "", ""},
	{"buildMetadata: [originAnnotations, managedByLabel, transformerAnnotations]\n", "", ""},
	{"namespace: elsewhere\n", "run the scenario in that layer", ""},
	{"namePrefix: prod-\n", "run the scenario in that layer|patch spec.issuerRef.name", "write tls.secret: prod-k8secret"},
	{"nameSuffix: -x\n", "run the scenario in that layer|patch spec.issuerRef.name", "write tls.secret: k8secret-x"},
}

func TestVerifyBelowOuterLayers(t *testing.T) {
	chain := fixtures.Cases(t, "transformers/certmanager/adds-chain")[0]
	leaf := fixtures.Leaf().Values()["tls"].(map[string]any)
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	secret := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: k8secret, namespace: connected-registry}\ntype: kubernetes.io/tls\n" +
		"data: {tls.crt: " + leaf["crt"].(string) + ", tls.key: " + leaf["key"].(string) + "}\n"
	named := scenarioText("named", "{tls: {secret: k8secret}, trustDistribution: {enabled: false}}")
	for _, layer := range outerLayers {
		for _, c := range []struct{ scenario, input, says string }{
			{string(chain.Read(t, "scenario.yaml")), string(chain.Read(t, "input.yaml")), layer.chain},
			{named, render + secret, layer.secret},
		} {
			s := site{"scenario.yaml": c.scenario}
			built, err := build(t, map[string]string{
				"kustomization.yaml": onlyRender + layer.settings, "render.yaml": s.patch(t, c.input, []string{"scenario.yaml"}),
			}, ".")
			require.NoError(t, err)
			stream := strings.Join(slices.Collect(maps.Values(built)), "---\n")
			code, stdout, stderr := s.call(t, stream, "verify", "--scenario", "scenario.yaml")
			assert.Equal(t, c.says == "", code == 0, "%s: %s%s", layer.settings, stdout, stderr)
			assert.Regexp(t, c.says, stdout, layer.settings)
		}
	}
}
