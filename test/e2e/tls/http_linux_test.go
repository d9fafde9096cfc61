package tls_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// Plain HTTP is an error unless it is asked for, a warning where it is, and then works
// at the Service's port for HTTP, with no certificate left in the pod.
func TestPlainHTTP(t *testing.T) {
	for _, v := range fixtures.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			manifests, _, err := patched(t, v, "http", "{httpEnabled: false}\n")
			require.ErrorContains(t, err, "spec.certManager.enabled: nothing would provide a certificate for HTTPS")
			assert.Empty(t, manifests)

			manifests, stderr, err := patched(t, v, "http", "{}\n")
			require.NoError(t, err)
			assert.Contains(t, stderr, "warning: tlsmount: the registry serves plain HTTP")
			d := parts.ReadDeployed(t, manifests)
			for _, m := range d.Container.VolumeMounts {
				assert.NotContains(t, m.MountPath, d.Env("ACR_REGISTRY_CERTIFICATE_VOLUME", "/var/acr/certs"))
			}
			assertPullsByHTTP(t, v, d)
		})
	}
}

func assertPullsByHTTP(t *testing.T, v fixtures.Variant, d parts.Deployed) {
	t.Helper()
	n, address := serve(t, d, portName(v, "http"), "")
	require.Equal(t, fixtures.ClusterIP+":80", address)
	client := parts.Client{Network: n}
	image := fixtures.ClusterIP + "/app:1"
	client.Push(t, image, "--insecure")
	for _, name := range []string{image, address + "/app:1"} {
		_, err := client.Run(t, "pull", "--insecure", name, filepath.Join(t.TempDir(), "image.tar"))
		assert.NoError(t, err)
	}
	_, err := client.Run(t, "pull", image, filepath.Join(t.TempDir(), "image.tar"))
	assert.ErrorContains(t, err, "connection refused", "nothing answers at the port for HTTPS")
	_, err = client.Run(t, "pull", address+"/app:1", filepath.Join(t.TempDir(), "image.tar"))
	assert.ErrorContains(t, err, "server gave HTTP response to HTTPS client")
}
