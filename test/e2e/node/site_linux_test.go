package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/fixtures/tools"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

var update = flag.Bool("update", false, "write docs/node.md anew")

// What the test binary is told when helm calls it as a post-renderer: see postRender.
const (
	programVariable    = "NODE_TEST_PROGRAM"
	adaptationVariable = "NODE_TEST_ADAPTATION"
)

func TestMain(m *testing.M) {
	if program := os.Getenv(programVariable); program != "" {
		if err := postRender(program, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(parts.Main(m))
}

// postRender is the program under test with the arguments that helm gives, and then
// the adaptation to the node.
func postRender(program string, args []string) error {
	var a adaptation
	if err := json.Unmarshal([]byte(os.Getenv(adaptationVariable)), &a); err != nil {
		return err
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	patched, err := cmd.Output()
	if err != nil {
		return err
	}
	adapted, err := a.apply(string(patched))
	if err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, adapted)
	return err
}

// site is a cluster with a node, and the chart that is installed there.
type site struct {
	cluster *parts.Cluster
	node    *parts.Node
	variant fixtures.Variant
	chart   string
	// certificates is where the registry's container has its certificate.
	certificates string
	// images are those of the chart's own containers; the stand-in is all of them.
	images []string
	// own are the numbers of the ports that the registry has in the render: the chart's for
	// HTTPS and, for HTTP, the documented one. Empty: its Service has names.
	own []string
	// port is where each registry listens, one after another.
	port int
	page *page
}

func newSite(t *testing.T) *site {
	cluster := parts.StartCluster(t)
	cluster.StartCertManager(t)
	s := &site{
		cluster: cluster, node: parts.StartNode(t, cluster),
		variant: fixtures.Plain(), certificates: "/var/acr/certs", port: parts.FreePort(t),
	}
	kubernetes, err := tools.KubernetesVersion()
	require.NoError(t, err)
	s.page = newPage(fixtures.ModuleVersion(t, "helm.sh/helm/v3"), kubernetes, s.node.Containerd, s.node.Runc)
	s.chart = s.variant.ChartDir(t)
	s.images = images(t, s.variant)
	s.node.LoadStandin(t, s.images...)
	return s
}

// lookalike is the site with a chart that names things differently, and has a
// StatefulSet and ports by number.
func (s *site) lookalike(t *testing.T) *site {
	other := *s
	other.variant, other.certificates, other.own = fixtures.Lookalike(), "/etc/hub/identity", []string{"5443", "8080"}
	other.chart = other.variant.ChartDir(t)
	return &other
}

// images are those of the chart's own containers.
func images(t *testing.T, v fixtures.Variant) []string {
	t.Helper()
	var found []string
	for _, line := range strings.Split(string(v.Render(t, fixtures.Set("cert-manager.install=false"))), "\n") {
		if _, image, ok := strings.Cut(line, " image: "); ok {
			found = append(found, strings.Trim(image, `"`))
		}
	}
	require.Len(t, found, 2, "the registry's and the trust distribution's")
	return found
}

// release is an installed scenario.
type release struct {
	*site
	// dir has scenario.yaml, further layers, and the certificate that they name.
	dir    string
	layers []string
}

// install makes the namespace with what a scenario expects there, and installs the
// chart with the scenario; at the end of the test it takes all of it away.
func (s *site) install(t *testing.T, scenario string) *release {
	t.Helper()
	r := &release{site: s, dir: t.TempDir(), layers: []string{"scenario.yaml"}}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "fixtures", "scenarios", scenario, "scenario.yaml"))
	require.NoError(t, err)
	r.write(t, "scenario.yaml", text)
	r.writeCertificate(t, fixtures.Leaf())

	t.Cleanup(func() { r.uninstall(t) })
	s.cluster.Apply(t, []byte(fmt.Sprintf(prepared, s.variant.Namespace, filepath.Join(s.node.Dir, "data"),
		base64.StdEncoding.EncodeToString(fixtures.Leaf().Crt), base64.StdEncoding.EncodeToString(fixtures.Leaf().Key),
		base64.StdEncoding.EncodeToString(fixtures.Leaf().CA))))
	r.upgrade(t)
	return r
}

// prepared is what a cluster has before the registry: the namespace, a volume, and
// the Secret of the scenarios that name one.
const prepared = `apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: registry-data}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 500Gi}
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: %[2]s, type: DirectoryOrCreate}
---
apiVersion: v1
kind: Secret
metadata: {name: k8secret, namespace: %[1]s}
type: kubernetes.io/tls
data: {tls.crt: %[3]s, tls.key: %[4]s, ca.crt: %[5]s}
`

func (r *release) write(t *testing.T, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, name), data, 0o600))
}

func (r *release) writeCertificate(t *testing.T, pair fixtures.Pair) {
	t.Helper()
	r.write(t, "tls.crt", pair.Crt)
	r.write(t, "tls.key", pair.Key)
	r.write(t, "ca.crt", pair.CA)
}

// layer adds a scenario that states only the given spec, and upgrades to it.
func (r *release) layer(t *testing.T, name, spec string) {
	t.Helper()
	r.write(t, name+".yaml", []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\n"+
		"metadata: {name: "+name+"}\nspec: "+spec+"\n"))
	r.layers = append(r.layers, name+".yaml")
	r.upgrade(t)
}

// upgrade is helm upgrade --install with the real helm 3.
func (r *release) upgrade(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	args := []string{
		"upgrade", "--install", r.variant.Release, r.chart,
		"--no-hooks",       // they start pods, and Helm 3 does not pass them to post-renderers
		"--take-ownership", // of the CRDs: the controllers beside the API server had to have them before
		"--set-string", "connectionString=" + fixtures.ConnectionString,
		"--post-renderer", self, "--post-renderer-args=--namespace=" + r.variant.Namespace,
	}
	for _, layer := range r.layers {
		args = append(args, "--post-renderer-args=--scenario="+filepath.Join(r.dir, layer))
	}
	adapted, err := json.Marshal(adaptation{Node: r.node.Name, Own: r.own, Port: r.port})
	require.NoError(t, err)
	cmd := r.helm(t, args...)
	cmd.Env = append(cmd.Env, programVariable+"="+fixtures.Program(t), adaptationVariable+"="+string(adapted))
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// helm is the real helm 3, without the plugins and the settings of whoever runs it.
func (r *release) helm(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(fixtures.Tool(t, "helm"), append(args, "--namespace", r.variant.Namespace, "--kubeconfig", r.cluster.Kubeconfig)...)
	cmd.Env = append(os.Environ(), "HELM_PLUGINS="+r.dir)
	for _, home := range []string{"HELM_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME"} {
		cmd.Env = append(cmd.Env, home+"="+r.dir)
	}
	return cmd
}

func (r *release) uninstall(t *testing.T) {
	if t.Failed() {
		t.Log(r.cluster.Kubectl(t, "describe", "pods", "--namespace", r.variant.Namespace), r.node.PodLogs(t))
	}
	output, err := r.helm(t, "uninstall", r.variant.Release, "--no-hooks", "--wait", "--cascade=foreground").CombinedOutput()
	require.NoError(t, err, "%s", output)
	r.cluster.Kubectl(t, "delete", "secrets", "--all", "--namespace", r.variant.Namespace) // those that cert-manager made, too
	r.cluster.Kubectl(t, "delete", "persistentvolume/registry-data", "--timeout=60s")
	require.NoError(t, os.RemoveAll(filepath.Join(r.node.Etc(), "containerd", "certs.d")))
}

// get decodes what kubectl get -o json says of the release's namespace.
func get[T any](t *testing.T, r *release, args ...string) T {
	t.Helper()
	text := r.cluster.Kubectl(t, append([]string{"get", "-o", "json", "--namespace", r.variant.Namespace}, args...)...)
	var out T
	require.NoError(t, json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&out))
	return out
}

// readyPod waits until the Deployment is as it was applied last, and returns its pod.
// A predecessor may be there for a moment after it has ended.
func (r *release) readyPod(t *testing.T) corev1.Pod {
	t.Helper()
	r.cluster.Kubectl(t, "rollout", "status", r.variant.Workload, "--namespace", r.variant.Namespace, "--timeout=90s")
	var pods []corev1.Pod
	parts.Eventually(t, "the registry has one pod", func() string {
		pods = get[corev1.PodList](t, r, "pods", "--selector", "app.kubernetes.io/name=connected-registry,app.kubernetes.io/instance="+r.variant.Release).Items
		if len(pods) != 1 {
			return fmt.Sprintf("%d pods", len(pods))
		}
		return ""
	})
	return pods[0]
}

// assertEndpoint: the Service has the scenario's address and this port alone, and
// leads to where the registry listens.
func (r *release) assertEndpoint(t *testing.T, port int32) {
	t.Helper()
	service := get[corev1.Service](t, r, "service", r.variant.Service).Spec
	assert.Equal(t, fixtures.ClusterIP, service.ClusterIP)
	require.Len(t, service.Ports, 1)
	assert.Equal(t, port, service.Ports[0].Port)
	parts.Eventually(t, "the Service has the pod behind it", func() string {
		found := get[discoveryv1.EndpointSliceList](t, r, "endpointslices", "--selector", "kubernetes.io/service-name="+r.variant.Service).Items
		for _, slice := range found {
			for _, target := range slice.Ports {
				if *target.Port == int32(r.port) && len(slice.Endpoints) == 1 && *slice.Endpoints[0].Conditions.Ready {
					return ""
				}
			}
		}
		state, _ := json.Marshal(found)
		return string(state)
	})
}

// issued is the certificate that cert-manager made, and its CA.
func (r *release) issued(t *testing.T) fixtures.Pair {
	t.Helper()
	secret := get[corev1.Secret](t, r, "secret", r.variant.Certificate)
	return fixtures.Pair{Crt: secret.Data["tls.crt"], CA: secret.Data["ca.crt"]}
}

// assertBundled: cert-manager's three Deployments are there, or none of them.
func (r *release) assertBundled(t *testing.T, bundled bool) {
	t.Helper()
	found := get[corev1.List](t, r, "deployments", "--selector", "app.kubernetes.io/name in (cert-manager, cainjector, webhook)").Items
	if bundled {
		assert.Len(t, found, 3)
	} else {
		assert.Empty(t, found)
	}
}

// assertTrust: the CA has reached the node's containerd configuration, and not the
// machine's; or there is nothing that could bring it there.
func (r *release) assertTrust(t *testing.T, enabled bool, ca []byte) {
	t.Helper()
	if !enabled {
		r.assertTrustPods(t, 0)
		for _, daemonSet := range get[appsv1.DaemonSetList](t, r, "daemonsets").Items {
			assert.NotEqual(t, r.variant.Trust, daemonSet.Name)
		}
		return
	}
	r.assertTrustPods(t, 1)
	file := filepath.Join("containerd", "certs.d", r.variant.Service+"."+r.variant.Namespace+".svc.cluster.local", "ca.crt")
	parts.Eventually(t, "the node has the CA", func() string {
		text, err := os.ReadFile(filepath.Join(r.node.Etc(), file))
		if err != nil {
			return err.Error()
		}
		if !bytes.Equal(text, ca) {
			return "another CA"
		}
		return ""
	})
	assert.NoFileExists(t, filepath.Join("/etc", file))
}

// assertTrustPods waits for so many running pods of the trust distribution, and no
// other.
func (r *release) assertTrustPods(t *testing.T, count int) {
	t.Helper()
	parts.Eventually(t, fmt.Sprintf("%d pods of the trust distribution", count), func() string {
		pods := get[corev1.PodList](t, r, "pods").Items
		pods = slices.DeleteFunc(pods, func(pod corev1.Pod) bool { return pod.OwnerReferences[0].Name != r.variant.Trust })
		for _, pod := range pods {
			if pod.Status.Phase != corev1.PodRunning || pod.DeletionTimestamp != nil {
				state, _ := json.Marshal(pod.Status)
				return string(state)
			}
		}
		if len(pods) != count {
			return fmt.Sprintf("%d pods", len(pods))
		}
		return ""
	})
}

// address is where the registry's pod listens.
func (r *release) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// writing asks the registry's container why it cannot write to directories. The CA
// is what to verify it with; nil: it speaks plain HTTP.
func (r *release) writing(t *testing.T, ca []byte, directories ...string) map[string]string {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	target := url.URL{Scheme: "http", Host: r.address(), Path: "/writing", RawQuery: url.Values{"directory": directories}.Encode()}
	if ca != nil {
		target.Scheme = "https"
		transport.TLSClientConfig = &tls.Config{RootCAs: pool(t, ca), ServerName: fixtures.ClusterIP}
	}
	client := http.Client{Transport: transport}
	response, err := client.Get(target.String())
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var answer map[string]string
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	return answer
}

// pool trusts this CA alone.
func pool(t *testing.T, ca []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(ca))
	return pool
}
