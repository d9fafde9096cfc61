package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// guideDesk is a machine as a reader of docs/guide.md has it. The real helm, kustomize,
// openssl and kubectl are there; testdata/desk says what takes the place of the cluster,
// of Azure and of the published chart.
func guideDesk(t *testing.T) *reader {
	t.Helper()
	dir := t.TempDir()
	desk, err := filepath.Abs(filepath.Join("testdata", "desk"))
	require.NoError(t, err)
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(fixtures.Tool(t, "kustomize"), filepath.Join(bin, "kustomize")))
	require.NoError(t, os.Symlink(program(t), filepath.Join(bin, "connected-registry-scenario")))
	// kustomize would fetch the chart.
	require.NoError(t, fixtures.Plain().WriteChart(filepath.Join(dir, "overlay", "charts", "chart")))
	if _, err := exec.LookPath("openssl"); err != nil {
		writeFiles(t, bin, map[string]string{"openssl": openssl})
		require.NoError(t, os.Chmod(filepath.Join(bin, "openssl"), 0o700))
		ca, leaf := fixtures.Authority(), fixtures.Leaf()
		writeFiles(t, dir, map[string]string{"made/ca.key": string(ca.Key), "made/ca.crt": string(ca.Crt), "made/tls.key": string(leaf.Key), "made/tls.crt": string(leaf.Crt)})
	}
	env := os.Environ()
	for _, name := range []string{"HELM_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_PLUGINS", "KUSTOMIZE_PLUGIN_HOME", "KUBECONFIG",
		"XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "HOME", "PATH"} {
		env = without(env, name)
	}
	return &reader{t: t, dir: dir, env: append(env,
		"HOME="+filepath.Join(dir, "home"), "PATH="+bin+":"+desk+":"+os.Getenv("PATH"), "DESK="+dir,
		"HELM="+fixtures.Tool(t, "helm"), "KUBECTL="+realKubectl(t), "DIST="+pluginDist(t), "CHART="+fixtures.Plain().ChartDir(t),
		"PUBLIC_CHART="+publicChart, "KUBE_VERSION="+fixtures.KubeVersion, "CONNECTION_STRING="+fixtures.ConnectionString)}
}

// openssl stands in on a machine that has none: the files that the command is to make
// are there already. TestExampleCertificate runs the same commands with the real one.
const openssl = `#!/usr/bin/env bash
while (($#)); do
  case $1 in -keyout | -out) cp "$DESK/made/${2##*/}" "$2" ;; esac
  shift
done
`

// realKubectl is the machine's, or else the one of the tests with a cluster.
func realKubectl(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("kubectl"); err == nil {
		return path
	}
	return fixtures.Tool(t, "kubectl")
}

// guideScenarios are the sections that end in a scenario, by what they say of it: what
// is in the manifests afterwards, and what is not.
var guideScenarios = map[string]struct{ files, present, absent []string }{
	"Secure by default": {
		[]string{"secure-by-default.yaml"}, []string{"kind: Certificate\n", "kind: DaemonSet", "cert-manager-webhook", "- 192.100.100.1"}, nil,
	},
	"Preinstalled cert-manager": {
		[]string{"preinstalled-cert-manager.yaml"}, []string{"kind: Certificate\n", "kind: Issuer\n", "kind: DaemonSet"}, []string{"cert-manager-webhook", "kind: CustomResourceDefinition"},
	},
	"Bring your own certificate": {
		[]string{"byoc.yaml"}, []string{"type: kubernetes.io/tls", "kind: DaemonSet"}, []string{"kind: Certificate\n", "kind: Issuer\n", "cert-manager-webhook"},
	},
	"Kubernetes Secret": {
		[]string{"kubernetes-secret.yaml"}, []string{`secretName: "k8secret"`, "kind: DaemonSet"}, []string{"type: kubernetes.io/tls", "kind: Certificate\n", "cert-manager-webhook"},
	},
	"Your own trust distribution": {
		[]string{"own-trust-distribution.yaml"}, []string{`secretName: "k8secret"`}, []string{"kind: DaemonSet", "kind: Certificate\n", "cert-manager-webhook"},
	},
	"Plain HTTP": {
		[]string{"http.yaml"}, []string{"port: 80\n"}, []string{"kind: DaemonSet", "kind: Certificate\n", "cert-manager-webhook", "port: 443"},
	},
	"Read-only": {
		[]string{"kubernetes-secret.yaml", "read-only.yaml"}, []string{"connectedregistry.dev/mode: ReadOnly"}, nil,
	},
}

// guideOutcomes are the other sections with blocks, by what they leave behind.
var guideOutcomes = map[string]func(r *reader){
	"Before you begin": func(r *reader) {
		var values struct{ ConnectionString string }
		require.NoError(r.t, yaml.Unmarshal([]byte(readText(r.t, r.dir, "values.yaml")), &values))
		assert.Equal(r.t, fixtures.ConnectionString, values.ConnectionString)
		assert.Contains(r.t, r.said, "kind: Namespace")
	},
	"See what would change": func(r *reader) {
		assert.Contains(r.t, r.said, "k8secret")
		assert.NotContains(r.t, r.said, fixtures.ConnectionString)
	},
	"Helm 3": released("kubernetes-secret"),
	"Helm 4": released("kubernetes-secret"),
	"kustomize": func(r *reader) {
		assert.Contains(r.t, readText(r.t, r.dir, "cluster.yaml"), "connectedregistry.dev/scenario: kubernetes-secret\n")
	},
	"Argo CD": func(r *reader) {
		var application struct {
			Spec struct{ Source struct{ Path string } }
		}
		require.NoError(r.t, yaml.Unmarshal([]byte(readText(r.t, r.dir, "application.yaml")), &application))
		r.written = slices.DeleteFunc(r.written, func(name string) bool { return name == "application.yaml" })
		built, stderr, err := shell(r.t, r.dir, r.env, "kustomize build --enable-helm "+application.Spec.Source.Path)
		require.NoError(r.t, err, stderr)
		assert.Contains(r.t, built, "connectedregistry.dev/scenario: kubernetes-secret\n")
	},
	"Flux": func(r *reader) {
		assert.Contains(r.t, readText(r.t, r.dir, "clusters", "site", "scenario", "kustomization.yaml"), "kind: Component")
		assert.NoDirExists(r.t, filepath.Join(r.dir, "clusters", "site", "scenario", "objects"))
	},
	"Verify":                func(*reader) {}, // verify fails where the answer is another
	"When it does not work": func(*reader) {}, // the real kubectl knows the commands
	"Clean up": func(r *reader) {
		assert.Contains(r.t, readText(r.t, r.dir, "cleanup.sh"), "helm uninstall connected-registry ")
	},
	"Change the scenario": released("preinstalled-cert-manager"),
}

// released: Helm would have installed the scenario, and nothing of another.
func released(scenario string) func(r *reader) {
	return func(r *reader) {
		release := readText(r.t, r.dir, "release.yaml")
		assert.Contains(r.t, release, "connectedregistry.dev/scenario: "+scenario+"\n")
		assert.Equal(r.t, scenario == "kubernetes-secret", strings.Contains(release, "k8secret"))
	}
}

// docs/guide.md from top to bottom, as a reader follows it, and what it says that comes of
// each section.
func TestGuide(t *testing.T) {
	r := guideDesk(t)
	seen := map[string]bool{}
	for _, s := range sectionsOf(t, "docs/guide.md") {
		if len(s.blocks) == 0 {
			continue
		}
		seen[s.title] = true
		if s.title == "Helm 4" { // it installs what Helm 3 did, on a machine of its own
			require.NoError(t, os.Remove(filepath.Join(r.dir, "release.yaml")))
			r.env = append(r.env, "HELM="+helm4Binary(t, helm4Versions[0]), "HELM_DATA_HOME="+filepath.Join(r.dir, "helm4"))
		}
		r.follow(s)
		if row, found := guideScenarios[s.title]; found {
			r.holds(s.title, row.files, row.present, row.absent)
			continue
		}
		outcome, found := guideOutcomes[s.title]
		require.True(t, found, "the section %s has blocks, and no test says what comes of them", s.title)
		outcome(r)
	}
	assert.Len(t, seen, len(guideScenarios)+len(guideOutcomes), "a section that the test knows is not on the page")
	assert.Empty(t, r.written, "files that the page shows and no command reads")
}

// holds: a section's scenario does to the chart what the section says, and what the
// documented scenario of that name does.
func (r *reader) holds(title string, files, present, absent []string) {
	r.t.Helper()
	render := string(fixtures.Plain().Render(r.t, nil))
	writeFiles(r.t, r.dir, map[string]string{"render.yaml": render})
	patch := func(files []string) string {
		stdout, stderr, err := shell(r.t, r.dir, r.env, "connected-registry-scenario post-render --scenario "+strings.Join(files, " --scenario ")+" <render.yaml")
		require.NoError(r.t, err, "%s: %s", title, stderr)
		return stdout
	}
	got := patch(files)
	for _, text := range present {
		assert.True(r.t, strings.Contains(got, text), "%s: %q is not there", title, text)
	}
	for _, text := range absent {
		assert.False(r.t, strings.Contains(got, text), "%s: %q is there", title, text)
	}
	if len(files) > 1 {
		return // layers of this page's own
	}
	name, documented := strings.TrimSuffix(files[0], ".yaml"), "documented-"+files[0] // beside the certificates
	writeFiles(r.t, r.dir, map[string]string{documented: readText(r.t, "..", "fixtures", "scenarios", name, "scenario.yaml")})
	assert.Equal(r.t, convertMarker.ReplaceAllString(patch([]string{documented}), ""), convertMarker.ReplaceAllString(got, ""), title)
}
