package parts

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/fixtures/tools"
)

// ServiceCIDR holds the addresses of Services: those of the fixtures, and an IPv6
// range. The first address of each is the API server's own.
const ServiceCIDR = "192.100.0.0/16,fd00:c0de::/108"

// Cluster is etcd, kube-apiserver and kube-controller-manager on loopback. It has no
// node: pods stay Pending.
type Cluster struct {
	// Dir has the logs and the files below.
	Dir string
	// Kubeconfig is the path of an administrator's kubeconfig.
	Kubeconfig string
	// Server is the API server's URL.
	Server string

	kubectl string
	servers []*Server // in the order of their start

	certManagerLock sync.Mutex
	certManager     *Server
}

// StartCluster starts a cluster that ends with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	dir := t.TempDir()
	KeepLogs(t, dir)
	c := &Cluster{Dir: dir}
	t.Cleanup(c.stop)
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// shared is the cluster of a package's tests.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// SharedCluster is one cluster for all tests of a package, whose TestMain is
// os.Exit(parts.Main(m)). Each test has a namespace of its own there.
func SharedCluster(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		var dir string
		if dir, shared.err = os.MkdirTemp("", "cluster"); shared.err == nil {
			shared.cluster = &Cluster{Dir: dir}
			shared.err = shared.cluster.start()
		}
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// Main runs a package's tests and stops what they share.
func Main(m *testing.M) int {
	code := m.Run()
	fixtures.RemoveBuilt()
	if c := shared.cluster; c != nil {
		c.stop()
		if code != 0 {
			kept, err := keepLogs(c.Dir, strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"))
			fmt.Fprintln(os.Stderr, keptLogs(kept, err))
		}
		_ = os.RemoveAll(c.Dir)
	}
	return code
}

func (c *Cluster) stop() {
	c.stopCertManager()
	for _, server := range slices.Backward(c.servers) {
		server.Stop()
	}
}

func (c *Cluster) start() error {
	var err error
	if c.kubectl, err = tools.Path("kubectl"); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if err := c.writeCredentials(ports[2]); err != nil {
		return err
	}
	etcd := "http://127.0.0.1:" + strconv.Itoa(ports[0])
	if err := c.startEtcd(etcd, "http://127.0.0.1:"+strconv.Itoa(ports[1])); err != nil {
		return err
	}
	if err := c.startAPIServer(etcd, ports[2]); err != nil {
		return err
	}
	return c.startControllerManager()
}

// file is the path of a file of the cluster.
func (c *Cluster) file(name string) string { return filepath.Join(c.Dir, name) }

// writeCredentials makes the API server's certificate, its key, which signs
// ServiceAccount tokens too, and an administrator with a token.
func (c *Cluster) writeCredentials(port int) error {
	c.Server = "https://127.0.0.1:" + strconv.Itoa(port)
	c.Kubeconfig = c.file("kubeconfig")
	crt, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"})
	if err != nil {
		return err
	}
	secret := make([]byte, 16)
	_, _ = rand.Read(secret)
	token := hex.EncodeToString(secret)
	for name, data := range map[string][]byte{
		"server.crt": crt,
		"server.key": key,
		"tokens.csv": []byte(token + ",admin,admin,system:masters\n"),
	} {
		if err := os.WriteFile(c.file(name), data, 0o600); err != nil {
			return err
		}
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: c.Server, CertificateAuthorityData: crt}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, c.Kubeconfig)
}

// run starts a server of the cluster.
func (c *Cluster) run(path string, args ...string) (*Server, error) {
	server, err := startServer(c.Dir, filepath.Base(path), exec.Command(path, args...))
	if err == nil {
		c.servers = append(c.servers, server)
	}
	return server, err
}

func (c *Cluster) startEtcd(client, peer string) error {
	path, err := installed("etcd", "etcd-server")
	if err != nil {
		return err
	}
	etcd, err := c.run(path, "--data-dir", c.file("etcd"),
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err != nil {
		return err
	}
	return etcd.ready(30*time.Second, func() error { return healthy(http.DefaultClient, client+"/health") })
}

func (c *Cluster) startAPIServer(etcd string, port int) error {
	path, err := tools.Path("kube-apiserver")
	if err != nil {
		return err
	}
	server, err := c.run(path,
		"--etcd-servers", etcd,
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", strconv.Itoa(port),
		"--endpoint-reconciler-type", "none", // loopback is no address for an endpoint
		"--tls-cert-file", c.file("server.crt"), "--tls-private-key-file", c.file("server.key"),
		"--token-auth-file", c.file("tokens.csv"),
		"--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", c.file("server.key"), "--service-account-signing-key-file", c.file("server.key"),
		"--service-cluster-ip-range", ServiceCIDR,
		"--authorization-mode", "Node,RBAC",
		"--allow-privileged",
	)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	return server.ready(2*time.Minute, func() error { return healthy(client, c.Server+"/readyz") })
}

func (c *Cluster) startControllerManager() error {
	path, err := tools.Path("kube-controller-manager")
	if err != nil {
		return err
	}
	manager, err := c.run(path,
		"--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port", "0",
		"--kube-api-qps", "200", "--kube-api-burst", "400",
		"--root-ca-file", c.file("server.crt"), "--service-account-private-key-file", c.file("server.key"),
	)
	if err != nil {
		return err
	}
	// It has begun when it has made the first namespace's account.
	return manager.ready(time.Minute, func() error {
		_, _, err := c.TryKubectl("get", "serviceaccount", "default", "--namespace", "default")
		return err
	})
}

// healthy asks a server's health page.
func healthy(client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// Kubectl runs kubectl as the administrator and returns what it writes to stdout.
func (c *Cluster) Kubectl(t testing.TB, args ...string) string {
	t.Helper()
	stdout, stderr, err := c.TryKubectl(args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

// TryKubectl is Kubectl where a failure is expected.
func (c *Cluster) TryKubectl(args ...string) (stdout, stderr string, err error) {
	return c.KubectlInput(nil, args...)
}

// KubectlInput is TryKubectl with something on stdin, for `-f -`.
func (c *Cluster) KubectlInput(stdin []byte, args ...string) (stdout, stderr string, err error) {
	cmd := exec.Command(c.kubectl, append([]string{"--kubeconfig", c.Kubeconfig, "--cache-dir", c.file("kubectl-cache")}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// Apply applies manifests on the server's side, strictly: an unknown field is a
// failure.
func (c *Cluster) Apply(t testing.TB, manifest []byte) {
	t.Helper()
	_, stderr, err := c.KubectlInput(manifest, "apply", "--server-side", "--validate=strict", "-f", "-")
	if err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, stderr)
	}
}
