package trust_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// The real trust-manager takes the Bundle, which the API server holds against its CRD
// strictly, and pods of every namespace find the CA: the one that stands in it, and the
// one of a Secret that it names, of which it takes nothing else.
func TestBundleReachesPods(t *testing.T) {
	cluster := parts.SharedCluster(t)
	const release, pods = "connected-registry", "pods"
	cluster.Kubectl(t, "create", "namespace", release)
	cluster.Kubectl(t, "create", "namespace", pods)
	cluster.StartTrustManager(t, release)

	cluster.Apply(t, []byte(trust(t, ownFiles, "", "bundle")))
	assertDistributed(t, cluster, pods, leaf().CA)

	other := fixtures.SelfSignedLeaf()
	secret, err := json.Marshal(corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "k8secret", Namespace: release}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{"tls.crt": other.Crt, "tls.key": other.Key, "ca.crt": other.CA},
	})
	require.NoError(t, err)
	cluster.Apply(t, secret)
	cluster.Apply(t, []byte(trust(t, ownSecret, "", "bundle", "--trust-namespace", release)))
	assertDistributed(t, cluster, pods, other.CA)
}

// assertDistributed waits until a namespace has the ConfigMap with this CA alone.
func assertDistributed(t *testing.T, cluster *parts.Cluster, namespace string, ca []byte) {
	t.Helper()
	var found corev1.ConfigMap
	parts.Eventually(t, "the CA is in namespace "+namespace, func() string {
		stdout, stderr, err := cluster.TryKubectl("get", "configmap", "connected-registry-ca", "--namespace", namespace, "-o", "json")
		if err != nil {
			return stderr
		}
		found = corev1.ConfigMap{}
		require.NoError(t, json.Unmarshal([]byte(stdout), &found))
		if strings.TrimSpace(found.Data["ca.crt"]) != strings.TrimSpace(string(ca)) {
			return "another CA"
		}
		return ""
	})
	assert.Len(t, found.Data, 1)
	assert.Empty(t, found.BinaryData)
}
