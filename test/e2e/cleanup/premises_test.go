//go:build premises

// The tests that break what a script needs, one premise at a time, take long: make
// e2e-premises runs them.

package cleanup_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// The volumes of a class that retains them, and the nodes' label.
func TestCleanupOfDataAndNodes(t *testing.T) {
	c := parts.SharedCluster(t)
	d := newDesk(t, c, fixtures.Plain())
	d.scenario(t, "{certManager: {enabled: false, install: false}, tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}, "+
		"service: {clusterIP: "+fixtures.ClusterIP+"}, trustDistribution: {useNodeSelector: true}, pvc: {storageClassName: manual}}")
	volume := func(name string) string {
		return "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: " + name + "}\nspec:\n  storageClassName: manual\n  capacity: {storage: 500Gi}\n" +
			"  accessModes: [ReadWriteOnce]\n  persistentVolumeReclaimPolicy: Retain\n  hostPath: {path: /nowhere}\n"
	}
	node := "apiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: {%s}}\n"
	label := "containerd-configured-by: connected-registry"
	prepare(t, c, strings.NewReplacer("%s, labels", "plain, labels", "%s", "kubernetes.io/os: linux").Replace(node))
	before := everything(t, c)
	c.Apply(t, []byte(volume("ours")))
	c.Apply(t, []byte(strings.NewReplacer("%s, labels", "plain, labels", "%s", label).Replace(node)))
	d.run(t, install)
	parts.Eventually(t, "the claim is bound", func() string {
		phase := c.Kubectl(t, "get", "pvc", "connected-registry-pvc", "--namespace", "connected-registry", "--output", "jsonpath={.status.phase}")
		if phase == "Bound" {
			return ""
		}
		return phase
	})
	c.Apply(t, []byte(volume("theirs")))
	script := d.run(t, printScript)
	d.premises(t, script)
	c.Apply(t, []byte(othersDaemonSet))
	done := d.hookSucceeds(t)
	said := d.run(t, script)
	done()
	assert.Contains(t, said, "kept: the label of the nodes, because of DaemonSet/default/theirs\n")
	assert.Contains(t, c.Kubectl(t, "get", "node", "plain", "--output", "yaml"), label)
	printed, deleted := strings.Index(said, "\nours hostPath map[path:/nowhere type:]\n"), strings.Index(said, `persistentvolume "ours" deleted`)
	assert.True(t, 0 < printed && printed < deleted, said)
	c.Kubectl(t, "delete", "daemonset", "theirs")
	d.run(t, script)
	eventuallyAsBefore(t, c, before, regexp.MustCompile(`^PersistentVolume//theirs$|^CSINode//plain$|^Lease/`))
	assert.NotContains(t, c.Kubectl(t, "get", "node", "plain", "--output", "yaml"), label)
	c.Kubectl(t, "delete", "pv", "theirs")
	assert.True(t, slices.Contains(strings.Split(script, "\n"), "# $ sudo rm -rf '/etc/containerd/certs.d/192.100.100.1' '/etc/containerd/certs.d/192.100.100.1:443'"))
}

const othersDaemonSet = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: theirs, namespace: default}
spec:
  selector: {matchLabels: {app: theirs}}
  template:
    metadata: {labels: {app: theirs}}
    spec: {nodeSelector: {containerd-configured-by: connected-registry}, containers: [{name: theirs, image: theirs}]}
`

// premises breaks what the parts of a script need, one at a time. Each script stops,
// names what is in the way, and nothing is lost.
func (d *desk) premises(t *testing.T, script string) {
	c := d.cluster
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: debug, namespace: connected-registry}\nspec:\n  containers: [{name: debug, image: debug}]\n  volumes: [{name: it, %s}]\n"
	for broken, says := range map[string]string{
		strings.Replace(pod, "%s", "persistentVolumeClaim: {claimName: connected-registry-pvc}", 1): ": Pod/debug uses connected-registry-pvc",
		strings.Replace(pod, "%s", "secret: {secretName: connected-registry-tls}", 1):               ": Pod/debug uses connected-registry-tls",
		strings.Replace(pod, "%s", "configMap: {name: connected-registry-containerd-config}", 1):    ": Pod/debug uses connected-registry-containerd-config",
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: connected-registry}\nspec:\n" +
			"  defaultBackend: {service: {name: web, port: {number: 80}}}\n  tls: [{secretName: connected-registry-tls}]\n": ": Ingress/web uses connected-registry-tls",
	} {
		c.Apply(t, []byte(broken))
		d.stops(t, script, "the next part would delete what is still in use", says)
		_, stderr, err := c.KubectlInput([]byte(broken), "delete", "--force", "-f", "-")
		require.NoError(t, err, stderr)
	}

	d.stops(t, "export HELM_KUBECONTEXT=test\n"+script, "helm and kubectl may call different clusters")

	// Flux: the uninstallation has nothing to delete, or deletes what does not uninstall.
	flux := d.run(t, strings.Replace(printScript, " cleanup ", " cleanup --host flux ", 1))
	d.stops(t, flux, "cannot list the HelmReleases")
	helmReleases := strings.NewReplacer("widgets.example.com", "helmreleases.helm.toolkit.fluxcd.io", "example.com", "helm.toolkit.fluxcd.io",
		"Widget", "HelmRelease", "widgets", "helmreleases", "meta.helm.sh/release-name: connected-registry", "meta.helm.sh/release-name: flux").Replace(widgets)
	c.Apply(t, []byte(helmReleases))
	c.Kubectl(t, "wait", "--for=condition=Established", "crd/helmreleases.helm.toolkit.fluxcd.io")
	still := "the registry is not uninstalled from namespace connected-registry, and the next part needs that; uninstall what is left: Deployment/connected-registry"
	d.stops(t, flux, still)
	helmRelease := "apiVersion: helm.toolkit.fluxcd.io/v1\nkind: HelmRelease\nmetadata: {name: site, namespace: default}\nspec: {releaseName: connected-registry, targetNamespace: %s}\n"
	c.Apply(t, []byte(strings.Replace(helmRelease, "%s", "elsewhere", 1)))
	d.stops(t, flux, "expected a HelmRelease that installs connected-registry in namespace connected-registry, got one for elsewhere")
	c.Apply(t, []byte(strings.Replace(helmRelease, "%s", "connected-registry", 1)))
	_, stderr, err := d.try(flux)
	require.Error(t, err)
	assert.Contains(t, stderr, still)
	c.Kubectl(t, "wait", "--for=delete", "helmrelease/site", "--timeout=0s")
	c.Kubectl(t, "delete", "crd", "helmreleases.helm.toolkit.fluxcd.io")

	// Arc: az says yes to everything, and kubectl may call another cluster.
	d.write(t, "bin/az", "#!/bin/sh\necho \"$@\" >>called\n")
	require.NoError(t, os.Chmod(filepath.Join(d.dir, "bin", "az"), 0o700))
	arc := d.run(t, strings.Replace(printScript, " cleanup ", " cleanup --host arc --cluster-name plant --resource-group plants --registry contoso --connected-registry edge01 ", 1))
	d.stops(t, arc, "expected kubectl to call the connected cluster plant of resource group plants, got a cluster that is not connected")
	assert.NoFileExists(t, filepath.Join(d.dir, "called"))
	prepare(t, c, "apiVersion: v1\nkind: Namespace\nmetadata: {name: azure-arc}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: azure-clusterconfig, namespace: azure-arc}\n"+
		"data: {AZURE_RESOURCE_NAME: Plant, AZURE_RESOURCE_GROUP: plants}\n")
	d.stops(t, arc, still)
	called, err := os.ReadFile(filepath.Join(d.dir, "called"))
	require.NoError(t, err)
	assert.NotContains(t, string(called), "acr connected-registry")
}
