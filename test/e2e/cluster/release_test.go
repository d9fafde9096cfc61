package cluster_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// release is the stand-in chart as a release in a namespace of its own, with an
// address and names that no other test uses.
type release struct {
	cluster *parts.Cluster
	variant fixtures.Variant
	address string
	chart   string
	home    string // of both helms
}

// releases counts, for addresses.
var releases atomic.Int32

// newRelease makes the namespace. Its name is also the release's.
func newRelease(t *testing.T, name string) *release {
	t.Helper()
	r := &release{cluster: parts.SharedCluster(t), variant: fixtures.Plain(), home: t.TempDir()}
	r.variant.Release, r.variant.Namespace = name, name
	r.variant.Service, r.variant.Certificate, r.variant.Trust = name, name+"-tls-cert", name+"-containerd-config"
	r.address = fmt.Sprintf("192.100.100.%d", 1+releases.Add(1))
	r.chart = r.variant.ChartDir(t)
	r.cluster.Kubectl(t, "create", "namespace", name)
	t.Cleanup(func() { r.clean(t) })
	return r
}

// clean takes the namespace away, and the webhooks of a bundled cert-manager, which
// would stand in the way of other tests.
func (r *release) clean(t *testing.T) {
	t.Helper()
	r.cluster.Kubectl(t, "delete", "validatingwebhookconfigurations,mutatingwebhookconfigurations",
		"--selector", "app.kubernetes.io/instance="+r.variant.Release)
	r.cluster.Kubectl(t, "delete", "namespace", r.variant.Namespace, "--wait=false")
}

// scenario writes a documented scenario for the release's address, with the files
// that it names, and returns its path.
func (r *release) scenario(t *testing.T, row string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "fixtures", "scenarios", row, "scenario.yaml"))
	require.NoError(t, err)
	return r.scenarioOf(t, strings.ReplaceAll(string(text), fixtures.ClusterIP, r.address))
}

// scenarioOf is scenario for a text of the test's own.
func (r *release) scenarioOf(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	leaf := r.leaf()
	for name, data := range map[string][]byte{"scenario.yaml": []byte(text), "tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return filepath.Join(dir, "scenario.yaml")
}

// serviceName is the registry's name in the cluster.
func (r *release) serviceName() string {
	return r.variant.Service + "." + r.variant.Namespace + ".svc.cluster.local"
}

func (r *release) leaf() fixtures.Pair {
	return fixtures.LeafFor([]string{r.address}, []string{r.serviceName()})
}

// createSecret creates the Secret that the documented scenarios name.
func (r *release) createSecret(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	leaf := r.leaf()
	args := []string{"create", "secret", "generic", "k8secret", "--type=kubernetes.io/tls", "--namespace", r.variant.Namespace}
	for key, data := range map[string][]byte{"tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA} {
		file := filepath.Join(dir, key)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		args = append(args, "--from-file="+key+"="+file)
	}
	r.cluster.Kubectl(t, args...)
}

// helm is one of the two, with our program as its post-renderer.
type helm struct {
	// home is the folder below the release's home that is this helm's.
	home, name, version, binary, postRenderer string
}

func helm3(t *testing.T) helm {
	t.Helper()
	return helm{"helm3", "Helm 3", mainModule(t, "helm.sh/helm/v3"), fixtures.Tool(t, "helm"), fixtures.Program(t)}
}

func helm4(t *testing.T) helm {
	t.Helper()
	version := fixtures.Helm4Versions[0]
	return helm{"helm4", "Helm 4", version, fixtures.Helm4Binary(t, version), "connected-registry-scenario"}
}

// mainModule is the version of a module that the project's own go.mod states.
func mainModule(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Version}}", module)
	cmd.Dir = filepath.Join("..", "..", "..")
	version, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(version))
}

// withoutNode are values for a cluster without a node: cert-manager's CRDs are
// installed before, and nothing waits for a Job.
var withoutNode = []string{"--set", "cert-manager.crds.enabled=false", "--set", "cert-manager.startupapicheck.enabled=false"}

// args are those of install, upgrade and template with our post-renderer.
func (r *release) args(h helm, verb, scenario string, more ...string) []string {
	args := append([]string{verb, r.variant.Release, r.chart,
		"--set-string", "connectionString=" + fixtures.ConnectionString,
		"--post-renderer", h.postRenderer,
		"--post-renderer-args=--namespace=" + r.variant.Namespace, "--post-renderer-args=--scenario=" + scenario}, withoutNode...)
	return append(args, more...)
}

// helm runs install, upgrade or template, which must succeed.
func (r *release) helm(t *testing.T, h helm, verb, scenario string, more ...string) string {
	t.Helper()
	stdout, stderr, err := r.try(t, h, r.args(h, verb, scenario, more...)...)
	require.NoError(t, err, "helm %s: %s", verb, stderr)
	return stdout
}

// try runs a helm on the release's namespace, in a home of its own.
func (r *release) try(t *testing.T, h helm, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if plugins := filepath.Join(r.home, h.home, "plugins"); h.home == "helm4" {
		if _, err := os.Stat(plugins); err != nil {
			require.NoError(t, os.MkdirAll(plugins, 0o700))
			require.NoError(t, os.Symlink(filepath.Join(fixtures.Helm4Plugin(t), "connected-registry-scenario"), filepath.Join(plugins, "connected-registry-scenario")))
		}
	}
	cmd := exec.Command(h.binary, append(args, "--namespace", r.variant.Namespace)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+r.cluster.Kubeconfig, "XDG_CACHE_HOME="+filepath.Join(r.home, h.home),
		"HELM_PLUGINS="+filepath.Join(r.home, h.home, "plugins"))
	for _, name := range []string{"HELM_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+filepath.Join(r.home, h.home, name))
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}
