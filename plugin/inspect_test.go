package plugin

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
)

var inspectFixtures = filepath.Join("..", "fixtures", "inspect")

// rendered is a chart for a documented scenario; early knows HTTP only.
func rendered(t *testing.T, v fixtures.Variant, row fixtures.Row) string {
	t.Helper()
	if v.HTTPOnly {
		row = fixtures.Rows()[len(fixtures.Rows())-1]
	}
	return string(v.Render(t, row.Values))
}

// The looks of each stand-in, in every output.
func TestInspectStandIns(t *testing.T) {
	for _, v := range fixtures.Variants() {
		for output, ending := range map[string]string{"table": "txt", "json": "json", "scenario": "yaml"} {
			t.Run(v.Name+" as "+output, func(t *testing.T) {
				w := at(t)
				w.stdin, w.terminal, w.width = rendered(t, v, fixtures.Rows()[0]), []any{"stdout"}, 120
				got := w.run("inspect", "--output", output, "--color=never")
				require.Equal(t, 0, got.code, got.errOut)
				assert.Empty(t, got.errOut)
				assertGolden(t, filepath.Join(inspectFixtures, v.Name+"."+ending), got.out)
				for line := range strings.Lines(got.out) {
					if line = strings.TrimRight(line, "\n"); output == "table" && length(line) > 120 {
						assert.LessOrEqual(t, len(strings.Fields(line)), 3, line)
					}
				}
			})
		}
	}
}

// Charts of other projects: by themselves there is no registry, and beside one they are
// not taken for its parts.
func TestInspectRealCharts(t *testing.T) {
	beside := string(fixtures.Plain().Render(t, fixtures.Rows()[1].Values))
	for _, name := range []string{"cert-manager", "spegel", "trust-manager"} {
		text, err := os.ReadFile(filepath.Join(inspectFixtures, "real", name+".yaml"))
		require.NoError(t, err)
		w := at(t)
		w.stdin = string(text)
		got := w.run("inspect")
		assert.Equal(t, 1, got.code)
		assert.Contains(t, got.errOut, "no connected registry found")
		assertGolden(t, filepath.Join(inspectFixtures, "real", name+".txt"), got.out)
		beside += string(text)
	}
	w := at(t)
	w.stdin = beside
	got := w.run("inspect")
	assert.Equal(t, 0, got.code, got.errOut)
	assertGolden(t, filepath.Join(inspectFixtures, "real", "beside.txt"), got.out)
}

// markerOnly asserts that a scenario changes nothing of a stream but the marker.
func markerOnly(t *testing.T, w *world, text, stream string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "described.yaml"), []byte(text), 0o600))
	w.stdin = stream
	got := w.run("plan", "-s", "described.yaml", "--output", "json", "--diff=false")
	require.Equal(t, 0, got.code, "%s\n%s", got.errOut, text)
	var plan plannedJSON
	require.NoError(t, json.Unmarshal([]byte(got.out), &plan))
	require.Len(t, plan.Objects, 1, got.out)
	for _, change := range plan.Objects[0].Changes {
		assert.Equal(t, "marker", change.Transformer, change.Message)
	}
}

// The scenario that describes a render changes nothing of it, and the render satisfies
// the documented scenario that it was rendered for.
func TestInspectedScenarioChangesNothing(t *testing.T) {
	for _, v := range fixtures.Variants() {
		for _, row := range fixtures.Rows() {
			if v.HTTPOnly && row.Name != "http" {
				continue
			}
			t.Run(v.Name+" "+row.Name, func(t *testing.T) {
				w := at(t)
				w.stdin = string(v.Render(t, row.Values))
				got := w.run("inspect", "--output", "scenario", "-n", v.Namespace)
				require.Equal(t, 0, got.code, got.errOut)
				assert.NotContains(t, got.out, "left out")
				markerOnly(t, w, got.out, w.stdin)

				var found inspectedJSON
				got = w.run("inspect", "--output", "json", "-n", v.Namespace)
				require.NoError(t, json.Unmarshal([]byte(got.out), &found))
				for _, d := range found.Scenarios {
					assert.Equal(t, d.Name == row.Name, d.Satisfied, "%s: %s", d.Name, d.Reason)
				}
			})
		}
	}
}

// It describes what earlier runs made too.
func TestInspectedScenarioOfPatchedManifests(t *testing.T) {
	scenarios := map[string]string{
		"byoc":      "  tls: {crtFile: certs/tls.crt, keyFile: certs/tls.key}\n  certManager: {install: false}\n  trustDistribution: {enabled: false}\n",
		"read-only": "  mode: ReadOnly\n  readOnly: {enforce: true, proxyImage: mirror.example.com/nginx:1, rootFilesystem: true, writablePaths: [/tmp, /run]}\n",
	}
	for name, spec := range scenarios {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			require.NoError(t, os.WriteFile(filepath.Join(w.dir, "s.yaml"), []byte(scenarioHead+name+"\nspec:\n"+spec), 0o600))
			w.stdin = string(fixtures.Plain().Render(t, fixtures.Rows()[0].Values))
			patched := w.run("post-render", "-s", "s.yaml", "-q")
			require.Equal(t, 0, patched.code, patched.errOut)
			w.stdin = patched.out
			got := w.run("inspect", "--output", "scenario")
			require.Equal(t, 0, got.code, got.errOut)
			markerOnly(t, w, got.out, patched.out)
			if name == "read-only" {
				for _, line := range []string{"mode: ReadOnly # ", "enforce: true # ", "proxyImage: mirror.example.com/nginx:1", "rootFilesystem: true # ", "- /run"} {
					assert.Contains(t, got.out, line)
				}
			}
		})
	}
}

// The table in package scenario is the files of fixtures/scenarios without a site's
// own values.
func TestDocumentedScenarios(t *testing.T) {
	var names []string
	for _, d := range scenario.DocumentedScenarios() {
		names = append(names, d.Name)
		path := filepath.Join("..", "fixtures", "scenarios", d.Name, "scenario.yaml")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		layer, err := scenario.Decode(path, text)
		require.NoError(t, err)
		spec := layer.Scenario.Spec
		assert.Equal(t, spec.TLS != nil, d.OwnSecret != scenario.NoOwnSecret, d.Name)
		spec.Service, spec.TLS = nil, nil
		assert.Equal(t, spec, d.Spec, d.Name)
	}
	files, err := os.ReadDir(filepath.Join("..", "fixtures", "scenarios"))
	require.NoError(t, err)
	assert.Len(t, names, len(files))
}

// secretStream has secrets in every place that manifests have for them.
func secretStream() string {
	pem := string(fixtures.Leaf().Key)
	return stream + `---
# Source: connected-registry/templates/secret.yaml
# comment: CommentMarker-01
apiVersion: v1
kind: Secret
metadata:
  name: edge-connection
  namespace: site
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"data":{"x":"AppliedMarker-02"}}'
data:
  plain: ` + base64.StdEncoding.EncodeToString([]byte("DataMarker-03")) + `
stringData:
  text: StringMarker-04
  string: ConnectedRegistryName=edge;SyncTokenName=edge;SyncTokenPassword=Pass/Marker+05==;ParentEndpointProtocol=https
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: site
data:
  password: ConfigMarker-06
  app.ini: |
    user = edge
    token = IniMarker-07
    again = DataMarker-03 and Pass/Marker+05==
    encoded = ` + base64.StdEncoding.EncodeToString([]byte("StringMarker-04")) + `
    proxy = http://user:UrlMarker-08@proxy.site.example:3128
    header = Authorization: Bearer BearerMarker-09
  auth.json: '{"auths":{"x":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("u:JsonMarker-10")) + `"}}}'
  key.pem: |
` + indentedBy(pem, "    ") + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: site}
spec:
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec:
      containers:
      - name: other
        image: mirror.site.example/other:1 # LineMarker-11
        args: ["--password=ArgMarker-12", "--address=10.9.8.7"]
        env:
        - {name: API_TOKEN, value: EnvMarker-13}
`
}

func indentedBy(text, indent string) string {
	return indent + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+indent) + "\n"
}

// codesByRole are the roles and evidence codes of an inspection in JSON.
func codesByRole(t *testing.T, w *world, stream string) map[string][]string {
	t.Helper()
	w.stdin = stream
	got := w.run("inspect", "--output", "json")
	require.Equal(t, 0, got.code, got.errOut)
	var found inspectedJSON
	require.NoError(t, json.Unmarshal([]byte(got.out), &found))
	roles := map[string][]string{}
	for _, r := range found.Roles {
		for status, list := range map[string][]evidenceJSON{statusFound: r.Found, statusRejected: r.Rejected} {
			for _, e := range list {
				line := e.Kind
				for _, f := range append(e.For, e.Against...) {
					line += " " + string(f.Code)
				}
				roles[r.Role+" "+status] = append(roles[r.Role+" "+status], line)
			}
		}
	}
	return roles
}

func TestRedactedRenderHoldsNoSecret(t *testing.T) {
	marked := regexp.MustCompile(`[A-Z]\w*/?Marker[-+]\d\d`)
	stream := secretStream()
	key := strings.Split(string(fixtures.Leaf().Key), "\n")[1]
	for _, args := range [][]string{{"--redacted-render"}, {"--redacted-render", "--rename"}} {
		w := at(t)
		w.stdin = stream
		got := w.run(append([]string{"inspect"}, args...)...)
		require.Equal(t, 0, got.code, got.errOut)
		for _, secret := range append(marked.FindAllString(stream, -1), "notARealPassword", "DataMarker-03", "StringMarker-04", "u:JsonMarker-10", key) {
			assert.NotContains(t, got.out, secret)
			for skipped := range 3 { // base64 of what may stand before it
				encoded := base64.RawStdEncoding.EncodeToString([]byte(secret[skipped:]))
				assert.NotContains(t, got.out, encoded[:len(encoded)-2], secret)
			}
		}
		assert.Contains(t, got.out, "<redacted sha256:")
		assert.Contains(t, got.out, "# Source: connected-registry/templates/service.yaml\n")
		assert.Equal(t, codesByRole(t, w, stream), codesByRole(t, w, got.out))
		if len(args) == 2 {
			assert.NotRegexp(t, `site|edge|10\.9\.8\.7`, got.out)
			assert.Contains(t, got.out, ".example.com/other:1")
			w.stdin = stream
			assert.Equal(t, got.out, w.run(append([]string{"inspect"}, args...)...).out, "the same names each time")
		}
	}
}

// A redacted render is recognized as the render is, whatever the chart.
func TestRedactedRenderIsRecognizedAlike(t *testing.T) {
	for _, v := range fixtures.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			w := at(t)
			stream := rendered(t, v, fixtures.Rows()[0])
			for _, args := range [][]string{{"--redacted-render"}, {"--redacted-render", "--rename"}} {
				w.stdin = stream
				got := w.run(append([]string{"inspect"}, args...)...)
				require.Equal(t, 0, got.code, got.errOut)
				assert.Equal(t, codesByRole(t, w, stream), codesByRole(t, w, got.out))
				assert.NotContains(t, got.out, "not/a+real=password")
				if len(args) == 2 && v.Release != "connected-registry" {
					assert.NotRegexp(t, `\b(`+v.Release+`|factory-floor|plant-7|`+regexp.QuoteMeta(fixtures.ClusterIP)+`)\b`, got.out)
				}
			}
		})
	}
}

// Without a registry, a redacted render is what one has to show.
func TestRedactedRenderWithoutARegistry(t *testing.T) {
	w := at(t)
	w.stdin = strings.ReplaceAll(strings.ReplaceAll(stream, "acr/connected-registry", "acr/hub"), "ACR_REGISTRY_CONNECTION_STRING", "CONNECTION_STRING")
	got := w.run("inspect", "--redacted-render")
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "value: <redacted sha256:")
	got = w.run("inspect", "--output", "scenario")
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.out)
}

func TestInspectAmbiguousRoles(t *testing.T) {
	w := at(t)
	trust := stream[strings.LastIndex(stream, "---\n"):]
	w.stdin = stream + strings.ReplaceAll(trust, "name: trust\n  namespace", "name: trust-2\n  namespace")
	got := w.run("inspect")
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "unclear")
	assert.Contains(t, got.out, "name one with spec.targets.trustDistribution: {kind: DaemonSet, name: trust, namespace: site}")
	got = w.run("inspect", "--output", "scenario")
	assert.NotContains(t, got.out, "trustDistribution")
	markerOnly(t, w, got.out, w.stdin)

	two := stream + strings.ReplaceAll(stream, "namespace: site", "namespace: site-2")
	w.stdin = two
	got = w.run("inspect")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.out, "unclear")
	assert.Contains(t, got.errOut, "[target-ambiguous]")
	target := scenarioHead + "target\nspec:\n  targets:\n    workload: {namespace: site-2}\n    service: {namespace: site-2}\n"
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "target.yaml"), []byte(target), 0o600))
	got = w.run("inspect", "-s", "target.yaml", "--output", "scenario")
	require.Equal(t, 0, got.code, got.errOut)
	assert.Contains(t, got.out, "namespace: site-2")
	markerOnly(t, w, got.out, two)
}

func TestInspectComparesTwoRenders(t *testing.T) {
	w := at(t)
	changed := strings.ReplaceAll(stream, "path: /etc/containerd/certs.d", "path: /var/log")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "new.yaml"), []byte(changed), 0o600))
	got := w.run("inspect", "render.yaml", "new.yaml")
	assert.Equal(t, 0, got.code, got.errOut)
	assert.Equal(t, `- trustDistribution: found DaemonSet/site/trust (chart-path, release-namespace, mounts-ca, writes-runtime)
+ trustDistribution: no DaemonSet is proved to be the chart's
+ release: found DaemonSet/site/trust (chart-path, release-namespace)
`, got.out)
	assert.Equal(t, 1, w.run("inspect", "--exit-code", "render.yaml", "new.yaml").code)
	assert.Equal(t, 2, w.run("inspect", "--exit-code", "render.yaml", "none.yaml").code)
	got = w.run("inspect", "--exit-code", "--output", "json", "render.yaml", "render.yaml")
	assert.Equal(t, 0, got.code)
	assert.JSONEq(t, `{"removed": [], "added": []}`, got.out)
	assert.Equal(t, "No difference in roles and evidence.\n", w.run("inspect", "render.yaml", "render.yaml").out)
}

func TestInspectWrongCalls(t *testing.T) {
	for args, says := range map[string]string{
		"a b c":                            "expected at most two renders, got 3",
		"--rename render.yaml":             "--rename has no effect without --redacted-render",
		"--redacted-render a b":            "expected one render",
		"--output scenario a b":            "expected one render",
		"--exit-code render.yaml":          "--exit-code compares two renders",
		"--redacted-render --output json":  "remove --output",
		"--output yaml render.yaml":        "expected table, json or scenario",
		"--redacted-render --output table": "",
	} {
		w := at(t)
		w.stdin = stream
		got := w.run(append([]string{"inspect"}, strings.Fields(args)...)...)
		if says == "" {
			assert.Equal(t, 0, got.code, got.errOut)
			continue
		}
		assert.Equal(t, 2, got.code, args)
		assert.Empty(t, got.out)
		assert.Contains(t, got.errOut, says)
	}
}

func TestPlanExplain(t *testing.T) {
	w := at(t)
	got := w.run("plan", "-s", "trust.yaml", "--diff=false", "--explain", "render.yaml")
	assert.Contains(t, got.out, "evidence: rendered from connected-registry/templates/trust.yaml, in the release's namespace, takes Secret old-tls, can write /etc/containerd/certs.d\n")
	assert.NotContains(t, w.run("plan", "-s", "trust.yaml", "--diff=false", "render.yaml").out, "evidence")
	got = w.run("plan", "-s", "trust.yaml", "--output", "json", "--diff=false", "render.yaml")
	assert.Contains(t, got.out, `"code": "writes-runtime"`)
}
