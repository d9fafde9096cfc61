package cluster_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

const loginServer = "registry.example.com"

// preinstalled is the scenario of that name with a login server and more settings
// of cert-manager's.
func (r *release) preinstalled(t *testing.T, settings string) string {
	t.Helper()
	return r.scenarioOf(t, fmt.Sprintf(`apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata:
  name: preinstalled-cert-manager
spec:
  service: {clusterIP: %s}
  certManager: {enabled: true, install: false%s}
  registryLoginServer: %s
  trustDistribution: {enabled: true}
`, r.address, settings, loginServer))
}

// The real cert-manager issues what the registry mounts, whether the chart brings its
// own Certificate or our program adds one, and renews it.
func TestCertManager(t *testing.T) {
	parts.SharedCluster(t).StartCertManager(t)
	for name, values := range map[string]string{
		"of-the-chart": "cert-manager.enabled=true,cert-manager.install=false",
		"added":        "cert-manager.enabled=false,cert-manager.install=false",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t, "certificate-"+name)
			r.helm(t, helm3(t), "install", r.preinstalled(t, ""), "--set", values)
			secret := r.issued(t)
			r.assertServes(t, secret, secret.Data["ca.crt"])
			assert.Equal(t, secret.Data["ca.crt"], r.trusted(t), "what the nodes are told to trust")

			r.renew(t, secret.Name)
			parts.Eventually(t, "the Secret holds a new certificate", func() string {
				if bytes.Equal(r.secret(t, secret.Name).Data[corev1.TLSCertKey], secret.Data[corev1.TLSCertKey]) {
					return "the old one"
				}
				return ""
			})
			renewed := r.issued(t)
			r.assertServes(t, renewed, secret.Data["ca.crt"])
			assert.Equal(t, renewed.Data["ca.crt"], r.trusted(t), "a renewal needs no new trust")
		})
	}
}

// A user's own ClusterIssuer, whose CA the plant has.
func TestClusterIssuer(t *testing.T) {
	c := parts.SharedCluster(t)
	c.StartCertManager(t)
	ca := fixtures.Authority()
	encode := base64.StdEncoding.EncodeToString
	c.Apply(t, []byte(fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: v1
kind: Secret
metadata: {name: plant-ca, namespace: %[1]s}
type: kubernetes.io/tls
data: {tls.crt: %[2]s, tls.key: %[3]s}
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: plant-ca}
spec: {ca: {secretName: plant-ca}}
`, parts.CertManagerNamespace, encode(ca.Crt), encode(ca.Key))))
	r := newRelease(t, "cluster-issuer")
	r.helm(t, helm3(t), "install", r.preinstalled(t, ", issuerRef: {name: plant-ca, kind: ClusterIssuer}, duration: 48h, renewBefore: 24h"))
	secret := r.issued(t)
	r.assertServes(t, secret, ca.Crt)
	assert.Equal(t, string(ca.Crt), string(r.trusted(t)), "what the nodes are told to trust")
	crt := certificate(t, secret.Data[corev1.TLSCertKey])
	assert.Equal(t, 48*time.Hour, crt.NotAfter.Sub(crt.NotBefore))

	r.helm(t, helm3(t), "upgrade", r.scenario(t, "http"))
	assert.Empty(t, r.cluster.Kubectl(t, "get", "certificates", "--namespace", r.variant.Namespace, "-o", "name"))
	assert.Equal(t, secret.Data, r.secret(t, secret.Name).Data, "what cert-manager wrote stays, as the page says")
}

// get decodes a live object of the release's namespace.
func (r *release) get(t *testing.T, kind, name string, into any) {
	t.Helper()
	text := r.cluster.Kubectl(t, "get", kind, name, "--namespace", r.variant.Namespace, "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(text), into))
}

func (r *release) secret(t *testing.T, name string) corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	r.get(t, "secret", name, &secret)
	return secret
}

// issued waits until every Certificate of the namespace is Ready, and returns the
// Secret that the registry mounts.
func (r *release) issued(t *testing.T) corev1.Secret {
	t.Helper()
	namespace := r.variant.Namespace
	parts.Eventually(t, "all Certificates are ready", func() string {
		var list cmapi.CertificateList
		require.NoError(t, json.Unmarshal([]byte(r.cluster.Kubectl(t, "get", "certificates", "--namespace", namespace, "-o", "json")), &list))
		if len(list.Items) == 0 {
			return "there is none"
		}
		for _, one := range list.Items {
			ready := false
			for _, condition := range one.Status.Conditions {
				ready = ready || condition.Type == cmapi.CertificateConditionReady && condition.Status == "True"
			}
			if !ready {
				return fmt.Sprintf("%s: %v", one.Name, one.Status.Conditions)
			}
		}
		return ""
	})
	var workload appsv1.Deployment
	r.get(t, "deployment", r.variant.Release, &workload)
	return r.secret(t, mounted(t, workload.Spec.Template.Spec, "/var/acr/certs").SecretName)
}

// mounted is the Secret volume that a pod's first container has at a path.
func mounted(t *testing.T, pod corev1.PodSpec, path string) *corev1.SecretVolumeSource {
	t.Helper()
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if mount.MountPath == path && volume.Name == mount.Name {
				require.NotNil(t, volume.Secret, "%s is no Secret", path)
				return volume.Secret
			}
		}
	}
	require.Fail(t, "nothing is mounted", path)
	return nil
}

// trusted is the CA that the trust distribution's DaemonSet mounts.
func (r *release) trusted(t *testing.T) []byte {
	t.Helper()
	var trust appsv1.DaemonSet
	r.get(t, "daemonset", r.variant.Trust, &trust)
	source := mounted(t, trust.Spec.Template.Spec, "/ca")
	data := r.secret(t, source.SecretName).Data[source.Items[0].Key]
	require.NotEmpty(t, data, "%s has no %s", source.SecretName, source.Items[0].Key)
	return data
}

// assertServes verifies the certificate as a client would, by each of its names.
func (r *release) assertServes(t *testing.T, secret corev1.Secret, ca []byte) {
	t.Helper()
	assert.Equal(t, corev1.SecretTypeTLS, secret.Type)
	crt := certificate(t, secret.Data[corev1.TLSCertKey])
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	for _, name := range []string{r.serviceName(), r.address, loginServer} {
		_, err := crt.Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
		assert.NoError(t, err, name)
	}
}

func certificate(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	crt, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return crt
}

// renew asks for a renewal of the Certificate that writes a Secret, as cmctl does.
func (r *release) renew(t *testing.T, secret string) {
	t.Helper()
	name := strings.TrimSpace(r.cluster.Kubectl(t, "get", "certificates", "--namespace", r.variant.Namespace,
		"-o", `jsonpath={.items[?(@.spec.secretName=="`+secret+`")].metadata.name}`))
	r.cluster.Kubectl(t, "patch", "certificate", name, "--namespace", r.variant.Namespace, "--subresource=status", "--type=json", "--patch",
		`[{"op":"add","path":"/status/conditions/-","value":{"type":"Issuing","status":"True","reason":"ManuallyTriggered",`+
			`"message":"a test asks for it","lastTransitionTime":"`+time.Now().UTC().Format(time.RFC3339)+`"}}]`)
}
