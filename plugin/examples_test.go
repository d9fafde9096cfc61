package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

const examplesDir = "../kustomization-examples"

// legacyPath is where kustomize looks below KUSTOMIZE_PLUGIN_HOME.
var legacyPath = filepath.Join("connectedregistry.dev", "v1alpha1", "connectedregistryscenario", "ConnectedRegistryScenario")

// kustomizeVersion is the version of the kustomize that the tests run.
func kustomizeVersion(t *testing.T) string {
	return moduleVersion(t, "sigs.k8s.io/kustomize/kustomize/v5")
}

// clone is the repository as a reader of the examples has it after make build: the
// examples, the program in bin/ and below plugin/, kustomize and helm on the PATH.
func clone(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "kustomization-examples"), os.DirFS(examplesDir)))
	link := func(from, to string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700))
		require.NoError(t, os.Symlink(from, filepath.Join(dir, to)))
	}
	link(program(t), "bin/connected-registry-scenario")
	link(program(t), filepath.Join("plugin", legacyPath))
	link(fixtures.Tool(t, "kustomize"), "tools/kustomize")
	link(fixtures.Tool(t, "helm"), "tools/helm")
	leaf := fixtures.Leaf()
	for name, data := range map[string][]byte{"tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization-examples", "byoc", name), data, 0o600))
	}
	return dir, append(os.Environ(), "HOME="+dir, "PATH="+filepath.Join(dir, "tools")+":"+os.Getenv("PATH"))
}

func shell(t *testing.T, dir string, env []string, script string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	return command(t, cmd)
}

var builtExample = regexp.MustCompile(`kustomize build --enable-alpha-plugins kustomization-examples/(\S+)\n$`)

// Every command of every example's README does what the README says, and gives
// what is in expected.yaml.
func TestExamples(t *testing.T) {
	dir, env := clone(t)
	var pages []string
	for _, pattern := range []string{"README.md", "*/README.md"} {
		found, err := filepath.Glob(filepath.Join(examplesDir, pattern))
		require.NoError(t, err)
		pages = append(pages, found...)
	}
	built := map[string]bool{}
	for _, page := range pages {
		for _, b := range blocksOf(t, strings.TrimPrefix(page, "../")) {
			require.Equal(t, "sh", b.language, page)
			m := builtExample.FindStringSubmatch(b.text)
			switch {
			case m != nil:
				built[m[1]] = true
				t.Run(m[1], func(t *testing.T) { buildExample(t, dir, env, m[1], b.text) })
			case strings.Contains(b.text, " verify "):
				stdout, stderr, err := shell(t, dir, env, b.text)
				require.NoError(t, err, "%s\n%s\n%s", b.text, stdout, stderr)
				assert.Contains(t, stdout, "patched: ")
			case strings.HasPrefix(b.text, "helm template "), strings.Contains(b.text, "openssl "), strings.HasPrefix(b.text, "kubectl create secret"):
				// below
			default:
				assert.Failf(t, "a block that no test runs", "%s:\n%s", page, b.text)
			}
		}
	}
	kustomizations, err := filepath.Glob(examplesDir + "/*/expected.yaml")
	require.NoError(t, err)
	nested, err := filepath.Glob(examplesDir + "/*/*/expected.yaml")
	require.NoError(t, err)
	for _, file := range append(kustomizations, nested...) {
		name, err := filepath.Rel(examplesDir, filepath.Dir(file))
		require.NoError(t, err)
		assert.True(t, built[filepath.ToSlash(name)], "no README builds %s", name)
	}
	assert.Len(t, built, 10)
}

func buildExample(t *testing.T, dir string, env []string, name, script string) {
	stdout, stderr, err := shell(t, dir, env, script)
	require.NoError(t, err, stderr)
	got := withoutSecretValues(t, stdout)
	assert.NotContains(t, got, "PRIVATE KEY")
	assert.NotContains(t, got, dir, "a path of this machine")
	golden := filepath.Join(examplesDir, name, "expected.yaml")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
	// What was built says so itself.
	cmd := exec.Command(program(t), append([]string{"verify"}, scenariosOf(t, name)...)...)
	cmd.Stdin = strings.NewReader(stdout)
	cmd.Dir = filepath.Join(dir, "kustomization-examples", name)
	answer, stderr, err := command(t, cmd)
	require.NoError(t, err, answer+stderr)
	ran(t, "kustomize", kustomizeVersion(t), "`kustomize build --enable-alpha-plugins`, each of kustomization-examples/")
}

// scenariosOf are the scenarios that an example runs, in their order, as flags.
func scenariosOf(t *testing.T, name string) []string {
	t.Helper()
	files := map[string][]string{
		"components":                 {"address", "storage", "certificate", "trust"},
		"environments/factory-floor": {"../common", "."},
		"environments/lab":           {"../common", "."},
		"read-only":                  {"../components/certificate", "../components/read-only"},
	}[name]
	if files == nil {
		files = []string{"."}
	}
	var flags []string
	for _, file := range files {
		flags = append(flags, "--scenario", filepath.Join(file, "scenario.yaml"))
	}
	return flags
}

// withoutSecretValues is a stream whose Secrets show no value.
func withoutSecretValues(t *testing.T, stream string) string {
	t.Helper()
	documents := strings.SplitAfter(stream, "\n---\n")
	for i, document := range documents {
		if !strings.Contains(document, "\nkind: Secret\n") {
			continue
		}
		secret := yaml.MustParse(strings.TrimSuffix(document, "---\n"))
		data := secret.Field("data")
		require.NotNil(t, data)
		keys, err := data.Value.Fields()
		require.NoError(t, err)
		for _, key := range keys {
			require.NoError(t, data.Value.PipeE(yaml.SetField(key, yaml.NewStringRNode("<not kept here>"))))
		}
		documents[i] = secret.MustString()
		if strings.HasSuffix(document, "---\n") {
			documents[i] += "---\n"
		}
	}
	return strings.Join(documents, "")
}

// The documented scenarios are the same here as where everything else tests them.
func TestExamplesAreTheDocumentedScenarios(t *testing.T) {
	for _, row := range fixtures.Rows() {
		example, err := os.ReadFile(filepath.Join(examplesDir, row.Name, "scenario.yaml"))
		require.NoError(t, err)
		fixture, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row.Name, "scenario.yaml"))
		require.NoError(t, err)
		assert.Equal(t, string(fixture), string(example), row.Name)
	}
}

var (
	documentStart = regexp.MustCompile(`(?m)^---\n`)
	bundled       = regexp.MustCompile(`(?m)^# Source: \S*/cert-manager/templates/(.*)$`)
)

// The examples' input is what the chart renders: all of the registry but its
// Secret, and of the bundled cert-manager what is short.
func TestExamplesPatchWhatTheChartRenders(t *testing.T) {
	var registry, manager strings.Builder
	manager.WriteString("# An excerpt of the cert-manager that the chart bundles.\n")
	for _, document := range documentStart.Split(string(fixtures.Plain().Render(t, nil)), -1) {
		source := bundled.FindStringSubmatch(document)
		switch {
		case strings.TrimSpace(document) == "", strings.Contains(document, "\nkind: Secret\n"):
		case source == nil:
			registry.WriteString("---\n" + document)
		case slices.Contains([]string{"serviceaccount.yaml", "deployment.yaml", "webhook-serviceaccount.yaml", "webhook-deployment.yaml", "webhook-service.yaml",
			"cainjector-serviceaccount.yaml", "cainjector-deployment.yaml"}, source[1]):
			manager.WriteString("---\n" + document)
		}
	}
	for name, want := range map[string]string{"rendered.yaml": registry.String(), "cert-manager.yaml": manager.String()} {
		path := filepath.Join(examplesDir, "base", name)
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), name)
	}
}

// The openssl command of the byoc example makes a certificate that its scenario
// takes, and what it makes is kept out of git.
func TestExampleCertificate(t *testing.T) {
	fixtures.Needs(t, "openssl")
	dir, env := clone(t)
	var scripts []string
	for _, b := range blocksOf(t, "kustomization-examples/byoc/README.md") {
		scripts = append(scripts, b.text)
	}
	require.Len(t, scripts, 2)
	_, stderr, err := shell(t, dir, env, scripts[0])
	require.NoError(t, err, stderr)
	stdout, stderr, err := shell(t, dir, env, scripts[1])
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "kind: Secret")
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt", "ca.key"} {
		ignored := exec.Command("git", "check-ignore", "--no-index", "--quiet", "kustomization-examples/byoc/"+name)
		ignored.Dir = ".."
		assert.NoError(t, ignored.Run(), "%s is not in .gitignore", name)
	}
}

// kubectl's own command makes the Secret that the README says; it is not asked to
// reach a cluster.
func TestExampleSecret(t *testing.T) {
	dir, env := clone(t)
	env = append(env, "PATH="+filepath.Dir(realKubectl(t))+":"+os.Getenv("PATH"))
	for _, b := range blocksOf(t, "kustomization-examples/kubernetes-secret/README.md") {
		if !strings.HasPrefix(b.text, "kubectl ") {
			continue
		}
		stdout, stderr, err := shell(t, filepath.Join(dir, "kustomization-examples", "byoc"), env, strings.TrimSpace(b.text)+" --dry-run=client -o yaml")
		require.NoError(t, err, stderr)
		secret := objectsOf(t, stdout)["Secret connected-registry k8secret"]
		assert.Contains(t, secret, "type: kubernetes.io/tls")
		assert.Contains(t, secret, "ca.crt:")
	}
}

// The helm command of base/README.md gives what a build takes.
func TestExampleRender(t *testing.T) {
	dir, env := clone(t)
	chart := fixtures.Plain().ChartDir(t)
	base := filepath.Join(dir, "kustomization-examples", "base")
	require.NoError(t, os.WriteFile(filepath.Join(base, "values.yaml"), []byte("connectionString: "+fixtures.ConnectionString+"\n"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(base, "cert-manager.yaml")))
	require.NoError(t, os.WriteFile(filepath.Join(base, "kustomization.yaml"), []byte("resources: [rendered.yaml]\n"), 0o600))
	for _, b := range blocksOf(t, "kustomization-examples/base/README.md") {
		script := strings.Replace(b.text, publicChart, chart+" --no-hooks --kube-version "+fixtures.KubeVersion, 1)
		_, stderr, err := shell(t, base, env, script)
		require.NoError(t, err, stderr)
	}
	stdout, stderr, err := shell(t, dir, env, "KUSTOMIZE_PLUGIN_HOME=$PWD/plugin kustomize build --enable-alpha-plugins kustomization-examples/kubernetes-secret")
	require.NoError(t, err, stderr)
	nodes, err := kio.FromBytes([]byte(stdout))
	require.NoError(t, err)
	assert.Greater(t, len(nodes), 5)
	assert.NotContains(t, stdout, "cert-manager.io")
}

// make build puts the program where the examples' commands expect it.
func TestMakeBuildLinksThePlugin(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	assert.Contains(t, string(makefile), "LEGACY := "+filepath.Join("plugin", legacyPath)+"\n")
	dir := t.TempDir()
	binary, link := filepath.Join(dir, "bin", "program"), filepath.Join(dir, legacyPath)
	stdout, stderr, err := command(t, exec.Command("make", "-C", "..", "build", "BINARY="+binary, "LEGACY="+link))
	require.NoError(t, err, stdout+stderr)
	version, stderr, err := command(t, exec.Command(link, "version"))
	require.NoError(t, err, stderr)
	assert.True(t, strings.HasPrefix(version, "connected-registry-scenario version "), version)
	ignored := exec.Command("git", "check-ignore", "--no-index", "--quiet", filepath.Join("plugin", legacyPath))
	ignored.Dir = ".."
	assert.NoError(t, ignored.Run())
}
