package plugin_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// The tests of this file go through the KRM Functions Specification v1, in the
// order of its text, with a ResourceList of the shape in which kpt gives one. kpt
// itself was not run.

// kptList is such a list: comments, both generations of path annotations, internal
// ones that a function need not know, and a field that is not in the schema.
const kptList = `apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata: # kpt-merge: edge/registry
    name: registry
    namespace: edge
    annotations:
      config.kubernetes.io/index: '0'
      config.kubernetes.io/path: 'registry.yaml'
      internal.config.kubernetes.io/index: '0'
      internal.config.kubernetes.io/path: 'registry.yaml'
      internal.config.kubernetes.io/package-path: 'edge'
      internal.config.kubernetes.io/seqindent: 'compact'
      internal.kpt.dev/resource-id: '1'
  spec:
    replicas: 1 # one only
    selector:
      matchLabels: {app: registry}
    template:
      metadata:
        labels: {app: registry}
      spec:
        containers:
        - name: registry # the registry itself
          image: mcr.microsoft.com/acr/connected-registry:1.0.0
          ports:
          - {name: https, containerPort: 8443}
          volumeMounts:
          - {name: certs, mountPath: /var/acr/certs}
        volumes:
        - name: certs
          secret: {secretName: as-rendered}
- apiVersion: v1
  kind: Service
  metadata:
    name: registry
    namespace: edge
    annotations:
      config.kubernetes.io/index: '1'
      config.kubernetes.io/path: 'registry.yaml'
      internal.config.kubernetes.io/index: '1'
      internal.config.kubernetes.io/path: 'registry.yaml'
      internal.config.kubernetes.io/future: 'of which nobody knows yet'
  spec: # Example comment
    selector: {app: registry}
    ports:
    - {name: https, port: 443, targetPort: https}
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: other # not ours
    annotations:
      internal.config.kubernetes.io/path: 'other.yaml'
  data: {mode: "0420"}
functionConfig:
  apiVersion: connectedregistry.dev/v1alpha1
  kind: ConnectedRegistryScenario
  metadata:
    name: byoc
    annotations:
      config.kubernetes.io/local-config: "true"
  spec: # as it came
    service: {clusterIP: 192.100.100.1}
    tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}
orchestrator: {knows: more}
`

// krm calls the function, and holds its output against the specification's schema.
func krm(t *testing.T, list string, env map[string]string, args ...string) (code int, output *yaml.RNode, stderr string) {
	t.Helper()
	code, stdout, stderr := run(t, nil, []byte(list), env, args...)
	output, err := yaml.Parse(stdout)
	require.NoError(t, err, stdout+stderr)
	var value any
	require.NoError(t, output.YNode().Decode(&value))
	schema := specification(t)
	assertSchema(t, schema, schema["ResourceList"].(map[string]any), value, "ResourceList")
	return code, output, stderr
}

// specification is the schema out of the specification's own text, which comes
// with the module of kustomize fn.
func specification(t *testing.T) map[string]any {
	t.Helper()
	dir, stderr, err := command(t, exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kustomize/cmd/config"))
	require.NoError(t, err, stderr)
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(dir), "docs", "api-conventions", "functions-spec.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "_apiVersion: v1_")
	schema := fence.FindStringSubmatch(string(text))[2]
	var parsed struct{ Definitions map[string]any }
	require.NoError(t, yaml.Unmarshal([]byte(schema), &parsed))
	return parsed.Definitions
}

// assertSchema checks as much of OpenAPI as the specification uses.
func assertSchema(t *testing.T, definitions, schema map[string]any, value any, path string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = definitions[strings.TrimPrefix(ref, "#/definitions/")].(map[string]any)
	}
	if enum, ok := schema["enum"].([]any); ok {
		assert.Contains(t, enum, value, path)
	}
	switch schema["type"] {
	case "object":
		fields, ok := value.(map[string]any)
		if !assert.True(t, ok, "%s is no object", path) {
			return
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			assert.Contains(t, fields, name, path)
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, field := range fields {
			if property, ok := properties[name].(map[string]any); ok {
				assertSchema(t, definitions, property, field, path+"."+name)
			}
		}
	case "array":
		elements, ok := value.([]any)
		assert.True(t, ok, "%s is no array", path)
		for _, element := range elements {
			assertSchema(t, definitions, schema["items"].(map[string]any), element, path+"[]")
		}
	case "string":
		assert.IsType(t, "", value, path)
	case "number":
		assert.IsType(t, 0, value, path)
	}
}

func itemsOf(t *testing.T, list *yaml.RNode) []*yaml.RNode {
	t.Helper()
	items, err := list.Pipe(yaml.Lookup("items"))
	require.NoError(t, err)
	elements, err := items.Elements()
	require.NoError(t, err)
	return elements
}

func resultsIn(t *testing.T, list *yaml.RNode) []*yaml.RNode {
	t.Helper()
	results := list.Field("results")
	require.NotNil(t, results)
	elements, err := results.Value.Elements()
	require.NoError(t, err)
	return elements
}

// "The input is a Kubernetes object of kind ResourceList"; "provides the output as
// a ResourceList to stdout"; versions v1 and v1beta1.
func TestKRMInterface(t *testing.T) {
	for _, version := range []string{"v1", "v1beta1"} {
		code, output, stderr := krm(t, strings.Replace(kptList, "kubernetes.io/v1\n", "kubernetes.io/"+version+"\n", 1), nil)
		require.Zero(t, code, stderr)
		assert.Equal(t, "config.kubernetes.io/"+version, output.GetApiVersion())
		assert.Equal(t, "ResourceList", output.GetKind())
		assert.Len(t, itemsOf(t, output), 4, "the Secret was added")
	}
}

// "FunctionConfig is an optional Kubernetes object for passing arguments".
func TestKRMFunctionConfig(t *testing.T) {
	input := yaml.MustParse(kptList)
	_, output, _ := krm(t, kptList, nil)
	assert.Equal(t, input.Field("functionConfig").Value.MustString(), output.Field("functionConfig").Value.MustString(), "it is given back as it came")

	bare, rest, _ := strings.Cut(kptList, "functionConfig:\n")
	_, unknown, _ := strings.Cut(rest, "orchestrator:")
	without := bare + "orchestrator:" + unknown
	scenario := []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: flag}\nspec: {service: {clusterIP: 192.100.100.1}}\n")
	config := func(data string) string {
		return without + "functionConfig:\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: function-input}\n  data: " + data + "\n"
	}
	for name, c := range map[string]struct {
		list string
		env  map[string]string
		args []string
		want string
	}{
		"none, and a flag":                   {list: without, args: []string{"function", "--scenario", "scenario.yaml"}},
		"none, and the environment":          {list: without, env: map[string]string{"CONNECTED_REGISTRY_SCENARIO": "scenario.yaml"}},
		"a ConfigMap of arguments":           {list: config("{scenario: scenario.yaml}")},
		"an empty ConfigMap":                 {list: config("{}"), env: map[string]string{"CONNECTED_REGISTRY_SCENARIO": "scenario.yaml"}},
		"an argument that is not known":      {list: config("{scenaro: x, a: b}"), want: `the functionConfig is a ConfigMap with "a", expected scenario=FILE`},
		"an argument and a flag":             {list: config("{scenario: scenario.yaml}"), args: []string{"function", "--scenario", "scenario.yaml"}, want: "leave one out"},
		"an empty ConfigMap, and nothing":    {list: config("{}"), want: "no scenario is given"},
		"an object that is of another kind":  {list: without + "functionConfig: {apiVersion: v1, kind: Pod, metadata: {name: x}}\n", want: "expected"},
		"a scenario with an unknown setting": {list: strings.Replace(kptList, "service: {clusterIP", "servce: {clusterIP", 1), want: "spec.servce: unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, scenario, []byte(c.list), c.env, c.args...)
			if c.want != "" {
				assert.NotZero(t, code)
				assert.Contains(t, stderr, c.want)
				return
			}
			require.Zero(t, code, stderr)
			assert.Contains(t, stdout, "connectedregistry.dev/scenario: flag")
		})
	}
}

// "Results is an optional list that can be used by function to emit results", of
// the schema that krm checks; "field: If defined, ResourceRef must also be
// provided"; file: where the object was read from.
func TestKRMResults(t *testing.T) {
	code, output, stderr := krm(t, kptList, nil)
	require.Zero(t, code, stderr)
	results := resultsIn(t, output)
	var files []string
	for _, r := range results {
		assert.Contains(t, []string{"info", "warning"}, r.Field("severity").Value.YNode().Value)
		if file := r.Field("file"); file != nil {
			files = append(files, r.Field("resourceRef").Value.Field("kind").Value.YNode().Value+" "+strings.TrimSpace(strings.ReplaceAll(file.Value.MustString(), "\n", " ")))
		}
	}
	slices.Sort(files)
	assert.Equal(t, []string{"Deployment path: registry.yaml", "Service path: registry.yaml index: 1"}, slices.Compact(files))

	// A result of an earlier function is not taken for ours.
	_, output, _ = krm(t, kptList+"results:\n- message: of another function\n", nil)
	assert.NotContains(t, output.MustString(), "of another function")
}

// "A function MUST support YAML"; "JSON will also be supported".
func TestKRMSerialization(t *testing.T) {
	var value map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(kptList), &value))
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	code, fromJSON, stderr := krm(t, string(encoded), nil)
	require.Zero(t, code, stderr)
	_, fromYAML, _ := krm(t, kptList, nil)
	assert.YAMLEq(t, fromYAML.MustString(), fromJSON.MustString())
}

// "Any non-structured error messages MUST be emitted to stderr. stdout is reserved
// for ResourceList"; "A non-zero exit code indicates a failure".
func TestKRMFailure(t *testing.T) {
	list := strings.Replace(kptList, "192.100.100.1", "192.100.100.300", 1)
	code, output, stderr := krm(t, list, nil)
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "error: ")
	input := yaml.MustParse(list)
	assert.Equal(t, input.Field("items").Value.MustString(), output.Field("items").Value.MustString(), "nothing is half done")
	for _, r := range resultsIn(t, output) {
		assert.Equal(t, "error", r.Field("severity").Value.YNode().Value)
		assert.Contains(t, stderr, r.Field("message").Value.YNode().Value)
		if r.Field("field") != nil {
			assert.NotNil(t, r.Field("resourceRef"))
		}
	}
}

// "A function SHOULD preserve comments when input serialization format is YAML";
// what a function does not change comes back byte for byte here.
func TestKRMComments(t *testing.T) {
	_, output, _ := krm(t, kptList, nil)
	text := output.MustString()
	for line := range strings.Lines(kptList) {
		if _, comment, found := strings.Cut(line, " # "); found {
			assert.Contains(t, text, " # "+comment)
		}
	}
	_, untouched, _ := strings.Cut(kptList, "  kind: ConfigMap\n")
	untouched, _, _ = strings.Cut(untouched, "functionConfig:")
	_, stdout, _ := run(t, nil, []byte(kptList), nil)
	assert.Contains(t, stdout, untouched, "byte for byte")
}

// "a function MUST NOT modify these annotations" (internal.config.kubernetes.io/*);
// "A function SHOULD NOT modify" path and index. An item that is ours has none: the
// orchestrator decides where it goes.
func TestKRMInternalAnnotations(t *testing.T) {
	_, output, _ := krm(t, kptList, nil)
	input := map[string]map[string]string{}
	for _, item := range itemsOf(t, yaml.MustParse(kptList)) {
		input[item.GetKind()] = item.GetAnnotations()
	}
	for _, item := range itemsOf(t, output) {
		annotations := item.GetAnnotations()
		for key := range annotations {
			if strings.HasPrefix(key, "connectedregistry.dev/") {
				delete(annotations, key)
			}
		}
		if item.GetKind() == "Secret" {
			assert.Empty(t, annotations)
			continue
		}
		assert.Equal(t, input[item.GetKind()], annotations, item.GetKind())
	}
}

// The specification does not speak of fields that its schema lacks; they stay.
func TestKRMUnknownFields(t *testing.T) {
	_, output, _ := krm(t, kptList, nil)
	require.NotNil(t, output.Field("orchestrator"))
	assert.Equal(t, "{knows: more}\n", output.Field("orchestrator").Value.MustString())
}

// fnDirectory is a folder of manifests as kustomize fn run takes one.
func fnDirectory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"edge/rendered.yaml":  string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))),
		"edge/plain.yaml":     "# a comment\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain # another\ndata:\n  mode: \"0420\"\n",
		"edge/spaced.yaml":    "apiVersion: v1\nkind:   ConfigMap\nmetadata:\n    name: spaced # a comment\n",
		"edge/notes.txt":      "kind:   no manifest\n",
		"scenarios/site.yaml": "",
	})
	scenario, err := os.ReadFile("../fixtures/scenarios/kubernetes-secret/scenario.yaml")
	require.NoError(t, err)
	writeFiles(t, dir, map[string]string{"scenarios/site.yaml": string(scenario)})
	return dir
}

func readText(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

// kustomize fn run edits files in place, with the scenario as an argument.
func TestKustomizeFnRun(t *testing.T) {
	dir := fnDirectory(t)
	plain, notes := readText(t, dir, "edge/plain.yaml"), readText(t, dir, "edge/notes.txt")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "results"), 0o700))
	cmd := exec.Command(fixtures.Tool(t, "kustomize"), "fn", "run", "edge", "--enable-exec", "--exec-path", program(t), "--results-dir", "results", "--", "scenario=scenarios/site.yaml")
	cmd.Dir = dir
	_, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	assert.Contains(t, stderr, "Deployment/connected-registry: tlsmount: ", "what was done is told")
	assert.Contains(t, readText(t, dir, "results/results-0.yaml"), "path: rendered.yaml")

	assert.Equal(t, plain, readText(t, dir, "edge/plain.yaml"))
	assert.Equal(t, notes, readText(t, dir, "edge/notes.txt"))
	rendered := readText(t, dir, "edge/rendered.yaml")
	assert.Contains(t, rendered, "# The registry syncs with its parent", "comments stay")
	assert.NotContains(t, rendered, "config.kubernetes.io", "the runner's annotations are gone")
	answer, code := verify(t, rendered, "--scenario", filepath.Join(dir, "scenarios/site.yaml"))
	assert.Zero(t, code, answer)
	ran(t, "kustomize", kustomizeVersion(t), "`kustomize fn run DIR --enable-exec --exec-path PATH -- scenario=FILE`")
}

// What fn run does to files is its own doing, function or not: it writes all YAML
// anew, in its own layout. docs/kustomize.md says so.
func TestKustomizeFnRunFormatsByItself(t *testing.T) {
	dir := fnDirectory(t)
	cmd := exec.Command(fixtures.Tool(t, "kustomize"), "fn", "run", "edge", "--enable-exec", "--exec-path", "cat")
	cmd.Dir = dir
	_, stderr, err := command(t, cmd)
	require.NoError(t, err, stderr)
	assert.Equal(t, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: spaced # a comment\n", readText(t, dir, "edge/spaced.yaml"))
}

// A scenario in the folder with the annotation is found by itself, and without
// --enable-exec it is left out silently, as by kustomize build.
func TestKustomizeFnRunFindsTheScenario(t *testing.T) {
	for _, flag := range []string{"--enable-exec", "--log-steps"} {
		dir := fnDirectory(t)
		writeFiles(t, dir, map[string]string{"edge/site.yaml": asFunction(t, readText(t, dir, "scenarios/site.yaml"), program(t))})
		_, stderr, err := command(t, exec.Command(fixtures.Tool(t, "kustomize"), "fn", "run", filepath.Join(dir, "edge"), flag))
		require.NoError(t, err, stderr)
		_, code := verify(t, readText(t, dir, "edge/rendered.yaml"), "--scenario", filepath.Join(dir, "scenarios/site.yaml"))
		if flag == "--enable-exec" {
			assert.Zero(t, code)
			ran(t, "kustomize", kustomizeVersion(t), "`kustomize fn run DIR --enable-exec`, the scenario in the folder")
			continue
		}
		assert.Equal(t, 1, code)
		assert.NotContains(t, stderr, "error")
	}
}
