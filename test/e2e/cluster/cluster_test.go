// Package cluster_test runs every documented scenario against a real API server, real
// controllers and the real cert-manager, through real helms.
package cluster_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/fixtures/tools"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

var update = flag.Bool("update", false, "write what the tests ran into docs/hosts.md; read the diff")

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// ran records a run against the cluster for docs/hosts.md.
func ran(t *testing.T, h helm, way string) {
	t.Helper()
	kubernetes, err := tools.KubernetesVersion()
	require.NoError(t, err)
	fixtures.Ran(t, *update, h.name, h.version, way+", Kubernetes "+kubernetes)
}

// Every scenario is installed by both helms, and the API server takes every field of
// what our program makes.
func TestInstall(t *testing.T) {
	parts.SharedCluster(t).InstallCertManagerCRDs(t)
	for _, h := range []helm{helm3(t), helm4(t)} {
		for _, row := range fixtures.Rows() {
			t.Run(h.home+"/"+row.Name, func(t *testing.T) {
				r := newRelease(t, h.home+"-"+row.Name)
				r.skipWebhooks(t)
				r.createSecret(t)
				scenario := r.scenario(t, row.Name)
				output := r.helm(t, h, "template", scenario)
				_, stderr, err := r.cluster.KubectlInput([]byte(output), "apply", "--dry-run=server", "--validate=strict", "-f", "-")
				require.NoError(t, err, stderr)
				assert.NotContains(t, stderr, "unknown field")

				r.helm(t, h, "install", scenario)
				r.verify(t, h, scenario)
				assert.Contains(t, r.cluster.Kubectl(t, "get", "service", r.variant.Service, "--namespace", r.variant.Namespace,
					"-o", "jsonpath={.spec.clusterIP}"), r.address)
				ran(t, h, "`helm install` of every scenario, strict validation by the API server")
			})
		}
	}
}

// skipWebhooks has a bundled cert-manager's webhook leave the namespace alone: see
// docs/cluster.md.
func (r *release) skipWebhooks(t *testing.T) {
	t.Helper()
	r.cluster.Kubectl(t, "label", "namespace", r.variant.Namespace, "cert-manager.io/disable-validation=true")
}

// verify asks the program whether the release is what the scenario says.
func (r *release) verify(t *testing.T, h helm, scenario string) {
	t.Helper()
	manifest, stderr, err := r.try(t, h, "get", "manifest", r.variant.Release)
	require.NoError(t, err, stderr)
	cmd := exec.Command(fixtures.Program(t), "verify", "--scenario", filepath.Base(scenario))
	cmd.Dir, cmd.Stdin = filepath.Dir(scenario), strings.NewReader(manifest)
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, string(output))
}

// The API server takes every field of what our program makes of the other charts too,
// and of a scenario that states everything.
func TestStrictValidation(t *testing.T) {
	c := parts.SharedCluster(t)
	c.InstallCertManagerCRDs(t)
	for _, v := range fixtures.Variants()[1:] {
		v.Namespace = "strict-" + v.Name
		c.Kubectl(t, "create", "namespace", v.Namespace)
		t.Cleanup(func() { c.Kubectl(t, "delete", "namespace", v.Namespace, "--wait=false") })
		for _, row := range []string{"preinstalled-cert-manager", "byoc", "http"} {
			if v.HTTPOnly && row != "http" {
				continue // an error that the plugin's tests are about
			}
			t.Run(v.Name+"/"+row, func(t *testing.T) {
				r := &release{cluster: c, variant: v, address: fixtures.ClusterIP}
				r.dryRun(t, r.scenario(t, row))
			})
		}
	}
	r := newRelease(t, "every-field")
	r.dryRun(t, r.scenarioOf(t, everyField))
}

const everyField = `apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata:
  name: every-field
spec:
  mode: ReadOnly
  readOnly: {rootFilesystem: true, writablePaths: [/tmp, /var/run]}
  service: {clusterIP: "fd00:c0de::7"}
  certManager:
    enabled: true
    install: false
    issuerRef: {name: plant-ca, kind: ClusterIssuer}
    duration: 48h
    renewBefore: 24h
    privateKey: {algorithm: ECDSA, size: 384}
    dnsNames: [registry.plant.example.com]
    ipAddresses: ["192.0.2.7"]
  registryLoginServer: registry.example.com:8443
  trustDistribution: {enabled: true, useNodeSelector: true}
  pvc: {storageClassName: standard, storageRequest: 20Gi}
`

// dryRun has the API server judge what our program makes of the chart's render.
func (r *release) dryRun(t *testing.T, scenario string) {
	t.Helper()
	patch := exec.Command(fixtures.Program(t), "post-render", "--namespace", r.variant.Namespace, "--scenario", scenario)
	patch.Stdin = bytes.NewReader(r.variant.Render(t, nil))
	var errOut bytes.Buffer
	patch.Stderr = &errOut
	output, err := patch.Output()
	require.NoError(t, err, errOut.String())
	_, stderr, err := r.cluster.KubectlInput(output, "apply", "--dry-run=server", "--validate=strict", "--namespace", r.variant.Namespace, "-f", "-")
	require.NoError(t, err, stderr)
	assert.NotContains(t, stderr, "unknown field")
}

// A cluster with IPv6 beside IPv4: the address decides of which family the Service is.
func TestIPv6(t *testing.T) {
	r := newRelease(t, "ipv6")
	r.helm(t, helm3(t), "install", r.at(t, "http", "fd00:c0de::8"))
	assert.Equal(t, "fd00:c0de::8", r.cluster.Kubectl(t, "get", "service", r.variant.Service, "--namespace", r.variant.Namespace,
		"-o", "jsonpath={.spec.clusterIP}"))
}
