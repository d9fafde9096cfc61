package plugin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/connected-registry/scenario/fixtures"
)

// helm3Install is helm install --dry-run=client with our post-renderer. Other than
// its name says, Helm 3 wants an API server for it.
func helm3Install(t *testing.T, scenario string) *exec.Cmd {
	t.Helper()
	v := fixtures.Plain()
	server := emptyCluster(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte("apiVersion: v1\nkind: Config\ncurrent-context: test\n"+
		"contexts: [{name: test, context: {cluster: test}}]\nclusters: [{name: test, cluster: {server: "+server+"}}]\n"), 0o600))
	return exec.Command(fixtures.Tool(t, "helm"), "install", v.Release, v.ChartDir(t), "--namespace", v.Namespace, "--dry-run=client",
		"--kubeconfig", kubeconfig, "--disable-openapi-validation",
		"--set-string", "connectionString="+fixtures.ConnectionString,
		"--post-renderer", program(t), "--post-renderer-args=--scenario="+scenario)
}

// emptyCluster is as much of an API server as a dry run asks for: its version, the
// resources of a registry, and that none of them is there.
// Source: the paths and objects of Kubernetes' discovery, k8s.io/apimachinery meta/v1.
func emptyCluster(t *testing.T) string {
	t.Helper()
	resource := func(name, kind string) metav1.APIResource {
		return metav1.APIResource{Name: name, Kind: kind, Namespaced: true, Verbs: metav1.Verbs{"get"}}
	}
	answers := map[string]any{
		"/version": version.Info{Major: "1", Minor: "31", GitVersion: "v" + fixtures.KubeVersion},
		"/api":     metav1.APIVersions{Versions: []string{"v1"}},
		"/api/v1": metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{
			resource("secrets", "Secret"), resource("serviceaccounts", "ServiceAccount"), resource("services", "Service"),
			resource("persistentvolumeclaims", "PersistentVolumeClaim"),
		}},
		"/apis": metav1.APIGroupList{Groups: []metav1.APIGroup{{
			Name: "apps", Versions: []metav1.GroupVersionForDiscovery{{GroupVersion: "apps/v1", Version: "v1"}},
		}}},
		"/apis/apps/v1": metav1.APIResourceList{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{resource("deployments", "Deployment")}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, found := answers[r.URL.Path]
		if !found {
			w.WriteHeader(http.StatusNotFound)
			answer = metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
		}
		assert.NoError(t, json.NewEncoder(w).Encode(answer))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Helm 3 appends hooks as the chart rendered them, and says nothing of warnings.
func TestRealHostsHelm3Install(t *testing.T) {
	stdout, stderr, err := command(t, helm3Install(t, filepath.Join(scenarioDir(t, "own-trust-distribution"), "scenario.yaml")))
	require.NoError(t, err, stderr)
	assert.Empty(t, stderr, "helm drops what a post-renderer that succeeds writes to stderr")
	hooks, manifest, found := strings.Cut(stdout, "\nMANIFEST:\n")
	require.True(t, found)
	assert.Contains(t, hooks, "name: connected-registry-cert-manager-startupapicheck\n")
	assert.Contains(t, manifest, "connectedregistry.dev/scenario: own-trust-distribution")
	assert.NotContains(t, manifest, "kind: DaemonSet")
	assert.NotContains(t, manifest, "cert-manager-webhook")
	ran(t, "Helm 3", moduleVersion(t, "helm.sh/helm/v3"), "`helm install --dry-run=client --post-renderer PATH`")
}

// A failure shows our own words, and nothing is installed.
func TestRealHostsHelm3Failure(t *testing.T) {
	v := fixtures.Plain()
	for _, cmd := range []*exec.Cmd{
		helm3Install(t, "no-such-scenario.yaml"),
		exec.Command(fixtures.Tool(t, "helm"), "template", v.Release, v.ChartDir(t), "--kube-version", fixtures.KubeVersion,
			"--set-string", "connectionString="+fixtures.ConnectionString,
			"--post-renderer", program(t), "--post-renderer-args", "--scenario", "--post-renderer-args", "no-such-scenario.yaml"),
	} {
		stdout, stderr, err := command(t, cmd)
		require.Error(t, err)
		assert.Empty(t, strings.TrimSpace(stdout))
		assert.Contains(t, stderr, "error: cannot read the scenario no-such-scenario.yaml: no such file or directory; check the path, which is looked for from ")
		assert.Less(t, strings.Count(stderr, "\n"), 8, "no help in the way of the message: %s", stderr)
	}
}

// A plugin of Helm 4 in a folder that Helm 3 reads too makes Helm 3 lose all its
// plugins: docs/helm.md tells users to keep them apart.
func TestRealHostsHelm3BesideAPluginOfHelm4(t *testing.T) {
	helm, plugins := fixtures.Tool(t, "helm"), t.TempDir()
	greet := filepath.Join(plugins, "greet")
	require.NoError(t, os.Mkdir(greet, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(greet, "plugin.yaml"),
		[]byte("name: greet\nversion: 0.1.0\nusage: greet\ndescription: says hello\ncommand: echo hello\n"), 0o600))
	run := func() (string, string, error) {
		cmd := exec.Command(helm, "greet")
		cmd.Env = append(os.Environ(), "HELM_PLUGINS="+plugins)
		return command(t, cmd)
	}
	stdout, stderr, err := run()
	require.NoError(t, err, stderr)
	require.Equal(t, "hello\n", stdout)

	require.NoError(t, os.Symlink(filepath.Join(pluginDist(t), "connected-registry-scenario"), filepath.Join(plugins, "connected-registry-scenario")))
	_, stderr, err = run()
	require.Error(t, err)
	assert.Contains(t, stderr, "failed to load plugins")
	assert.Contains(t, stderr, `unknown command "greet"`)
}
