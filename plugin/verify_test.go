package plugin_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin"
)

func scenarioText(name, spec string) string {
	return "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

// site is a set of scenario files and the program that reads them.
type site map[string]string

func (s site) call(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	plugin.Version = testVersion
	var out, errOut bytes.Buffer
	code = plugin.Main(args, plugin.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errOut}, plugin.Host{
		LookupEnv: func(string) (string, bool) { return "", false },
		ReadFile: func(name string) ([]byte, error) {
			if text, ok := s[path.Base(name)]; ok {
				return []byte(text), nil
			}
			if data, err := fixtures.Material(path.Base(name)); err == nil {
				return data, nil
			}
			return nil, fs.ErrNotExist
		},
		Getwd:      func() (string, error) { return "/work", nil },
		Now:        func() time.Time { return fixtures.Now },
		IsTerminal: func(any) bool { return false },
		Width:      func(any) int { return 0 },
	})
	return code, out.String(), errOut.String()
}

// patch runs each group of files in a row, the files of a group as layers.
func (s site) patch(t *testing.T, stream string, groups ...[]string) string {
	t.Helper()
	for _, group := range groups {
		args := []string{"post-render"}
		for _, file := range group {
			args = append(args, "--scenario", file)
		}
		code, stdout, stderr := s.call(t, stream, args...)
		require.Zero(t, code, stderr)
		stream = stdout
	}
	return stream
}

func testSite() site {
	return site{
		"a.yaml":        scenarioText("a", "{service: {clusterIP: 192.100.100.1}}"),
		"b.yaml":        scenarioText("b", "{pvc: {storageRequest: 20Gi}}"),
		"c.yaml":        scenarioText("c", "{service: {clusterIP: 192.100.100.9}}"),
		"a2.yaml":       scenarioText("a", "{service: {clusterIP: 192.100.100.2}}"),
		"named.yaml":    scenarioText("renamed", "{service: {clusterIP: 192.100.100.1}}"),
		"enforced.yaml": scenarioText("enforced", "{readOnly: {enforce: true}}"),
		"byoc.yaml":     scenarioText("byoc", "{service: {clusterIP: 192.100.100.1}, certManager: {enabled: false, install: false}, tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}}"),
	}
}

const workloadID = "Deployment/connected-registry/connected-registry"

func TestVerify(t *testing.T) {
	s := testSite()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	patched := s.patch(t, render, []string{"a.yaml"})
	row := s.patch(t, render, []string{"a.yaml"}, []string{"b.yaml"})
	for name, c := range map[string]struct {
		stream, files string
		status        string
		says          []string
	}{
		"patched":                  {patched, "a.yaml", "patched", []string{"recorded: a, by version test, sha256:"}},
		"never":                    {render, "a.yaml", "never-patched", []string{"no scenario is recorded", "hosts skip plugins silently"}},
		"another scenario":         {patched, "b.yaml", "never-patched", []string{"scenario b is not recorded; recorded are: a"}},
		"the scenario has changed": {patched, "a2.yaml", "stale", []string{"scenario a has changed since", "would change Service/connected-registry/connected-registry: service: "}},
		"another version":          {strings.ReplaceAll(patched, "test@", "v0.9@"), "a.yaml", "stale", []string{"scenario a was applied by version v0.9, and this is test"}},
		"another name":             {patched, "named.yaml", "stale", []string{"the same is recorded under another name: a"}},
		"the record was edited":    {strings.ReplaceAll(patched, "scenario: a\n", "scenario: a,x\n"), "a.yaml", "stale", []string{"was not written by this program alone"}},
		"only the record is left": {
			strings.ReplaceAll(patched, "clusterIP: 192.100.100.1", "clusterIP: 192.100.100.7"), "a.yaml",
			"drifted", []string{"the scenario would still make 1 change", "would change Service/connected-registry/connected-registry: service: "},
		},
		"a way past the proxy": {
			strings.Replace(s.patch(t, render, []string{"enforced.yaml"}), "targetPort: proxy-https", "targetPort: https", 1), "enforced.yaml",
			"drifted", []string{"would change Service/connected-registry/connected-registry: "},
		},
		"it cannot hold any more": {
			strings.ReplaceAll(s.patch(t, render, []string{"b.yaml"}), "kind: PersistentVolumeClaim", "kind: Gone"), "b.yaml", "drifted", nil,
		},
		"layers of one run":                 {s.patch(t, render, []string{"a.yaml", "b.yaml"}), "a.yaml b.yaml", "patched", []string{"recorded: a+b"}},
		"one of the layers":                 {s.patch(t, render, []string{"a.yaml", "b.yaml"}), "a.yaml", "stale", []string{"as a layer of a+b; give all of its layers"}},
		"runs in a row":                     {row, "a.yaml b.yaml", "patched", []string{"recorded: a,", "recorded: b,"}},
		"one of the runs":                   {row, "b.yaml", "patched", nil},
		"runs in another order":             {row, "b.yaml a.yaml", "stale", []string{"recorded in another order: a, b"}},
		"a run is missing":                  {row, "a.yaml c.yaml", "never-patched", []string{"scenario c is not recorded; recorded are: a, b"}},
		"a later run wins":                  {s.patch(t, render, []string{"a.yaml"}, []string{"c.yaml"}), "a.yaml c.yaml", "patched", nil},
		"a later run was forgotten":         {s.patch(t, render, []string{"a.yaml"}, []string{"c.yaml"}), "a.yaml", "drifted", nil},
		"a field is none of the scenario's": {strings.Replace(patched, "kind: Service\n", "kind: Service\nadded: by hand\n", 1), "a.yaml", "patched", nil},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"verify"}
			for _, file := range strings.Fields(c.files) {
				args = append(args, "--scenario", file)
			}
			code, stdout, stderr := s.call(t, c.stream, args...)
			assert.Empty(t, stderr)
			assert.True(t, strings.HasPrefix(stdout, c.status+": "+workloadID+", scenario "), stdout)
			for _, text := range c.says {
				assert.Contains(t, stdout, text)
			}
			assert.Equal(t, c.status == "patched", code == 0)

			jsonCode, encoded, stderr := s.call(t, c.stream, append(args, "--output", "json")...)
			assert.Empty(t, stderr)
			assert.Equal(t, code, jsonCode)
			var found map[string]any
			require.NoError(t, json.Unmarshal([]byte(encoded), &found))
			assert.Equal(t, c.status, found["status"])
			for _, list := range []string{"recorded", "reasons", "changes", "warnings", "unchecked"} {
				assert.IsType(t, []any{}, found[list], list)
			}
		})
	}
}

// With the render, what is built must be what the scenario makes of it, however a host
// writes it down.
func TestVerifyWithRender(t *testing.T) {
	s := testSite()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"), fixtures.Helm4()))
	s["render.yaml"] = render
	patched := s.patch(t, render, []string{"a.yaml"})
	objects, err := build(t, map[string]string{"kustomization.yaml": onlyRender, "render.yaml": patched}, ".")
	require.NoError(t, err)
	secret, deployment := "v1 Secret connected-registry connected-registry-connection-string", deploymentID
	require.Contains(t, objects, secret)
	byoc := s.patch(t, render, []string{"byoc.yaml"})
	for name, c := range map[string]struct {
		built, args string
		status      string
		says        []string
	}{
		"as it was written":       {patched, "-s a.yaml", "patched", nil},
		"as kustomize writes it":  {stream(objects), "-s a.yaml", "patched", nil},
		"without Helm's notes":    {regexp.MustCompile(`(?m)^ +postrenderer.helm.sh/.*\n`).ReplaceAllString(patched, ""), "-s a.yaml", "patched", nil},
		"as a list":               {listOf(t, patched), "-s a.yaml", "patched", nil},
		"runs in a row":           {s.patch(t, render, []string{"a.yaml"}, []string{"b.yaml"}), "-s a.yaml -s b.yaml", "patched", nil},
		"layers of one run":       {s.patch(t, render, []string{"a.yaml", "b.yaml"}), "-s a.yaml -s b.yaml", "patched", nil},
		"one of the runs":         {s.patch(t, render, []string{"a.yaml"}, []string{"b.yaml"}), "-s a.yaml", "drifted", []string{"PersistentVolumeClaim/connected-registry/connected-registry-pvc: spec.resources.requests.storage: is 20Gi, expected 500Gi"}},
		"never patched":           {render, "-s a.yaml", "never-patched", []string{"no scenario is recorded", "spec.clusterIP: is "}},
		"of another scenario":     {patched, "-s a2.yaml", "stale", []string{"spec.clusterIP: is 192.100.100.1, expected 192.100.100.2"}},
		"an object is missing":    {stream(withoutObject(objects, secret)), "-s a.yaml", "drifted", []string{"Secret/connected-registry/connected-registry-connection-string: missing"}},
		"one is not expected":     {patched + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n", "-s a.yaml", "drifted", []string{"ConfigMap/extra: not expected"}},
		"another field":           {strings.Replace(patched, "replicas: 1", "replicas: 2", 1), "-s a.yaml", "drifted", []string{"spec.replicas: is 2, expected 1"}},
		"another type":            {strings.Replace(patched, "replicas: 1", `replicas: "1"`, 1), "-s a.yaml", "drifted", []string{`spec.replicas: is "1", expected 1`}},
		"containers are reversed": {stream(replaced(objects, deployment, reversedContainers(t, objects[deployment]))), "-s a.yaml", "patched", nil},
		"a Secret is elsewhere":   {stream(withoutObject(objectsIn(t, byoc), "Secret/connected-registry-tls")), "-s byoc.yaml --skip-secrets", "patched", []string{"not checked: Secret/connected-registry/connected-registry-tls, which is for you to create"}},
		"a Secret is not there":   {stream(withoutObject(objectsIn(t, byoc), "Secret/connected-registry-tls")), "-s byoc.yaml", "drifted", []string{"Secret/connected-registry/connected-registry-tls: missing"}},
		"a Secret of the chart's": {stream(withoutObject(objectsIn(t, byoc), "Secret/connected-registry-connection-string")), "-s byoc.yaml --skip-secrets", "drifted", []string{"Secret/connected-registry/connected-registry-connection-string: missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"verify", "--render", "render.yaml"}, strings.Fields(c.args)...)
			code, stdout, stderr := s.call(t, c.built, args...)
			assert.Empty(t, stderr)
			assert.True(t, strings.HasPrefix(stdout, c.status+": "), stdout)
			assert.Equal(t, c.status == "patched", code == 0)
			for _, text := range c.says {
				assert.Contains(t, stdout, text)
			}
			assert.NotContains(t, stdout, "not/a+real=password")
		})
	}
	code, stdout, stderr := s.call(t, liveObjects(t, patched), "verify", "--render", "render.yaml", "-s", "a.yaml")
	assert.Equal(t, 2, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "leave out --render")
}

// Secrets are compared by their values and shown by digests.
func TestVerifyWithRenderShowsNoSecrets(t *testing.T) {
	s := testSite()
	s["render.yaml"] = string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	patched := s.patch(t, s["render.yaml"], []string{"byoc.yaml"})
	ours, other := fixtures.Leaf().Values()["tls"].(map[string]any)["key"].(string), fixtures.RenewedLeaf().Values()["tls"].(map[string]any)["key"].(string)
	code, stdout, _ := s.call(t, strings.ReplaceAll(patched, ours, other), "verify", "--render", "render.yaml", "-s", "byoc.yaml")
	assert.Equal(t, 1, code)
	assert.Regexp(t, `Secret/connected-registry/connected-registry-tls: data\[tls.key\]: is <redacted sha256:[0-9a-f]{8}>, expected <redacted sha256:[0-9a-f]{8}>\n`, stdout)
	assert.NotContains(t, stdout, ours[:40])
	assert.NotContains(t, stdout, other[:40])
}

func stream(objects map[string]string) string {
	return strings.Join(slices.Collect(maps.Values(objects)), "---\n")
}

// objectsIn are the objects of a stream by kind and name.
func objectsIn(t *testing.T, text string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range objects(t, []byte(text)) {
		o := yaml.NewRNode(n)
		all[o.GetKind()+"/"+o.GetName()] = o.MustString()
	}
	return all
}

func withoutObject(objects map[string]string, id string) map[string]string {
	rest := maps.Clone(objects)
	delete(rest, id)
	return rest
}

func replaced(objects map[string]string, id, text string) map[string]string {
	rest := withoutObject(objects, id)
	rest[id] = text
	return rest
}

func listOf(t *testing.T, stream string) string {
	t.Helper()
	list := yaml.MustParse("apiVersion: v1\nkind: List\nitems: []\n")
	for _, n := range objects(t, []byte(stream)) {
		require.NoError(t, list.PipeE(yaml.Lookup("items"), yaml.Append(n)))
	}
	return list.MustString()
}

func reversedContainers(t *testing.T, deployment string) string {
	t.Helper()
	o := yaml.MustParse(deployment)
	for _, field := range []string{"containers", "volumes"} {
		items, err := o.Pipe(yaml.Lookup("spec", "template", "spec", field))
		require.NoError(t, err)
		slices.Reverse(items.YNode().Content)
	}
	return o.MustString()
}

func TestVerifyWithoutAScenario(t *testing.T) {
	s := testSite()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	code, stdout, stderr := s.call(t, s.patch(t, render, []string{"a.yaml"}, []string{"b.yaml"}), "verify")
	assert.Zero(t, code, stderr)
	assert.Regexp(t, `^recorded: `+workloadID+"\n  - recorded: a, by version test, sha256:[0-9a-f]{12}…\n  - recorded: b, by version test, sha256:[0-9a-f]{12}…\n$", stdout)
	code, stdout, _ = s.call(t, render, "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "never-patched: "+workloadID+"\n  - no scenario is recorded\n")
}

func TestVerifyUsage(t *testing.T) {
	s := testSite()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	for code, calls := range map[int][][]string{
		2: {
			{"verify", "--render", "-", "--scenario", "a.yaml"}, {"verify", "--render", "render.yaml"}, {"verify", "--skip-secrets", "--scenario", "a.yaml"},
			{"verify", "a", "b"}, {"verify", "--output", "xml"}, {"verify", "--no"}, {"verify", "--scenario", "-"},
		},
		1: {{"verify", "--scenario", "nowhere.yaml"}, {"verify", "nowhere.yaml"}},
	} {
		for _, args := range calls {
			got, stdout, stderr := s.call(t, render, args...)
			assert.Equal(t, code, got, args)
			assert.Empty(t, stdout)
			assert.Contains(t, stderr, "error: ")
		}
	}
	code, _, stderr := s.call(t, "", "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "holds no manifests")
	code, _, stderr = s.call(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "no connected registry found")
}

// liveObjects is a stream as kubectl get -o yaml gives it back: one List, with what
// a server fills in, and only of the kinds that were asked for.
func liveObjects(t *testing.T, stream string, without ...string) string {
	t.Helper()
	list := yaml.MustParse("apiVersion: v1\nkind: List\nitems: []\nmetadata: {resourceVersion: \"\"}\n")
	for _, n := range objects(t, []byte(stream)) {
		o := yaml.NewRNode(n)
		if strings.Contains(strings.Join(without, " "), o.GetKind()) {
			continue
		}
		set := func(value string, path ...string) {
			require.NoError(t, o.PipeE(yaml.LookupCreate(yaml.MappingNode, path[:len(path)-1]...), yaml.SetField(path[len(path)-1], yaml.MustParse(value))))
		}
		set(`"0c5"`, "metadata", "uid")
		set(`"812"`, "metadata", "resourceVersion")
		set(`{observedGeneration: 1}`, "status")
		switch o.GetKind() {
		case "Service":
			set(`["192.100.100.1"]`, "spec", "clusterIPs")
			set(`[IPv4]`, "spec", "ipFamilies")
			set(`SingleStack`, "spec", "ipFamilyPolicy")
			set(`None`, "spec", "sessionAffinity")
		case "Deployment", "DaemonSet":
			set(`10`, "spec", "revisionHistoryLimit")
			set(`Always`, "spec", "template", "spec", "restartPolicy")
			set(`default-scheduler`, "spec", "template", "spec", "schedulerName")
		case "PersistentVolumeClaim":
			set(`Filesystem`, "spec", "volumeMode")
			set(`pvc-1`, "spec", "volumeName")
		}
		require.NoError(t, list.PipeE(yaml.Lookup("items"), yaml.Append(o.YNode())))
	}
	return list.MustString()
}

func TestVerifyLiveObjects(t *testing.T) {
	s := testSite()
	render := string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false")))
	patched := s.patch(t, render, []string{"byoc.yaml"})
	live := liveObjects(t, patched)
	code, stdout, stderr := s.call(t, live, "verify", "--scenario", "byoc.yaml")
	assert.Zero(t, code, stdout+stderr)
	assert.Contains(t, stdout, "patched: ")
	assert.NotContains(t, stdout, "not checked")

	// Who may not read Secrets is told what that leaves open.
	code, stdout, stderr = s.call(t, liveObjects(t, patched, "Secret"), "verify", "--scenario", "byoc.yaml")
	assert.Equal(t, 1, code, stderr)
	assert.Contains(t, stdout, "unknown: ")
	assert.Contains(t, stdout, "not checked: the scenario's Secret: what was given holds no Secret\n")

	// Of a Secret that somebody changed no value is shown.
	other := fixtures.RenewedLeaf().Values()["tls"].(map[string]any)
	ours := fixtures.Leaf().Values()["tls"].(map[string]any)
	changed := strings.NewReplacer(ours["crt"].(string), other["crt"].(string), ours["key"].(string), other["key"].(string)).Replace(live)
	require.NotEqual(t, live, changed)
	code, stdout, _ = s.call(t, changed, "verify", "--scenario", "byoc.yaml")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "drifted: ")
	assert.Contains(t, stdout, "Secret/connected-registry/connected-registry-tls: tlssecret: ")
	for _, secret := range []string{ours["key"].(string), other["key"].(string), "PRIVATE KEY", "not/a+real=password"} {
		assert.NotContains(t, stdout, secret)
	}

	code, stdout, _ = s.call(t, liveObjects(t, render), "verify", "--scenario", "byoc.yaml")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "never-patched: ")

	// Too little was asked for: not taken for patched.
	code, stdout, _ = s.call(t, liveObjects(t, patched, "Service", "PersistentVolumeClaim", "Secret"), "verify", "--scenario", "byoc.yaml")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "unknown: ")
	assert.Contains(t, stdout, "kubectl get may not have asked for all kinds")
}

// What a run warns of, verify warns of: the result may be as the scenario has it and
// still need attention.
func TestVerifyWarns(t *testing.T) {
	s := site{"http.yaml": scenarioText("http", "{httpEnabled: true, certManager: {enabled: false, install: false}, trustDistribution: {enabled: false}}")}
	patched := s.patch(t, string(fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))), []string{"http.yaml"})
	code, stdout, stderr := s.call(t, patched, "verify", "--scenario", "http.yaml")
	assert.Zero(t, code, stdout)
	assert.Contains(t, stderr, "[plain-http]")
	_, stdout, stderr = s.call(t, patched, "verify", "--scenario", "http.yaml", "--output", "json")
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, `"code": "plain-http"`)
}

// deploymentID names the registry's workload: version, kind, namespace and name.
var deploymentID = strings.Join([]string{"apps/v1", "Deployment", "connected-registry", "connected-registry"}, " ")
