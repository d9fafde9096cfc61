package plugin_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// documented is a site with the documented scenarios, each as <row>.yaml.
func documented(t *testing.T) site {
	t.Helper()
	s := site{}
	for _, c := range fixtures.Cases(t, "scenarios/*") {
		s[filepath.Base(c.Name)+".yaml"] = string(c.Read(t, "scenario.yaml"))
	}
	return s
}

// installed is a manifest with hooks, as a row's scenario leaves it.
func installed(t *testing.T, s site, v fixtures.Variant, row fixtures.Row) string {
	t.Helper()
	values := row.Values
	if v.HTTPOnly {
		values = fixtures.Set("httpEnabled=true", "service.clusterIP="+fixtures.ClusterIP)
	}
	render := string(v.Render(t, values, fixtures.Helm4()))
	return s.patch(t, render, []string{row.Name + ".yaml"})
}

// cleanupGolden compares a script with fixtures/cleanup/<row>/<name>.sh, which leaves
// the functions of cleanup_checks.sh out.
func cleanupGolden(t *testing.T, row, name, got string) {
	t.Helper()
	checks := readText(t, "cleanup_checks.sh")
	require.Contains(t, got, checks)
	got = strings.Replace(got, checks, "# … cleanup_checks.sh …\n", 1)
	path := filepath.Join("..", "fixtures", "cleanup", row, name+".sh")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	assert.Equal(t, readText(t, path), got)
}

// commandsOf are a script's lines that are no comments.
func commandsOf(script string) string {
	return regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(script, "")
}

// Every documented scenario, installed by every host.
func TestCleanup(t *testing.T) {
	s := documented(t)
	for _, row := range fixtures.Rows() {
		manifest := installed(t, s, fixtures.Plain(), row)
		for name, args := range map[string][]string{
			"helm":    {"-"},
			"kubectl": {"--host", "kubectl", "-"},
			"flux":    {"--host", "flux", "-"},
			"arc":     {"--host", "arc", "--release", "edge", "-n", "edge", "--cluster-name", "plant", "--resource-group", "plants", "--registry", "contoso", "--connected-registry", "edge01"},
		} {
			t.Run(row.Name+"/"+name, func(t *testing.T) {
				args = append([]string{"cleanup", "-s", row.Name + ".yaml"}, args...)
				code, stdout, stderr := s.call(t, manifest, args...)
				require.Zero(t, code, stderr)
				assert.Empty(t, stderr)
				cleanupGolden(t, row.Name, name, stdout)

				check := exec.Command("bash", "-n")
				check.Stdin = strings.NewReader(stdout)
				out, err := check.CombinedOutput()
				assert.NoError(t, err, string(out))
				assert.NotContains(t, commandsOf(stdout), "k8secret", "the user's own Secret")
				assert.NotRegexp(t, `<[a-z]`, commandsOf(stdout), "a placeholder, which bash would take for a file")
				_, again, _ := s.call(t, manifest, args...)
				assert.Equal(t, stdout, again)
			})
		}
	}
}

// Who would write a thing anew goes before the thing.
func TestCleanupOrder(t *testing.T) {
	s := documented(t)
	rows := fixtures.Rows()
	order := func(script string, words ...string) {
		t.Helper()
		at := -1
		for _, word := range words {
			next := strings.Index(script, word)
			require.Greater(t, next, at, "%s\n%s", word, script)
			at = next
		}
	}
	azure := []string{"--registry", "contoso", "--connected-registry", "edge01"}
	_, script, _ := s.call(t, installed(t, s, fixtures.Plain(), rows[0]), append([]string{"cleanup", "-s", "secure-by-default.yaml", "-"}, azure...)...)
	order(script, "\nhelm uninstall", "\nkubectl delete secret", "\ndelete_unused_crds ", "rm -rf '/etc/containerd", "az acr connected-registry deactivate", "az acr connected-registry delete", "\nkubectl delete namespace")

	_, script, _ = s.call(t, installed(t, s, fixtures.Plain(), rows[0]), append([]string{"cleanup", "-s", "secure-by-default.yaml", "--host", "kubectl", "-"}, azure...)...)
	order(script, "certificate.cert-manager.io/", "deployment.apps/connected-registry", "\nkubectl delete secret", "\ndelete_unused_crds ")
}

// What others brought is not touched, in charts that name things differently too.
func TestCleanupOfALookalike(t *testing.T) {
	s := documented(t)
	manifest := installed(t, s, fixtures.Lookalike(), fixtures.Rows()[0])
	for _, host := range []string{"helm", "kubectl"} {
		code, script, stderr := s.call(t, manifest, "cleanup", "-s", "secure-by-default.yaml", "--host", host, "-")
		require.Zero(t, code, stderr)
		cleanupGolden(t, "lookalike", host, script)
		assert.NotContains(t, commandsOf(script), "line-monitor")
		assert.Contains(t, commandsOf(script), "hub-serving", "the Secret of the certificate")
	}
	manifest = installed(t, s, fixtures.Early(), fixtures.Rows()[5])
	code, script, stderr := s.call(t, manifest, "cleanup", "-s", "http.yaml", "--host", "kubectl", "-n", "connected-registry", "-")
	require.Zero(t, code, stderr)
	cleanupGolden(t, "early", "kubectl", script)
}

// A node label that restricts the trust distribution, and a claim that is kept.
func TestCleanupOfWhatIsSelected(t *testing.T) {
	s := documented(t)
	s["selected.yaml"] = scenarioText("selected", "{trustDistribution: {useNodeSelector: true}}")
	render := fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))
	code, script, stderr := s.call(t, s.patch(t, string(render), []string{"selected.yaml"}), "cleanup", "-")
	require.Zero(t, code, stderr)
	assert.Contains(t, script, "\nkubectl label nodes --selector containerd-configured-by=connected-registry containerd-configured-by-\n")
	assert.Contains(t, script, "certs.d/<address>'", "the cluster chose the address")
	assert.Contains(t, script, "# - the cluster's cert-manager: ")
	assert.NotContains(t, script, "\ndelete_unused_crds ")
}

// Programs read this: names and types stay.
func TestCleanupJSON(t *testing.T) {
	s := documented(t)
	code, stdout, stderr := s.call(t, "", "cleanup", "-s", "own-trust-distribution.yaml", "--release", "edge", "-n", "edge", "--host", "flux", "--output", "json")
	require.Zero(t, code, stderr)
	var found struct {
		Scenario, Release, Namespace, Host, Setup string
		Parts                                     []struct {
			Title, Why string
			Manual     bool
			Commands   []string
		}
		Kept    []struct{ Object, Why string }
		Unknown []string
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&found))
	assert.Equal(t, []string{"own-trust-distribution", "edge", "edge", "flux"}, []string{found.Scenario, found.Release, found.Namespace, found.Host})
	require.Len(t, found.Kept, 1)
	assert.Equal(t, "Secret/edge/k8secret", found.Kept[0].Object)
	assert.Contains(t, found.Parts[0].Commands[1], `kubectl delete helmreleases.helm.toolkit.fluxcd.io "$name" --namespace "$in" --ignore-not-found`)
	assert.Contains(t, found.Setup, "release=edge\nnamespace=edge\n")
	assert.NotEmpty(t, found.Unknown)
	i := slices.IndexFunc(found.Parts, func(p struct {
		Title, Why string
		Manual     bool
		Commands   []string
	}) bool {
		return strings.HasPrefix(p.Title, "Deactivate")
	})
	assert.True(t, found.Parts[i].Manual, "it lacks names")
}

// A part that others depend on and that lacks a name ends the script: there is no command
// behind it, as text or as data.
func TestCleanupEndsWithoutAName(t *testing.T) {
	s := documented(t)
	for args, says := range map[string]string{
		"--host arc":                        "run cleanup again with --cluster-name and --resource-group",
		"--host arc --cluster-name plant":   "run cleanup again with --cluster-name and --resource-group",
		"--host arc --resource-group plant": "run cleanup again with --cluster-name and --resource-group",
		"--host kubectl":                    "run cleanup again with the MANIFEST that kustomize build prints",
	} {
		call := slices.Concat([]string{"cleanup", "-s", "secure-by-default.yaml", "--release", "edge", "-n", "edge"}, strings.Fields(args))
		code, script, stderr := s.call(t, "", call...)
		require.Zero(t, code, stderr)
		assert.NotRegexp(t, `(?m)^ *(kubectl|helm|az|require|delete)`, script)
		_, stderr, err := shell(t, t.TempDir(), nil, script)
		require.Error(t, err)
		assert.Contains(t, stderr, says)

		_, stdout, _ := s.call(t, "", append(call, "--output", "json")...)
		var found struct{ Parts []struct{ Manual bool } }
		require.NoError(t, json.Unmarshal([]byte(stdout), &found))
		assert.Equal(t, []struct{ Manual bool }{{true}}, found.Parts)
	}
}

// What holds or provides for the objects of others is never deleted by its name alone.
func TestCleanupOfWhatOthersHave(t *testing.T) {
	s := documented(t)
	manifest := installed(t, s, fixtures.Plain(), fixtures.Rows()[0])
	labels := "  labels: {app.kubernetes.io/instance: connected-registry}\n"
	for _, kind := range []string{"v1\nkind: Namespace", "v1\nkind: PersistentVolume", "storage.k8s.io/v1\nkind: StorageClass"} {
		manifest += "---\napiVersion: " + kind + "\nmetadata:\n  name: shared\n" + labels
	}
	manifest += "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: hooked.example.com\n" + labels +
		"  annotations: {helm.sh/hook: pre-install}\n"
	for _, host := range []string{"helm", "kubectl"} {
		code, script, stderr := s.call(t, manifest, "cleanup", "--host", host, "-")
		require.Zero(t, code, stderr)
		assert.NotContains(t, commandsOf(script), "shared")
		assert.NotContains(t, script, "customresourcedefinition.apiextensions.k8s.io/hooked", "it goes only if it has no objects")
		assert.Contains(t, script, "  hooked.example.com")
		if host == "kubectl" {
			assert.Contains(t, script, "# - Namespace/shared: ")
			assert.NotContains(t, script, "persistentvolumeclaim/connected-registry-pvc", "it is still mounted, perhaps")
		}
	}
}

// A manifest that was never patched is not what was installed.
func TestCleanupOfWhatWasNeverPatched(t *testing.T) {
	s := documented(t)
	_, script, _ := s.call(t, string(fixtures.Plain().Render(t, nil)), "cleanup", "-s", "kubernetes-secret.yaml", "-")
	assert.Contains(t, script, "# - The manifest carries no record of any scenario")
	code, script, stderr := s.call(t, string(fixtures.Plain().Render(t, nil)), "cleanup", "-")
	require.Zero(t, code, stderr)
	assert.NotContains(t, script, "no record", "without a scenario there is none to miss")
}

func TestCleanupErrors(t *testing.T) {
	s := documented(t)
	for says, args := range map[string][]string{
		"no scenario is given":         {"cleanup"},
		"--release is not given":       {"cleanup", "-s", "http.yaml"},
		"--namespace is not given":     {"cleanup", "-s", "http.yaml", "--release", "edge"},
		"is no name that Kubernetes":   {"cleanup", "-s", "http.yaml", "--release", "$(reboot)", "-n", "edge"},
		"expected helm, arc, flux or":  {"cleanup", "-s", "http.yaml", "--host", "argocd"},
		"2 renders are given":          {"cleanup", "-s", "http.yaml", "a", "b"},
		"cannot read the render a":     {"cleanup", "a"},
		"no connected registry found:": {"cleanup", "-"},
	} {
		code, stdout, stderr := s.call(t, "kind: Pod\n", args...)
		assert.NotZero(t, code, args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, says)
	}
}

// Whatever a manifest calls its objects, the shell takes each name as one word.
func TestCleanupQuotesNames(t *testing.T) {
	s := documented(t)
	hostile := "it's $(touch reached) `touch reached`; touch reached\n#"
	quoted, err := json.Marshal(hostile)
	require.NoError(t, err)
	manifest := installed(t, s, fixtures.Plain(), fixtures.Rows()[0]) + "---\n" +
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + string(quoted) + "\n  labels: {app.kubernetes.io/instance: connected-registry}\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + string(quoted) + "\n  labels: {app.kubernetes.io/instance: other}\n"
	_, script, stderr := s.call(t, manifest, "cleanup", "--host", "kubectl", "-")
	require.Empty(t, stderr)

	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"bin/kubectl": "#!/usr/bin/env bash\nprintf '<%s>' \"$@\" >>" + dir + "/called\n"})
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "kubectl"), 0o700))
	_, stderr, err = shell(t, dir, []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}, script)
	require.NoError(t, err, stderr)
	assert.NoFileExists(t, filepath.Join(dir, "reached"))
	assert.Contains(t, readText(t, dir, "called"), "<configmap/"+hostile+">")
}
