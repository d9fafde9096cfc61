package plugin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/resource"
)

// resourceList is a ResourceList as a host reads it.
type resourceList struct {
	APIVersion     string           `yaml:"apiVersion"`
	Kind           string           `yaml:"kind"`
	Items          []map[string]any `yaml:"items"`
	FunctionConfig map[string]any   `yaml:"functionConfig"`
	Results        []result         `yaml:"results"`
}

func readList(t *testing.T, text string) resourceList {
	t.Helper()
	var l resourceList
	require.NoError(t, yaml.Unmarshal([]byte(text), &l), text)
	return l
}

func TestFunctionResults(t *testing.T) {
	w := at(t)
	w.stdin = list(scenarios["trust.yaml"])
	got := w.run("function")
	require.Equal(t, 0, got.code, got.errOut)
	out := readList(t, got.out)
	assert.Len(t, out.Items, 2)
	assert.Equal(t, []result{
		{
			Message: "removed: trust is distributed by other means", Severity: "info",
			ResourceRef: &resource.Ref{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "trust", Namespace: "site"},
			Tags:        map[string]string{"transformer": "trustdistribution"},
		},
		{
			Message: "recorded scenario trust", Severity: "info",
			ResourceRef: &resource.Ref{APIVersion: "apps/v1", Kind: "Deployment", Name: "edge", Namespace: "site"},
			Tags:        map[string]string{"transformer": "marker"},
		},
	}, out.Results)
	assert.Contains(t, got.errOut, "Deployment/edge: marker: recorded scenario trust\n")
}

func TestFunctionKeepsTheHostsAnnotations(t *testing.T) {
	w := at(t)
	w.stdin = strings.Replace(list(scenarios["trust.yaml"]), "  kind: Deployment\n  metadata:\n",
		"  kind: Deployment\n  metadata:\n    annotations:\n      config.kubernetes.io/index: '1'\n      kustomize.config.k8s.io/id: |\n        kind: Deployment\n", 1)
	got := w.run()
	require.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "config.kubernetes.io/index: '1'")
	assert.Contains(t, got.out, "kustomize.config.k8s.io/id: |\n")
}

// A failing function gives the list back as it was, and still fails: kustomize
// looks at the exit code only, others at the results.
func TestFunctionFailure(t *testing.T) {
	for name, says := range map[string]string{
		"broken.yaml": "functionConfig broken", "cannot.yaml": "spec.certManager.install",
	} {
		w := at(t)
		w.stdin = list(scenarios[name])
		got := w.run("function")
		assert.Equal(t, 1, got.code)
		out := readList(t, got.out)
		assert.Equal(t, readList(t, w.stdin).Items, out.Items)
		assert.Equal(t, readList(t, w.stdin).FunctionConfig, out.FunctionConfig)
		require.NotEmpty(t, out.Results)
		assert.Contains(t, out.Results[0].Message, says)
		for _, r := range out.Results {
			assert.Equal(t, "error", r.Severity)
			assert.Contains(t, got.errOut, "error: "+r.Message+"\n")
		}
	}
}

// An error with an object refers to it, as a host wants it.
func TestFunctionFailureNamesTheObject(t *testing.T) {
	w := at(t)
	w.stdin = strings.Replace(list(scenarios["ip.yaml"]), "    ports:\n    - port: 443", "    type: ExternalName\n    ports:\n    - port: 443", 1)
	got := w.run("function")
	require.Equal(t, 1, got.code, got.out)
	out := readList(t, got.out)
	require.Len(t, out.Results, 1)
	assert.Equal(t, &resource.Ref{APIVersion: "v1", Kind: "Service", Name: "edge", Namespace: "site"}, out.Results[0].ResourceRef)
	require.NotNil(t, out.Results[0].Field)
	assert.Contains(t, out.Results[0].Field.Path, "spec.")
	assert.Equal(t, map[string]string{"code": "service-form"}, out.Results[0].Tags)
}

func TestFunctionScenario(t *testing.T) {
	cases := map[string]struct {
		config string
		args   []string
		code   int
		says   string
	}{
		"none":        {"", nil, 2, "no scenario is given"},
		"a flag's":    {"", []string{"-s", "trust.yaml"}, 0, ""},
		"both":        {scenarios["trust.yaml"], []string{"-s", "trust.yaml"}, 2, "without --scenario"},
		"a ConfigMap": {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  mode: ReadOnly\n", nil, 1, "ConnectedRegistryScenario"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			w.stdin = list(c.config)
			got := w.run(append([]string{"function"}, c.args...)...)
			assert.Equal(t, c.code, got.code, got.errOut)
			assert.Contains(t, got.errOut, c.says)
			assert.Len(t, readList(t, got.out).Items, map[bool]int{true: 2, false: 3}[c.code == 0])
		})
	}
}

func TestFunctionFilesAreRelativeToTheWorkingDirectory(t *testing.T) {
	w := at(t)
	w.stdin = list(scenarios["byoc.yaml"])
	got := w.run("function")
	require.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "kubernetes.io/tls")
}

func TestFunctionWithoutAList(t *testing.T) {
	for _, input := range []string{"", stream, "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: 1\n"} {
		w := at(t)
		w.stdin = input
		got := w.run("function")
		assert.Equal(t, 1, got.code)
		assert.Empty(t, got.out)
		assert.Contains(t, got.errOut, "ResourceList")
	}
}

func TestFunctionOnlyHooks(t *testing.T) {
	w := at(t)
	w.stdin = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n" + indented(strings.TrimPrefix(hook, "---\n"), "- ") +
		"functionConfig:\n" + indented(scenarios["trust.yaml"], "  ")
	got := w.run("function")
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Equal(t, w.stdin, got.out)
	assert.Equal(t, onlyHooksWarning+"\n", got.errOut)
}
