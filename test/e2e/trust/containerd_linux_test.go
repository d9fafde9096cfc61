// Package trust_test shows that what the command trust writes is what real clients
// read: containerd 1.x and 2.x, and trust-manager's API.
package trust_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

const (
	ipv6 = "fd00:10::5"
	head = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: site}\nspec:\n" +
		"  certManager: {enabled: false}\n  trustDistribution: {enabled: false}\n"
	ownFiles  = head + "  service: {clusterIP: " + fixtures.ClusterIP + "}\n  tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}\n"
	ownIPv6   = head + "  service: {clusterIP: \"" + ipv6 + "\"}\n  tls: {secret: k8secret}\n"
	ownSecret = head + "  service: {clusterIP: " + fixtures.ClusterIP + "}\n  tls: {secret: k8secret}\n"
	plain     = head + "  service: {clusterIP: " + fixtures.ClusterIP + "}\n  httpEnabled: true\n"
)

// leaf is a certificate for both addresses.
func leaf() fixtures.Pair { return fixtures.LeafFor([]string{fixtures.ClusterIP, ipv6}, nil) }

// writeLeaf writes it as the files that a registry and a scenario read.
func writeLeaf(t *testing.T, dir string) {
	t.Helper()
	pair := leaf()
	for name, data := range map[string][]byte{"tls.crt": pair.Crt, "tls.key": pair.Key, "ca.crt": pair.CA} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

// trust runs the command for a scenario on a render of the chart; what it writes goes
// to dir, if that is given.
func trust(t *testing.T, scenario, dir, who string, more ...string) (stdout string) {
	t.Helper()
	desk := t.TempDir()
	writeLeaf(t, desk)
	require.NoError(t, os.WriteFile(filepath.Join(desk, "scenario.yaml"), []byte(scenario), 0o600))
	args := append([]string{"trust", who, "--scenario", "scenario.yaml"}, more...)
	if dir != "" {
		args = append(args, "--output-dir", dir)
	}
	render := fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))
	stdout, _, err := parts.RunIn(desk, fixtures.Program(t), render, args...)
	require.NoError(t, err)
	return stdout
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(text)
}

// containerd is one of the two majors.
type containerd struct {
	path string
	// file is the one that is for its config.toml.
	file string
	// ipv6 says that it takes images named by an IPv6 address.
	ipv6 bool
}

func containerds(t *testing.T) map[string]containerd {
	t.Helper()
	return map[string]containerd{
		"containerd 1": {parts.Installed(t, "containerd", "containerd"), "config-1.x.toml", false},
		"containerd 2": {parts.Containerd2(t), "config-2.x.toml", true},
	}
}

// assertFilesMakeItPull starts a containerd whose configuration is the file that trust
// wrote, as it is. It pulls nothing before it has certs.d, and everything after, without
// a restart.
func assertFilesMakeItPull(t *testing.T, n *parts.Network, node, refusal string, images ...string) {
	t.Helper()
	for name, which := range containerds(t) {
		t.Run(name, func(t *testing.T) {
			c := parts.StartContainerd(t, n, which.path, readFile(t, node, which.file))
			images := slices.DeleteFunc(slices.Clone(images), func(image string) bool {
				refused := strings.HasPrefix(image, "[") && !which.ipv6
				if refused {
					assert.ErrorContains(t, c.Pull(image), "invalid reference format", image)
				}
				return refused
			})
			for _, image := range images {
				assert.ErrorContains(t, c.Pull(image), refusal, image)
			}
			require.NoError(t, os.CopyFS(c.CertsDir, os.DirFS(filepath.Join(node, "certs.d"))))
			for _, image := range images {
				assert.NoError(t, c.Pull(image), image)
			}
		})
	}
}

// A node pulls over TLS by every spelling of the registry's address, IPv6 included.
func TestContainerdPulls(t *testing.T) {
	certificates, node := t.TempDir(), t.TempDir()
	writeLeaf(t, certificates)
	n := parts.StartNetwork(t, fixtures.ClusterIP, ipv6)
	parts.StartRegistry(t, n, parts.RegistryConfig{Address: ":443", Certificates: certificates})
	parts.Client{Network: n, CA: filepath.Join(certificates, "ca.crt")}.Push(t, fixtures.ClusterIP+"/app:1")

	trust(t, ownFiles, node, "containerd")
	trust(t, ownIPv6, node, "containerd", "--ca", "ca.crt")
	assertFilesMakeItPull(t, n, node, "x509: certificate signed by unknown authority",
		fixtures.ClusterIP+"/app:1", fixtures.ClusterIP+":443/app:1", "["+ipv6+"]/app:1", "["+ipv6+"]:443/app:1")
}

// The same for plain HTTP, at port 80.
func TestContainerdPullsByPlainHTTP(t *testing.T) {
	node := t.TempDir()
	n := parts.StartNetwork(t, fixtures.ClusterIP)
	parts.StartRegistry(t, n, parts.RegistryConfig{Address: fixtures.ClusterIP + ":80"})
	parts.Client{Network: n}.Push(t, fixtures.ClusterIP+":80/app:1", "--insecure")

	trust(t, plain, node, "containerd")
	assertFilesMakeItPull(t, n, node, fixtures.ClusterIP, fixtures.ClusterIP+"/app:1", fixtures.ClusterIP+":80/app:1")
}

// Each containerd says that it goes by what is for its config.toml.
func TestContainerdReadsTheConfiguration(t *testing.T) {
	node := t.TempDir()
	trust(t, ownFiles, node, "containerd")
	for name, which := range containerds(t) {
		t.Run(name, func(t *testing.T) {
			dump, err := exec.Command(which.path, "--config", filepath.Join(node, which.file), "config", "dump").Output()
			require.NoError(t, err)
			assert.Regexp(t, `config_path = ["']/etc/containerd/certs\.d["']`, string(dump))
		})
	}
}
