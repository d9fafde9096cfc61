package plugin_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin"
)

var update = flag.Bool("update", false, "write the plans of the documented scenarios anew; read the diff")

// run calls the program in this process with a scenario in scenario.yaml, and the
// test certificates beside it.
func run(t testing.TB, scenario, stdin []byte, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	plugin.Version = testVersion
	var out, errOut bytes.Buffer
	code = plugin.Main(args, plugin.Streams{In: bytes.NewReader(stdin), Out: &out, Err: &errOut}, plugin.Host{
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		ReadFile: func(name string) ([]byte, error) {
			if path.Base(name) == "scenario.yaml" {
				if scenario == nil {
					return nil, fs.ErrNotExist
				}
				return scenario, nil
			}
			return fixtures.Material(path.Base(name))
		},
		Getwd:      func() (string, error) { return "/work", nil },
		Now:        func() time.Time { return fixtures.Now },
		IsTerminal: func(any) bool { return false },
		Width:      func(any) int { return 0 },
	})
	return code, out.String(), errOut.String()
}

// Each documented scenario on each variant of the chart: the plan, or why not.
func TestPlansOfTheDocumentedScenarios(t *testing.T) {
	for _, v := range fixtures.Variants() {
		for _, row := range fixtures.Rows() {
			t.Run(row.Name+"/"+v.Name, func(t *testing.T) {
				dir := filepath.Join("..", "fixtures", "scenarios", row.Name)
				scenario, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
				require.NoError(t, err)
				code, stdout, stderr := run(t, scenario, v.Render(t, nil), nil, "plan", "--namespace", v.Namespace, "--scenario", "scenario.yaml")
				got := stdout + stderr
				assert.Equal(t, v.HTTPOnly && code != 0, code != 0, stderr)
				assert.NotContains(t, got, "PRIVATE KEY")
				assert.NotContains(t, got, "not/a+real=password")
				golden := filepath.Join(dir, v.Name+".plan")
				if *update {
					require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
					return
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				assert.Equal(t, string(want), got)
			})
		}
	}
}

// Every edge makes the same of a case, or refuses it with the same words and
// without a byte on stdout.
func TestEveryEdgeGivesTheSame(t *testing.T) {
	for _, pattern := range []string{"transformers/*/*", "streams/*", "errors/*"} {
		for _, c := range fixtures.Cases(t, pattern) {
			t.Run(c.Name, func(t *testing.T) {
				scenario, input := c.Read(t, "scenario.yaml"), c.Read(t, "input.yaml")
				code, output, stderr := run(t, scenario, input, nil, "post-render", "--scenario", "scenario.yaml")
				legacyCode, legacyOutput, legacyStderr := run(t, scenario, input,
					map[string]string{"KUSTOMIZE_PLUGIN_CONFIG_ROOT": "/work"}, "/tmp/scenario.yaml")
				assert.Equal(t, code, legacyCode, legacyStderr)
				assert.Equal(t, output, legacyOutput)
				if code != 0 {
					assert.Empty(t, output)
					assert.NotEmpty(t, stderr)
					_, err := os.Stat(filepath.Join(c.Dir, "error.txt"))
					assert.NoError(t, err, "an edge refuses what the transformers take: %s", stderr)
					return
				}
				sameAsFunction(t, scenario, input, output)
			})
		}
	}
}

// sameAsFunction compares objects: a ResourceList is printed otherwise than a stream.
func sameAsFunction(t *testing.T, scenario, input []byte, want string) {
	t.Helper()
	list := yaml.MustParse("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n")
	for _, n := range objects(t, input) {
		require.NoError(t, list.PipeE(yaml.Lookup("items"), yaml.Append(n)))
	}
	require.NoError(t, list.PipeE(yaml.SetField("functionConfig", yaml.MustParse(string(scenario)))))
	code, stdout, stderr := run(t, nil, []byte(list.MustString()), nil)
	require.Zero(t, code, stderr)
	items, err := yaml.MustParse(stdout).Pipe(yaml.Lookup("items"))
	require.NoError(t, err)
	got, err := items.Elements()
	require.NoError(t, err)
	wanted := objects(t, []byte(want))
	require.Len(t, got, len(wanted))
	for i := range wanted {
		assert.YAMLEq(t, yaml.NewRNode(wanted[i]).MustString(), got[i].MustString())
	}
}

// objects are the objects of a stream with lists taken apart, as kustomize hands
// them to a function.
func objects(t *testing.T, stream []byte) []*yaml.Node {
	t.Helper()
	text := strings.NewReplacer("\ufeff", "", "\r\n", "\n").Replace(string(stream)) // as kubectl reads it
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var all []*yaml.Node
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			require.ErrorContains(t, err, "EOF")
			return all
		}
		n := yaml.NewRNode(document.Content[0])
		if n.YNode().Kind != yaml.MappingNode {
			continue
		}
		require.NoError(t, n.DeAnchor())
		if items := n.Field("items"); items != nil && strings.HasSuffix(n.GetKind(), "List") {
			all = append(all, items.Value.Content()...)
			continue
		}
		all = append(all, n.YNode())
	}
}

// A line of 200 MB: in a document that is nobody's business it passes, in one that
// must be read it is refused in a sentence.
func TestALineOf200MB(t *testing.T) {
	scenario := []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: none}\nspec: {}\n")
	registry := "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: r\n  annotations:\n    long: \"%\"\nspec: {template: {spec: {containers: [{name: r, image: acr/connected-registry}]}}}\n"
	long := strings.Repeat("x", 200<<20)
	unrelated := "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: long}\ndata: {a: " + long + "}\n"

	code, stdout, stderr := run(t, scenario, []byte(unrelated+strings.Replace(registry, "%", "", 1)), nil, "post-render", "--scenario", "scenario.yaml")
	require.Zero(t, code, stderr)
	assert.True(t, strings.HasPrefix(stdout, unrelated))

	code, stdout, stderr = run(t, scenario, []byte(strings.Replace(registry, "%", long, 1)), nil, "post-render", "--scenario", "scenario.yaml")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "error: document 1: 200 MiB in one document, more than the 16 MiB that are read (Kubernetes takes objects of about 1.5 MiB) [file-too-large]\n", stderr)
}
