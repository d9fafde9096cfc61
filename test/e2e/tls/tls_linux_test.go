// Package tls_test serves TLS from what scenarios yield: the certificate that the
// registry's container would find at its mount, by a real registry, at the Service's
// address and port, to a client that trusts the scenario's CA and nothing else.
package tls_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// podIP is where a node would run the registry's pod.
const podIP = "10.42.0.7"

// patched applies a documented scenario to a chart's render.
func patched(t *testing.T, v fixtures.Variant, scenario, spec string) (manifests, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "fixtures", "scenarios", scenario, "scenario.yaml"))
	require.NoError(t, err)
	tls := fixtures.Pairs["tls"]
	for name, data := range map[string][]byte{"scenario.yaml": text, "also.yaml": []byte(layerHead + spec), "tls.crt": tls.Crt, "tls.key": tls.Key, "ca.crt": tls.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	values := fixtures.Set("cert-manager.install=false")
	if v.HTTPOnly {
		values = fixtures.Set("httpEnabled=true")
	}
	return parts.RunIn(dir, fixtures.Program(t), v.Render(t, values), "post-render", "--namespace", v.Namespace,
		"--scenario", "scenario.yaml", "--scenario", "also.yaml")
}

const layerHead = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: also}\nspec: "

// serve runs a registry as the manifests say, and returns the address and port that
// its Service has, and the network in which it has them.
func serve(t *testing.T, d parts.Deployed, port, certificates string) (*parts.Network, string) {
	t.Helper()
	ip := d.Service.Spec.ClusterIP
	n := parts.StartNetwork(t, podIP, ip)
	servicePort, containerPort := d.Ports(t, port)
	pod := net.JoinHostPort(podIP, strconv.Itoa(containerPort))
	parts.StartRegistry(t, n, parts.RegistryConfig{Address: pod, Certificates: certificates})
	n.Forward(t, ip, servicePort, pod)
	return n, net.JoinHostPort(ip, strconv.Itoa(servicePort))
}

// certificateOf is the certificate that is served, whoever signed it.
func certificateOf(t *testing.T, n *parts.Network, address string) *x509.Certificate {
	t.Helper()
	conn, err := n.Dial(address)
	require.NoError(t, err)
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is looked at
	defer func() { _ = client.Close() }()
	require.NoError(t, client.Handshake())
	return client.ConnectionState().PeerCertificates[0]
}

func fileWith(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// Each way to a certificate: the registry serves it at the address that the scenario
// states, those who trust the scenario's CA pull, and others do not.
func TestScenariosServeTLS(t *testing.T) {
	for _, v := range []fixtures.Variant{fixtures.Plain(), fixtures.Renamed(), fixtures.Lookalike(), fixtures.Early()} {
		for _, scenario := range []string{"byoc", "kubernetes-secret", "preinstalled-cert-manager"} {
			t.Run(v.Name+"/"+scenario, func(t *testing.T) {
				spec := "{}\n"
				if v.HTTPOnly { // that chart knows no DaemonSet
					spec = "{trustDistribution: {enabled: false}}\n"
				}
				manifests, _, err := patched(t, v, scenario, spec)
				require.NoError(t, err)
				d := parts.ReadDeployed(t, manifests)
				require.Equal(t, fixtures.ClusterIP, d.Service.Spec.ClusterIP)
				inCluster := clusterSecrets(t, v, scenario, d)
				at := d.Env("ACR_REGISTRY_CERTIFICATE_VOLUME", "/var/acr/certs")
				certificates := d.Project(t, at, inCluster)
				assertPulls(t, d, portName(v, "https"), certificates)
			})
		}
	}
}

// portName is what a chart calls the port; the early one's has no name.
func portName(v fixtures.Variant, name string) string {
	if v.HTTPOnly {
		return ""
	}
	return name
}

// assertPulls serves from a directory, whose ca.crt is the scenario's CA.
func assertPulls(t *testing.T, d parts.Deployed, port, certificates string) {
	t.Helper()
	n, address := serve(t, d, port, certificates)
	assert.Equal(t, fixtures.ClusterIP+":443", address)
	assert.NoError(t, certificateOf(t, n, address).VerifyHostname(fixtures.ClusterIP), "the certificate lacks the service's address")

	ca := filepath.Join(certificates, "ca.crt")
	trusting := parts.Client{Network: n, CA: ca}
	image := fixtures.ClusterIP + "/app:1"
	trusting.Push(t, image)
	for _, name := range []string{image, address + "/app:1"} {
		digest, err := trusting.Run(t, "digest", name)
		require.NoError(t, err)
		_, err = trusting.Run(t, "pull", fixtures.ClusterIP+"/app@"+digest, filepath.Join(t.TempDir(), "image.tar"))
		assert.NoError(t, err)
	}
	for who, stranger := range map[string]parts.Client{
		"one that trusts nobody":     {Network: n},
		"one that trusts another CA": {Network: n, CA: fileWith(t, fixtures.SelfSignedLeaf().Crt)},
	} {
		_, err := stranger.Run(t, "pull", image, filepath.Join(t.TempDir(), "image.tar"))
		assert.ErrorContains(t, err, "x509: certificate signed by unknown authority", who)
	}
}

// clusterSecrets are the Secrets that the cluster has beside the manifests: the one
// that is named, or the one that cert-manager makes of the manifests.
func clusterSecrets(t *testing.T, v fixtures.Variant, scenario string, d parts.Deployed) map[string]corev1.Secret {
	t.Helper()
	switch scenario {
	case "kubernetes-secret":
		leaf := fixtures.Leaf()
		return map[string]corev1.Secret{"k8secret": {Data: map[string][]byte{"tls.crt": leaf.Crt, "tls.key": leaf.Key, "ca.crt": leaf.CA}}}
	case "preinstalled-cert-manager":
		return issued(t, "site-"+v.Name, d)
	}
	return nil
}

// issued has the real cert-manager issue what the manifests ask for.
func issued(t *testing.T, namespace string, d parts.Deployed) map[string]corev1.Secret {
	t.Helper()
	cluster := parts.SharedCluster(t)
	cluster.StartCertManager(t)
	cluster.Kubectl(t, "create", "namespace", namespace)
	secrets := map[string]corev1.Secret{}
	for _, manifest := range d.Issued {
		var object map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(manifest), &object))
		metadata := object["metadata"].(map[string]any)
		delete(metadata, "namespace")
		text, err := yaml.Marshal(object)
		require.NoError(t, err)
		_, stderr, err := cluster.KubectlInput(text, "apply", "--namespace", namespace, "-f", "-")
		require.NoError(t, err, stderr)
	}
	cluster.Kubectl(t, "wait", "--namespace", namespace, "--for=condition=Ready", "--timeout=60s", "certificates.cert-manager.io", "--all")
	var list corev1.SecretList
	require.NoError(t, yaml.Unmarshal([]byte(cluster.Kubectl(t, "get", "secrets", "--namespace", namespace, "-o", "yaml")), &list))
	for _, s := range list.Items {
		secrets[s.Name] = s
	}
	return secrets
}
