package plugin_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	fluxkustomize "github.com/fluxcd/pkg/apis/kustomize"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// exportCase is a scenario and a render, and what our own post-render makes of it.
type exportCase struct {
	namespace       string
	scenario, input []byte
	want            string
}

// everyExportCase runs every fixture that has a result, and the documented
// scenarios on renders without the bundled cert-manager, which costs kustomize
// much and shows nothing new; see TestExportTakesTheBundleOut.
func everyExportCase(t *testing.T, f func(t *testing.T, c exportCase)) {
	for _, pattern := range []string{"transformers/*/*", "streams/*"} {
		for _, c := range fixtures.Cases(t, pattern) {
			if _, err := os.Stat(filepath.Join(c.Dir, "expected.yaml")); err != nil || c.Name == "streams/kustomize" {
				continue // no result, or not a render: what kustomize hands to a function it cannot read again
			}
			t.Run(c.Name, func(t *testing.T) {
				f(t, exportCase{scenario: c.Read(t, "scenario.yaml"), input: c.Read(t, "input.yaml")}.postRendered(t))
			})
		}
	}
	for _, v := range []fixtures.Variant{fixtures.Plain(), fixtures.Lookalike()} {
		input := v.Render(t, fixtures.Set("cert-manager.install=false"))
		for _, row := range fixtures.Rows() {
			if row.Name == "secure-by-default" {
				continue // it wants the bundle
			}
			t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
				scenario, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row.Name, "scenario.yaml"))
				require.NoError(t, err)
				f(t, exportCase{namespace: v.Namespace, scenario: scenario, input: input}.postRendered(t))
			})
		}
	}
}

func (c exportCase) postRendered(t *testing.T) exportCase {
	t.Helper()
	code, stdout, stderr := run(t, c.scenario, c.input, nil, "post-render", "--scenario", "scenario.yaml", "--namespace", c.namespace)
	require.Zero(t, code, stderr)
	c.want = stdout
	return c
}

// export runs an export into a directory; it returns the files, by path, and what
// was said. The code is 1 where there is nothing to export.
func (c exportCase) export(t *testing.T, args ...string) (files map[string]string, code int, stderr string) {
	t.Helper()
	dir := t.TempDir()
	args = append([]string{"export"}, append(args, "--scenario", "scenario.yaml", "--namespace", c.namespace, "--output-dir", dir)...)
	code, stdout, stderr := run(t, c.scenario, c.input, nil, args...)
	assert.Empty(t, stdout)
	return filesIn(t, dir), code, stderr
}

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(relative)] = string(text)
		return err
	}))
	return files
}

// build is kustomize in this process, as krusty and helm-controller call it.
func build(t *testing.T, files map[string]string, dir string) (map[string]string, error) {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	for name, text := range files {
		require.NoError(t, fs.WriteFile(filepath.Join("/work", name), []byte(text)))
	}
	built, err := krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig(),
	}).Run(fs, filepath.Join("/work", dir))
	if err != nil {
		return nil, err
	}
	objects := map[string]string{}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		objects[r.GetApiVersion()+" "+r.GetKind()+" "+r.GetNamespace()+" "+r.GetName()] = string(text)
	}
	return objects, nil
}

const onlyRender = "resources:\n- render.yaml\n"

// baseline is what kustomize makes of the render, and of our own output: comparing
// through it leaves its own habits out of the comparison.
func (c exportCase) baseline(t *testing.T) (before, after map[string]string) {
	t.Helper()
	before, err := build(t, map[string]string{"kustomization.yaml": onlyRender, "render.yaml": string(c.input)}, ".")
	require.NoError(t, err)
	after, err = build(t, map[string]string{"kustomization.yaml": onlyRender, "render.yaml": c.want}, ".")
	require.NoError(t, err)
	// A Secret whose data we write is for its owner to create.
	for id, text := range after {
		if strings.HasPrefix(id, "v1 Secret ") && secretData(t, text) != secretData(t, before[id]) {
			delete(after, id)
		}
	}
	return before, after
}

func secretData(t *testing.T, text string) string {
	t.Helper()
	var secret struct{ Data, StringData map[string]string }
	require.NoError(t, yaml.Unmarshal([]byte(text), &secret))
	data, err := json.Marshal(secret)
	require.NoError(t, err)
	return string(data)
}

func sameBuilt(t *testing.T, want, got map[string]string) {
	t.Helper()
	for id, text := range want {
		if assert.Contains(t, got, id) {
			assert.YAMLEq(t, withoutEmpty(t, text), withoutEmpty(t, got[id]), id)
		}
	}
	for id := range got {
		assert.Contains(t, want, id)
	}
}

// withoutEmpty takes labels and annotations out of a pod template that are empty:
// kustomize leaves an empty map behind the last key that a patch takes out of it.
func withoutEmpty(t *testing.T, text string) string {
	t.Helper()
	n := yaml.MustParse(text)
	metadata, err := n.Pipe(yaml.Lookup("spec", "template", "metadata"))
	require.NoError(t, err)
	for _, field := range []string{"labels", "annotations"} {
		if f := metadata.Field(field); f != nil && len(f.Value.Content()) == 0 {
			require.NoError(t, metadata.PipeE(yaml.Clear(field)))
		}
	}
	return n.MustString()
}

// The exported Component, applied by kustomize to the render, gives the objects
// that our own post-render gives.
func TestExportKustomizeGivesTheSame(t *testing.T) {
	everyExportCase(t, func(t *testing.T, c exportCase) {
		files, code, stderr := c.export(t, "kustomize")
		noSecrets(t, files, stderr)
		before, want := c.baseline(t)
		if code != 0 {
			assert.Contains(t, stderr, "there is nothing to export")
			sameBuilt(t, want, before)
			return
		}
		all := map[string]string{
			"kustomization.yaml": onlyRender + "components:\n- scenario\n",
			"render.yaml":        string(c.input),
		}
		for name, text := range files {
			all["scenario/"+name] = text
		}
		got, err := build(t, all, ".")
		require.NoError(t, err)
		sameBuilt(t, want, got)
	})
}

const helmRelease = `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: edge
  namespace: flux-system
spec:
  interval: 1h
  chart:
    spec:
      chart: connected-registry
      sourceRef: {kind: HelmRepository, name: acr}
`

// fluxRelease is the part of a HelmRelease that an export is about.
type fluxRelease struct {
	Spec struct {
		PostRenderers []struct {
			Kustomize struct {
				Patches []fluxkustomize.Patch `json:"patches,omitempty"`
				Images  []fluxkustomize.Image `json:"images,omitempty"`
			} `json:"kustomize"`
		} `json:"postRenderers"`
	} `json:"spec"`
}

// postRender is what helm-controller does: a kustomization in memory with the
// release's render as its resource, and patches and images only.
// Source: github.com/fluxcd/helm-controller internal/postrender.
func postRender(t *testing.T, release string, render []byte) (map[string]string, error) {
	t.Helper()
	asJSON, err := k8syaml.YAMLToJSON([]byte(release))
	require.NoError(t, err)
	var whole map[string]any
	require.NoError(t, json.Unmarshal(asJSON, &whole))
	renderers, err := json.Marshal(map[string]any{"spec": map[string]any{"postRenderers": whole["spec"].(map[string]any)["postRenderers"]}})
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(renderers))
	decoder.DisallowUnknownFields()
	var typed fluxRelease
	require.NoError(t, decoder.Decode(&typed))
	require.Len(t, typed.Spec.PostRenderers, 1)

	k := types.Kustomization{TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}}
	k.Resources = []string{"helm-output.yaml"}
	for _, p := range typed.Spec.PostRenderers[0].Kustomize.Patches {
		patch := types.Patch{Patch: p.Patch}
		if s := p.Target; s != nil {
			assert.NotEmpty(t, s.Kind)
			assert.NotEmpty(t, s.Name)
			patch.Target = &types.Selector{LabelSelector: s.LabelSelector, AnnotationSelector: s.AnnotationSelector}
			patch.Target.Group, patch.Target.Version, patch.Target.Kind = s.Group, s.Version, s.Kind
			patch.Target.Name, patch.Target.Namespace = s.Name, s.Namespace
		}
		k.Patches = append(k.Patches, patch)
	}
	text, err := json.Marshal(k)
	require.NoError(t, err)
	return build(t, map[string]string{"kustomization.yaml": string(text), "helm-output.yaml": string(render)}, ".")
}

// The exported post-renderers and the objects beside them give the same, too.
func TestExportFluxGivesTheSame(t *testing.T) {
	everyExportCase(t, func(t *testing.T, c exportCase) {
		if c.namespace == "" {
			c.namespace = "factory" // what their scenarios say, if anything
		}
		c = c.postRendered(t)
		files, code, stderr := c.export(t, "flux", "--release", "edge")
		noSecrets(t, files, stderr)
		_, want := c.baseline(t)
		if code != 0 {
			return // as above
		}
		all := map[string]string{
			"kustomization.yaml": "resources:\n- release.yaml\ncomponents:\n- scenario\n",
			"release.yaml":       helmRelease,
		}
		for name, text := range files {
			all["scenario/"+name] = text
		}
		releases, err := build(t, all, ".")
		require.NoError(t, err)
		got, err := postRender(t, releases["helm.toolkit.fluxcd.io/v2 HelmRelease flux-system edge"], c.input)
		require.NoError(t, err)
		if files["objects/kustomization.yaml"] != "" {
			added, err := build(t, all, "scenario/objects")
			require.NoError(t, err)
			for id, text := range added {
				if _, ok := want[id]; !ok { // Helm would have set the namespace
					id = strings.Replace(id, " factory ", "  ", 1)
					text = strings.Replace(text, "  namespace: factory\n", "", 1)
				}
				got[id] = text
			}
		}
		sameBuilt(t, want, got)
		ran(t, "Flux", "patch types "+moduleVersion(t, "github.com/fluxcd/pkg/apis/kustomize"),
			"`spec.postRenderers` of an export, helm-controller's post-renderer done in the test by kustomize's API")
	})
}

// noSecrets scans an export, and what was said of it, for key material.
func noSecrets(t *testing.T, files map[string]string, stderr string) {
	t.Helper()
	texts := []string{stderr}
	for _, text := range files {
		texts = append(texts, text)
	}
	everything := strings.Join(texts, "\n")
	for _, secret := range []string{"PRIVATE KEY", "UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW", "not/a+real=password", "kind: Secret\ndata"} {
		assert.NotContains(t, everything, secret)
	}
	for name, pair := range fixtures.Pairs {
		for _, line := range strings.Split(string(pair.Key), "\n") {
			if len(line) > 30 {
				assert.NotContains(t, everything, line, name)
			}
		}
	}
}

// The bundled cert-manager goes with the export as it goes with the program, by the
// real kustomize.
func TestExportTakesTheBundleOut(t *testing.T) {
	kustomize := fixtures.Tool(t, "kustomize")
	v := fixtures.Plain()
	rows := []string{"preinstalled-cert-manager"}
	if *hosts == "all" {
		rows = append(rows, "secure-by-default", "byoc", "kubernetes-secret")
	}
	for _, row := range rows {
		t.Run(row, func(t *testing.T) {
			scenario, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row, "scenario.yaml"))
			require.NoError(t, err)
			c := exportCase{namespace: v.Namespace, scenario: scenario, input: v.Render(t, nil)}.postRendered(t)
			files, code, stderr := c.export(t, "kustomize")
			require.Zero(t, code, stderr)
			_, want := c.baseline(t)

			dir := t.TempDir()
			write(t, dir, "kustomization.yaml", onlyRender+"components:\n- scenario\n")
			write(t, dir, "render.yaml", string(c.input))
			for name, text := range files {
				write(t, dir, "scenario/"+name, text)
			}
			stdout, stderr, err := command(t, exec.Command(kustomize, "build", dir))
			require.NoError(t, err, stderr)
			got, err := build(t, map[string]string{"kustomization.yaml": onlyRender, "render.yaml": stdout}, ".")
			require.NoError(t, err)
			sameBuilt(t, want, got)
			ran(t, "kustomize", moduleVersion(t, "sigs.k8s.io/kustomize/kustomize/v5"), "`kustomize build` with an exported Component")
		})
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// Applied to another render, an export fails instead of patching something else.
func TestExportForAnotherRenderFails(t *testing.T) {
	v := fixtures.Plain()
	scenario, err := os.ReadFile("../fixtures/scenarios/own-trust-distribution/scenario.yaml")
	require.NoError(t, err)
	c := exportCase{namespace: v.Namespace, scenario: scenario, input: v.Render(t, fixtures.Set("cert-manager.install=false"))}
	component, code, stderr := c.export(t, "kustomize")
	require.Zero(t, code, stderr)
	flux, code, stderr := c.export(t, "flux", "--release", "edge")
	require.Zero(t, code, stderr)

	for name, change := range map[string]struct{ from, to, says string }{
		"the workload has another name":   {"kind: Deployment\nmetadata:\n  name: connected-registry\n", "kind: Deployment\nmetadata:\n  name: renamed\n", "Deployment"},
		"what goes is not there":          {"kind: DaemonSet\n", "kind: StatefulSet\n", "DaemonSet"},
		"another volume in the place":     {"\n      - name: certs\n", "\n      - name: other\n", "volumes/"},
		"another Secret is mounted":       {`secretName: "connected-registry-tls-cert"`, "secretName: someone-elses", "secretName"},
		"another version of the API":      {"apiVersion: apps/v1\nkind: Deployment", "apiVersion: apps/v2\nkind: Deployment", ""},
		"as it was, and it does not fail": {},
	} {
		t.Run(name, func(t *testing.T) {
			input := strings.ReplaceAll(string(c.input), change.from, change.to)
			if change.from == "" {
				input = string(c.input)
			} else {
				require.NotEqual(t, string(c.input), input)
			}
			all := map[string]string{"kustomization.yaml": onlyRender + "components:\n- scenario\n", "render.yaml": input}
			for name, text := range component {
				all["scenario/"+name] = text
			}
			_, err := build(t, all, ".")
			_, fluxErr := postRender(t, releaseWith(t, flux), []byte(input))
			if change.from == "" {
				assert.NoError(t, err)
				assert.NoError(t, fluxErr)
				return
			}
			assert.ErrorContains(t, err, change.says)
			assert.ErrorContains(t, fluxErr, change.says)
		})
	}
}

// What a proxy was worked out from is tested although no patch changes it: the ports, the
// list of containers, the Secret that the proxy serves, and the address.
func TestExportTestsWhatItWasComputedFrom(t *testing.T) {
	v := fixtures.Plain()
	render := v.Render(t, fixtures.Set("cert-manager.install=false"))
	scenario := []byte(scenarioText("enforced", "{mode: ReadOnly, readOnly: {enforce: true}, trustDistribution: {enabled: false}}"))
	c := exportCase{namespace: v.Namespace, scenario: scenario, input: render}
	component, code, stderr := c.export(t, "kustomize")
	require.Zero(t, code, stderr)
	flux, code, stderr := c.export(t, "flux", "--release", "edge")
	require.Zero(t, code, stderr)
	release := releaseWith(t, flux)
	for name, change := range map[string]struct{ kind, path, value, says string }{
		"as it was":                   {"Deployment", "/metadata/labels/mine", "mine", ""},
		"another container port":      {"Deployment", "/spec/template/spec/containers/0/ports/0/containerPort", "9443", "/containers/0/ports"},
		"another Service port":        {"Service", "/spec/ports/0/port", "8443", "/spec/ports"},
		"another address":             {"Service", "/spec/clusterIP", "10.0.0.9", "/spec/clusterIP"},
		"another Secret":              {"Deployment", "/spec/template/spec/volumes/1/secret/secretName", "other", "/secret/secretName"},
		"another key of it":           {"Deployment", "/spec/template/spec/volumes/1/secret/items", "[{key: a, path: b}]", "/secret/items"},
		"another mount":               {"Deployment", "/spec/template/spec/containers/0/volumeMounts/1/mountPath", "/certs", "/mountPath"},
		"a container before":          {"Deployment", "/spec/template/spec/containers/0", "{name: sidecar, image: busybox}", "/containers/0/name"},
		"a container behind the last": {"Deployment", "/spec/template/spec/containers/-", "{name: sidecar, image: busybox}", "/containers/-1/name"},
		"an init container":           {"Deployment", "/spec/template/spec/initContainers", "[{name: first, image: busybox}]", "/initContainers"},
		"what goes has another API":   {"DaemonSet", "/apiVersion", "apps/v2", "DaemonSet"},
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{
				"kustomization.yaml": "resources:\n- base\ncomponents:\n- scenario\n",
				"base/kustomization.yaml": onlyRender + "patches:\n- target: {kind: " + change.kind + "}\n  options: {allowKindChange: true}\n" +
					"  patch: '- {op: add, path: " + change.path + ", value: " + change.value + "}'\n",
				"base/render.yaml": string(c.input),
			}
			for name, text := range component {
				all["scenario/"+name] = text
			}
			changed, err := build(t, all, "base")
			require.NoError(t, err)
			_, err = build(t, all, ".")
			_, fluxErr := postRender(t, release, []byte(stream(changed)))
			if change.says == "" {
				assert.NoError(t, err)
				assert.NoError(t, fluxErr)
				return
			}
			assert.ErrorContains(t, err, change.says)
			assert.ErrorContains(t, fluxErr, change.says)
		})
	}
}

// releaseWith is a HelmRelease to which an export was applied.
func releaseWith(t *testing.T, files map[string]string) string {
	t.Helper()
	all := map[string]string{"kustomization.yaml": "resources:\n- release.yaml\ncomponents:\n- scenario\n", "release.yaml": helmRelease}
	for name, text := range files {
		all["scenario/"+name] = text
	}
	built, err := build(t, all, ".")
	require.NoError(t, err)
	return built["helm.toolkit.fluxcd.io/v2 HelmRelease flux-system edge"]
}

// Post-renderers that are there already, or a HelmRelease that is not, fail the
// build of the Flux repository.
func TestExportFluxDoesNotReplacePostRenderers(t *testing.T) {
	c := documentedCase(t, "kubernetes-secret")
	files, code, stderr := c.export(t, "flux", "--release", "edge")
	require.Zero(t, code, stderr)
	for name, release := range map[string]string{
		"has some":     helmRelease + "  postRenderers: []\n",
		"another name": strings.Replace(helmRelease, "name: edge", "name: other", 1),
	} {
		t.Run(name, func(t *testing.T) {
			all := map[string]string{"kustomization.yaml": "resources:\n- release.yaml\ncomponents:\n- scenario\n", "release.yaml": release}
			for name, text := range files {
				all["scenario/"+name] = text
			}
			_, err := build(t, all, ".")
			assert.Error(t, err)
		})
	}
}

func documentedCase(t *testing.T, row string) exportCase {
	t.Helper()
	v := fixtures.Plain()
	scenario, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row, "scenario.yaml"))
	require.NoError(t, err)
	return exportCase{namespace: v.Namespace, scenario: scenario, input: v.Render(t, fixtures.Set("cert-manager.install=false"))}
}

// The namespace that a kustomization sets before or after does not matter.
func TestExportIsForAnyNamespace(t *testing.T) {
	c := documentedCase(t, "kubernetes-secret").postRendered(t)
	files, code, stderr := c.export(t, "kustomize")
	require.Zero(t, code, stderr)
	for name, all := range map[string]map[string]string{
		"beside the component": {"kustomization.yaml": "namespace: elsewhere\n" + onlyRender + "components:\n- scenario\n", "render.yaml": string(c.input)},
		"below it": {
			"kustomization.yaml": "resources:\n- base\ncomponents:\n- scenario\n",
			"base/render.yaml":   string(c.input), "base/kustomization.yaml": "namespace: elsewhere\n" + onlyRender,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for name, text := range files {
				all["scenario/"+name] = text
			}
			got, err := build(t, all, ".")
			require.NoError(t, err)
			want, err := build(t, map[string]string{"kustomization.yaml": "namespace: elsewhere\n" + onlyRender, "render.yaml": c.want}, ".")
			require.NoError(t, err)
			sameBuilt(t, want, got)
		})
	}
}

// Files that an export did not make are not replaced, those that it made are.
func TestExportReplacesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	export := func(row string) (int, string) {
		c := documentedCase(t, row)
		code, _, stderr := run(t, c.scenario, c.input, nil, "export", "flux", "-s", "scenario.yaml", "-n", c.namespace, "--release", "edge", "-o", dir)
		return code, stderr
	}
	write(t, dir, "mine.txt", "mine")
	code, stderr := export("preinstalled-cert-manager")
	require.Zero(t, code, stderr)
	code, stderr = export("byoc")
	require.Zero(t, code, stderr)
	before := filesIn(t, dir)
	assert.Equal(t, "mine", before["mine.txt"])

	write(t, dir, "helmrelease-patch.yaml", "# my own\n")
	code, stderr = export("byoc")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "was not made by an export")
	after := filesIn(t, dir)
	before["helmrelease-patch.yaml"] = "# my own\n"
	assert.Equal(t, before, after)
}

func TestExportStalesGo(t *testing.T) {
	dir := t.TempDir()
	c := exportCase{}
	for _, fixture := range []string{"transformers/certmanager/adds-chain", "transformers/mode/label"} {
		cases := fixtures.Cases(t, fixture)
		c.scenario, c.input = cases[0].Read(t, "scenario.yaml"), cases[0].Read(t, "input.yaml")
		code, _, stderr := run(t, c.scenario, c.input, nil, "export", "kustomize", "-s", "scenario.yaml", "-o", dir)
		require.Zero(t, code, stderr)
		_, added := filesIn(t, dir)["added.yaml"]
		assert.Equal(t, strings.Contains(fixture, "adds"), added)
	}
}

func TestExportMistakes(t *testing.T) {
	c := documentedCase(t, "kubernetes-secret")
	for name, m := range map[string]struct {
		args  []string
		input []byte
		code  int
		says  string
	}{
		"no host":        {[]string{"export"}, c.input, 2, "kustomize or flux"},
		"another host":   {[]string{"export", "helm"}, c.input, 2, "cannot export for \"helm\""},
		"no release":     {[]string{"export", "flux", "-s", "scenario.yaml"}, c.input, 2, "--release"},
		"no name":        {[]string{"export", "flux", "-s", "scenario.yaml", "--release", "a\nb"}, c.input, 2, "no name"},
		"no scenario":    {[]string{"export", "kustomize"}, c.input, 2, "no scenario"},
		"two renders":    {[]string{"export", "kustomize", "-s", "scenario.yaml", "a", "b"}, c.input, 2, "expected one"},
		"no render":      {[]string{"export", "kustomize", "-s", "scenario.yaml"}, nil, 1, "no manifests"},
		"not the chart":  {[]string{"export", "kustomize", "-s", "scenario.yaml"}, []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"), 1, "registry"},
		"twice the same": {[]string{"export", "kustomize", "-s", "scenario.yaml"}, slices.Concat(c.input, []byte("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")), 1, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, c.scenario, m.input, nil, m.args...)
			assert.Equal(t, m.code, code)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, m.says)
		})
	}
}
