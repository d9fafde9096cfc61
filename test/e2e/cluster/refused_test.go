package cluster_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/test/e2e/parts"
)

// refused installs a scenario and returns what the user sees of its failure.
func (r *release) refused(t *testing.T, scenario string, more ...string) string {
	t.Helper()
	_, stderr, err := r.try(t, helm3(t), r.args(helm3(t), "install", scenario, more...)...)
	require.Error(t, err)
	return stderr
}

// at is a documented scenario at another address.
func (r *release) at(t *testing.T, row, address string) string {
	t.Helper()
	return r.scenarioOf(t, strings.ReplaceAll(readFile(t, r.scenario(t, row)), r.address, address))
}

func TestAddressRefused(t *testing.T) {
	r := newRelease(t, "address-refused")
	outside := r.refused(t, r.at(t, "http", "10.0.171.99"))
	documented(t, "the provided network does not match the current range", outside)

	other := newRelease(t, "address-taken")
	other.helm(t, helm3(t), "install", other.scenario(t, "http"))
	_, _, err := r.try(t, helm3(t), "uninstall", r.variant.Release, "--no-hooks")
	require.NoError(t, err, "a failed installation is there, and is in the way of the next")
	documented(t, "provided IP is already allocated", r.refused(t, r.at(t, "http", other.address)))
}

// What Kubernetes does not let be changed, and the way out.
func TestImmutable(t *testing.T) {
	r := newRelease(t, "immutable")
	withClass := func(scenario, class string) string {
		return r.scenarioOf(t, readFile(t, scenario)+"  pvc:\n    storageClassName: "+class+"\n")
	}
	r.helm(t, helm3(t), "install", withClass(r.scenario(t, "http"), "standard"))
	moved := withClass(r.at(t, "http", "192.100.101.1"), "standard")
	_, stderr, err := r.try(t, helm3(t), r.args(helm3(t), "upgrade", moved)...)
	require.Error(t, err)
	documented(t, "may not change once set", stderr)
	r.cluster.Kubectl(t, "delete", "service", r.variant.Service, "--namespace", r.variant.Namespace)
	r.helm(t, helm3(t), "upgrade", moved)

	other := withClass(r.at(t, "http", "192.100.101.1"), "local-path")
	_, stderr, err = r.try(t, helm3(t), r.args(helm3(t), "upgrade", other)...)
	require.Error(t, err)
	documented(t, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims", stderr)
	r.cluster.Kubectl(t, "delete", "pvc", r.variant.Claim, "--namespace", r.variant.Namespace)
	r.helm(t, helm3(t), "upgrade", other)
	assert.Equal(t, "local-path", r.cluster.Kubectl(t, "get", "pvc", r.variant.Claim, "--namespace", r.variant.Namespace,
		"-o", "jsonpath={.spec.storageClassName}"))
}

// install: false where there is no cert-manager.
func TestWithoutCertManager(t *testing.T) {
	c := parts.SharedCluster(t)
	c.RemoveCertManager(t)
	r := newRelease(t, "without-cert-manager")
	documented(t, `no matches for kind "Certificate" in version "cert-manager.io/v1"`, r.refused(t, r.scenario(t, "preinstalled-cert-manager")))
	c.InstallCertManagerCRDs(t)
	r.helm(t, helm3(t), "install", r.scenario(t, "preinstalled-cert-manager"))
}

// install: true beside a cert-manager that the cluster has.
func TestSecondCertManager(t *testing.T) {
	parts.SharedCluster(t).InstallCertManagerCRDs(t)
	r := newRelease(t, "second-cert-manager")
	says := r.refused(t, r.scenario(t, "secure-by-default"), "--set", "cert-manager.crds.enabled=true")
	documented(t, "exists and cannot be imported into the current release: invalid ownership metadata", says)
	r.helm(t, helm3(t), "install", r.scenario(t, "preinstalled-cert-manager"), "--set", "cert-manager.crds.enabled=true")
}

// The API server takes a registry whose Secret is not there, or has no key: that
// shows on the node only. It does not take a kubernetes.io/tls Secret without a key.
func TestNamedSecret(t *testing.T) {
	r := newRelease(t, "named-secret")
	r.helm(t, helm3(t), "install", r.scenario(t, "kubernetes-secret"))
	_, stderr, err := r.cluster.TryKubectl("get", "secret", "k8secret", "--namespace", r.variant.Namespace)
	require.Error(t, err)
	assert.Contains(t, stderr, `secrets "k8secret" not found`)

	_, stderr, err = r.cluster.TryKubectl("create", "secret", "generic", "k8secret", "--type=kubernetes.io/tls",
		"--namespace", r.variant.Namespace, "--from-literal=tls.crt=x")
	require.Error(t, err)
	documented(t, "data[tls.key]: Required value", stderr)
	r.cluster.Kubectl(t, "create", "secret", "generic", "k8secret", "--namespace", r.variant.Namespace, "--from-literal=crt=x")
	r.helm(t, helm3(t), "upgrade", r.scenario(t, "kubernetes-secret"))
}

func TestNamespaceBeingTerminated(t *testing.T) {
	r := newRelease(t, "terminated")
	r.cluster.Apply(t, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: terminated, finalizers: [example.com/held]}\n"))
	r.cluster.Kubectl(t, "delete", "namespace", "terminated", "--wait=false")
	documented(t, "because it is being terminated", r.refused(t, r.scenario(t, "http")))
	r.cluster.Kubectl(t, "patch", "configmap", "held", "--namespace", "terminated", "--type=merge", "--patch", `{"metadata":{"finalizers":null}}`)
	r.cluster.Kubectl(t, "wait", "--for=delete", "namespace/terminated", "--timeout=60s")
	r.helm(t, helm3(t), "install", r.scenario(t, "http"), "--create-namespace")
}

// The bundled cert-manager in the same release: why it cannot be installed in one
// step, and that it can as the page says.
func TestBundledCertManager(t *testing.T) {
	c := parts.SharedCluster(t)
	c.RemoveCertManager(t)
	r := newRelease(t, "bundled")
	documented(t, `no matches for kind "Certificate" in version "cert-manager.io/v1"`,
		r.refused(t, r.scenario(t, "secure-by-default"), "--set", "cert-manager.crds.enabled=true"))
	c.InstallCertManagerCRDs(t)

	// Whether the first installation fails is a race with the API server, which needs
	// a moment to know of a webhook.
	_, _, _ = r.try(t, helm3(t), r.args(helm3(t), "install", r.scenario(t, "secure-by-default"))...)
	issuer := []byte("apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: more, namespace: bundled}\nspec: {selfSigned: {}}\n")
	var says string
	parts.Eventually(t, "the webhook that does not run is in the way", func() string {
		_, stderr, err := c.KubectlInput(issuer, "create", "--dry-run=server", "-f", "-")
		if says = stderr; err == nil {
			return "the API server takes an Issuer"
		}
		return ""
	})
	documented(t, `failed calling webhook "webhook.cert-manager.io"`, says)
	r.uninstall(t, helm3(t), nil)
	c.RemoveCertManager(t)

	runPage(t, c)
	found := c.Kubectl(t, "get", "certificates,issuers", "--namespace", "connected-registry")
	assert.Contains(t, found, "certificate.cert-manager.io/connected-registry-tls-cert")
	assert.Contains(t, found, "issuer.cert-manager.io/connected-registry-ca-issuer")
}
