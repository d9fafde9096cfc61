package plugin_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"

	"github.com/connected-registry/scenario/fixtures"
)

// testVersion is what the program under test is built as.
const testVersion = fixtures.TestVersion

// hosts is "plain" for the fast path, "all" for every chart variant.
var hosts = flag.String("hosts", "plain", "chart variants that the real hosts run: plain or all")

func moduleVersion(t testing.TB, module string) string { return fixtures.ModuleVersion(t, module) }

func program(t testing.TB) string { return fixtures.Program(t) }

// command runs a program and returns what it writes.
func command(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// hostCase is a scenario and the render that it patches, on disk.
type hostCase struct {
	variant fixtures.Variant
	row     string
	// dir holds scenario.yaml and the certificates that it names.
	dir   string
	input []byte
	// want is what our own post-render makes of input, or errs what it says.
	want string
	errs string
}

func everyHostCase(t *testing.T, f func(t *testing.T, c hostCase)) {
	variants := fixtures.Variants()
	if *hosts == "plain" {
		variants = []fixtures.Variant{fixtures.Plain()}
	}
	for _, v := range variants {
		for _, row := range fixtures.Rows() {
			t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
				c := hostCase{variant: v, row: row.Name, dir: scenarioDir(t, row.Name), input: v.Render(t, nil)}
				stdout, stderr, err := c.postRender(t)
				c.want, c.errs = stdout, stderr
				if err != nil {
					require.True(t, v.HTTPOnly, "only the early chart lacks what a scenario needs: %s", stderr)
					require.Empty(t, stdout)
				}
				f(t, c)
			})
		}
	}
}

func (c hostCase) postRender(t *testing.T) (stdout, stderr string, err error) {
	cmd := exec.Command(program(t), "post-render", "--namespace", c.variant.Namespace, "--scenario", filepath.Join(c.dir, "scenario.yaml"))
	cmd.Stdin = bytes.NewReader(c.input)
	return command(t, cmd)
}

// scenarioDir is a documented scenario with the files that it names beside it.
func scenarioDir(t testing.TB, row string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row, "scenario.yaml"))
	require.NoError(t, err)
	leaf := fixtures.Leaf()
	for name, data := range map[string][]byte{"scenario.yaml": text, "tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

func TestRealHostsHelm3(t *testing.T) {
	helm := fixtures.Tool(t, "helm")
	charts := map[string]string{}
	for _, v := range fixtures.Variants() {
		charts[v.Name] = v.ChartDir(t)
	}
	everyHostCase(t, func(t *testing.T, c hostCase) {
		cmd := exec.Command(helm, "template", c.variant.Release, charts[c.variant.Name],
			"--namespace", c.variant.Namespace, "--kube-version", fixtures.KubeVersion, "--no-hooks",
			"--set-string", "connectionString="+fixtures.ConnectionString,
			"--post-renderer", program(t),
			"--post-renderer-args=--namespace="+c.variant.Namespace,
			"--post-renderer-args=--scenario="+filepath.Join(c.dir, "scenario.yaml"))
		stdout, stderr, err := command(t, cmd)
		if c.errs != "" && c.want == "" {
			require.Error(t, err)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, strings.TrimSpace(strings.Split(c.errs, "\n")[0]))
			return
		}
		require.NoError(t, err, stderr)
		assert.Equal(t, strings.TrimSpace(c.want), strings.TrimSpace(stdout))
		ran(t, "Helm 3", moduleVersion(t, "helm.sh/helm/v3"), "`helm template --post-renderer PATH`")
	})
}

// overlay is a kustomization over the rendered chart with the scenario as a
// transformer.
func overlay(t *testing.T, c hostCase) string {
	t.Helper()
	files := map[string]string{
		"rendered.yaml":      string(c.input),
		"kustomization.yaml": "resources:\n- rendered.yaml\ntransformers:\n- scenario.yaml\n",
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
	}
	return c.dir
}

func TestRealHostsKustomizeLegacyPlugin(t *testing.T) {
	kustomize, home := fixtures.Tool(t, "kustomize"), t.TempDir()
	dir := filepath.Join(home, "connectedregistry.dev", "v1alpha1", "connectedregistryscenario")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.Symlink(program(t), filepath.Join(dir, "ConnectedRegistryScenario")))
	everyHostCase(t, func(t *testing.T, c hostCase) {
		cmd := exec.Command(kustomize, "build", "--enable-alpha-plugins", overlay(t, c))
		cmd.Env = append(os.Environ(), "KUSTOMIZE_PLUGIN_HOME="+home)
		compareKustomize(t, c, cmd)
		ran(t, "kustomize", moduleVersion(t, "sigs.k8s.io/kustomize/kustomize/v5"), "`kustomize build --enable-alpha-plugins`, legacy exec plugin")
	})
}

func TestRealHostsKustomizeFunction(t *testing.T) {
	kustomize := fixtures.Tool(t, "kustomize")
	everyHostCase(t, func(t *testing.T, c hostCase) {
		dir := overlay(t, c)
		scenario := filepath.Join(dir, "scenario.yaml")
		text, err := os.ReadFile(scenario)
		require.NoError(t, err)
		annotated := strings.Replace(string(text), "metadata:\n",
			"metadata:\n  annotations:\n    config.kubernetes.io/function: |\n      exec:\n        path: "+program(t)+"\n", 1)
		require.NoError(t, os.WriteFile(scenario, []byte(annotated), 0o600))
		compareKustomize(t, c, exec.Command(kustomize, "build", "--enable-alpha-plugins", "--enable-exec", dir))
		ran(t, "kustomize", moduleVersion(t, "sigs.k8s.io/kustomize/kustomize/v5"), "`kustomize build --enable-alpha-plugins --enable-exec`, KRM exec function")
	})
}

// compareKustomize holds what kustomize prints against our own post-render, as
// objects: kustomize drops comments and sorts keys.
func compareKustomize(t *testing.T, c hostCase, cmd *exec.Cmd) {
	t.Helper()
	stdout, stderr, err := command(t, cmd)
	if c.want == "" {
		require.Error(t, err)
		assert.Empty(t, stdout)
		return
	}
	require.NoError(t, err, stderr)
	want, got := objectsOf(t, c.want), objectsOf(t, stdout)
	assert.Len(t, got, len(want))
	for id, text := range want {
		assert.YAMLEq(t, text, got[id], id)
	}
}

// objectsOf are a stream's objects as YAML, by kind, namespace and name.
func objectsOf(t *testing.T, stream string) map[string]string {
	t.Helper()
	nodes, err := kio.FromBytes([]byte(stream))
	require.NoError(t, err)
	objects := map[string]string{}
	for _, n := range nodes {
		if n.GetKind() == "" {
			continue // a document that is a comment only
		}
		objects[n.GetKind()+" "+n.GetNamespace()+" "+n.GetName()] = n.MustString()
	}
	return objects
}
