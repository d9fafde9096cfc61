// Package node runs the registry of every documented scenario on a real node: helm
// installs it through our post-renderer, kubelet and containerd run its pods. The
// registry's image cannot be had; parts/standin plays it.
package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// promise is what the documentation says of a scenario.
type promise struct {
	scenario string
	// issued: cert-manager makes the certificate. Else it is the fixtures' own, or with
	// http there is none.
	issued, http bool
	// bundled: the chart's cert-manager is installed.
	bundled bool
	// trust: nodes are made to trust the certificate's CA.
	trust bool
}

var promises = []promise{
	{scenario: "secure-by-default", issued: true, bundled: true, trust: true},
	{scenario: "preinstalled-cert-manager", issued: true, trust: true},
	{scenario: "byoc", trust: true},
	{scenario: "kubernetes-secret", trust: true},
	{scenario: "own-trust-distribution"},
	{scenario: "http", http: true},
}

func TestNode(t *testing.T) {
	s := newSite(t)
	for _, p := range promises {
		t.Run(p.scenario, func(t *testing.T) { s.keeps(t, p) })
	}
	for _, p := range []promise{{scenario: "byoc", trust: true}, {scenario: "http", http: true}} {
		t.Run("lookalike/"+p.scenario, func(t *testing.T) { s.lookalike(t).keeps(t, p) })
	}
	t.Run("rotation", s.rotation)
	t.Run("selector", s.selector)
	t.Run("read-only root", s.readOnlyRoot)
	t.Run("left running", s.leaveRunning)
	s.page.compare(t)
}

func (s *site) keeps(t *testing.T, p promise) {
	r := s.install(t, p.scenario)
	r.readyPod(t)
	if p.http {
		r.assertEndpoint(t, 80)
		r.assertPlainHTTP(t)
		s.page.seen(t, p.scenario, "the pod is ready and serves plain HTTP, and nothing else, behind port 80 of its Service; it has no certificate")
	} else {
		r.assertEndpoint(t, 443)
		pair := fixtures.Leaf()
		if p.issued {
			pair = r.issued(t)
		}
		r.assertServes(t, pair)
		s.page.seen(t, p.scenario, "the pod is ready and serves "+source(p)+"; a client that knows its CA accepts it for the Service's address and name, another one does not; the certificate's folder is read-only, the data is not")
		r.assertTrust(t, p.trust, pair.CA)
		s.page.seen(t, p.scenario, trust(p))
	}
	r.assertBundled(t, p.bundled)
}

// rotation: a new certificate is a new pod, and the same one is not.
func (s *site) rotation(t *testing.T) {
	r := s.install(t, "byoc")
	first := r.readyPod(t)
	r.assertServes(t, fixtures.Leaf())

	r.upgrade(t)
	assert.Equal(t, first.UID, r.readyPod(t).UID, "an upgrade that changes nothing keeps the pod")

	r.writeCertificate(t, fixtures.RenewedLeaf())
	r.upgrade(t)
	assert.NotEqual(t, first.UID, r.readyPod(t).UID, "a new certificate is a new pod")
	r.assertServes(t, fixtures.RenewedLeaf())
	s.page.seen(t, "byoc", "`helm upgrade` with a new certificate replaces the pod, and the new one serves it; without a change the pod stays")
}

// selector: with useNodeSelector the trust distribution runs on labelled nodes.
func (s *site) selector(t *testing.T) {
	r := s.install(t, "byoc")
	r.assertTrustPods(t, 1)

	r.layer(t, "selector", "{trustDistribution: {useNodeSelector: true}}")
	r.assertTrustPods(t, 0)
	s.cluster.Kubectl(t, "label", "node", s.node.Name, "containerd-configured-by=connected-registry")
	r.assertTrustPods(t, 1)
	s.cluster.Kubectl(t, "label", "node", s.node.Name, "containerd-configured-by-")
	r.assertTrustPods(t, 0)
	s.page.seen(t, "byoc with `useNodeSelector: true`", "the trust distribution's pod runs while the node has the label, and only then")

	r.layer(t, "everywhere", "{trustDistribution: {useNodeSelector: false}}")
	r.assertTrustPods(t, 1)
	r.layer(t, "nowhere", "{trustDistribution: {enabled: false}}")
	r.assertTrust(t, false, nil)
	s.page.seen(t, "byoc with `trustDistribution.enabled: false` later", "the trust distribution's pod is gone after `helm upgrade`")
}

// readOnlyRoot: the paths that are declared stay writable, and nothing else.
func (s *site) readOnlyRoot(t *testing.T) {
	r := s.install(t, "byoc")
	before := r.readyPod(t)
	ca := fixtures.Leaf().CA
	assert.Empty(t, r.writing(t, ca, "/")["/"], "the root is writable unless the scenario says otherwise")

	r.layer(t, "read-only", "{mode: ReadOnly, readOnly: {rootFilesystem: true, writablePaths: [/tmp, /var/log/registry]}}")
	require.NotEqual(t, before.UID, r.readyPod(t).UID)
	r.assertServes(t, fixtures.Leaf())
	assert.Equal(t, map[string]string{"/": readOnly, "/var": readOnly, "/tmp": "", "/var/log/registry": "", "/var/acr/data": ""},
		r.writing(t, ca, "/", "/var", "/tmp", "/var/log/registry", "/var/acr/data"))
	s.page.seen(t, "byoc with `readOnly.rootFilesystem: true`", "the container cannot write to its root, but to `writablePaths` and its data")
}

// leaveRunning is there for the end of the node, which asserts that nothing is left of
// it, whatever it ran.
func (s *site) leaveRunning(t *testing.T) {
	s.cluster.Apply(t, []byte(`apiVersion: v1
kind: Pod
metadata: {name: left, namespace: default}
spec:
  nodeName: `+s.node.Name+`
  hostNetwork: true
  containers: [{name: left, image: "`+s.images[0]+`", imagePullPolicy: Never, args: [pause]}]
`))
	s.cluster.Kubectl(t, "wait", "pod/left", "--namespace", "default", "--for=condition=Ready", "--timeout=60s")
}

// readOnly is what the kernel says of a write to a read-only file system.
const readOnly = "read-only file system"

// assertServes: clients that trust the CA accept the registry by the names of its
// Service, others do not; and the pod cannot alter its certificate.
func (r *release) assertServes(t *testing.T, pair fixtures.Pair) {
	t.Helper()
	served, _ := pem.Decode(pair.Crt)
	for _, name := range []string{fixtures.ClusterIP, r.variant.Service + "." + r.variant.Namespace + ".svc.cluster.local"} {
		connection, err := tls.Dial("tcp", r.address(), &tls.Config{RootCAs: pool(t, pair.CA), ServerName: name})
		require.NoError(t, err, name)
		assert.Equal(t, served.Bytes, connection.ConnectionState().PeerCertificates[0].Raw, "it serves another certificate")
		require.NoError(t, connection.Close())
	}
	_, err := tls.Dial("tcp", r.address(), &tls.Config{RootCAs: x509.NewCertPool(), ServerName: fixtures.ClusterIP})
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown, "a client without the CA")
	assert.Equal(t, map[string]string{r.certificates: readOnly, "/var/acr/data": ""},
		r.writing(t, pair.CA, r.certificates, "/var/acr/data"))
}

func (r *release) assertPlainHTTP(t *testing.T) {
	t.Helper()
	assert.Equal(t, map[string]string{r.certificates: "no such file or directory", "/var/acr/data": ""},
		r.writing(t, nil, r.certificates, "/var/acr/data"))
	_, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true})
	var header tls.RecordHeaderError
	require.ErrorAs(t, err, &header, "a client that speaks TLS")
}
