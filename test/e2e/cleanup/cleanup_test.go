package cleanup_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

const (
	install = `helm install connected-registry chart --namespace connected-registry --create-namespace --values values.yaml \
  --post-renderer connected-registry-scenario --post-renderer-args=--scenario=scenario.yaml`
	printScript = `{ helm get manifest connected-registry -n connected-registry; helm get hooks connected-registry -n connected-registry; } |
  connected-registry-scenario cleanup -s scenario.yaml -n connected-registry -`
)

// theirs is what somebody else has in the cluster, some of it called as the registry's.
const theirs = `apiVersion: v1
kind: Namespace
metadata: {name: theirs}
---
apiVersion: v1
kind: Secret
metadata: {name: connected-registry-ca-cert, namespace: theirs}
stringData: {ca.crt: theirs}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: connected-registry-containerd-config, namespace: theirs, labels: {app.kubernetes.io/instance: connected-registry}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: connected-registry-theirs}
rules: []
`

// userSecret is the Secret of spec.tls.secret, in the release's namespace.
func userSecret() string {
	leaf := fixtures.Leaf()
	return "apiVersion: v1\nkind: Namespace\nmetadata: {name: connected-registry}\n---\n" +
		"apiVersion: v1\nkind: Secret\nmetadata: {name: k8secret, namespace: connected-registry}\ntype: kubernetes.io/tls\ndata:\n" +
		"  tls.crt: " + base64.StdEncoding.EncodeToString(leaf.Crt) + "\n  tls.key: " + base64.StdEncoding.EncodeToString(leaf.Key) +
		"\n  ca.crt: " + base64.StdEncoding.EncodeToString(leaf.CA) + "\n"
}

const clusterIssuer = `apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: theirs}
spec: {selfSigned: {}}
`

// row is a documented scenario and what is in the cluster before it.
type row struct {
	name   string
	before string
	// preinstalled says that cert-manager runs before the registry is installed.
	preinstalled bool
	// left are objects that helm uninstall alone leaves.
	left []string
}

// After every scenario the cluster is as it was before, and what others have is there.
func TestCleanupLeavesNothing(t *testing.T) {
	c := parts.SharedCluster(t)
	issued := []string{"Secret/connected-registry/connected-registry-ca-cert", "Secret/connected-registry/connected-registry-tls-cert"}
	for _, r := range []row{
		{name: "secure-by-default", before: theirs, left: append(issued, "CustomResourceDefinition//certificates.cert-manager.io", "Namespace//connected-registry")},
		{name: "byoc", before: theirs, left: []string{"Namespace//connected-registry"}},
		{name: "kubernetes-secret", before: theirs + "---\n" + userSecret()},
		{name: "own-trust-distribution", before: theirs + "---\n" + userSecret()},
		{name: "http", before: theirs, left: []string{"Namespace//connected-registry"}},
		{name: "preinstalled-cert-manager", before: theirs + "---\n" + clusterIssuer, preinstalled: true, left: issued},
	} {
		t.Run(r.name, func(t *testing.T) {
			d := newDesk(t, c, fixtures.Plain())
			d.documented(t, r.name)
			if r.preinstalled {
				c.StartCertManager(t)
			}
			prepare(t, c, r.before)
			before := everything(t, c)
			if r.name == "secure-by-default" {
				d.definitions(t)
			}
			t.Cleanup(func() { d.giveUp(t) })
			d.run(t, install)
			d.withoutWebhook(t)
			d.waitForSecrets(t, r.left)
			d.cleanUp(t, r, before)
		})
	}
	c.StopCertManager(t)
	c.Kubectl(t, "delete", "-f", parts.CertManagerCRDs(t))
}

// definitions are the CRDs that the chart renders, as Helm would have made them. Helm
// cannot install a Certificate in the same breath as its definition: it asks the API
// server for the kinds of all objects before it makes any.
func (d *desk) definitions(t *testing.T) {
	t.Helper()
	var definitions []string
	for document := range strings.SplitSeq(string(fixtures.Plain().Render(t, nil)), "\n---\n") {
		if strings.Contains(document, "\nkind: CustomResourceDefinition\n") {
			definitions = append(definitions, document)
		}
	}
	d.cluster.Apply(t, []byte(strings.Join(definitions, "\n---\n")))
	d.run(t, `for crd in $(kubectl get crd --selector app.kubernetes.io/component=crds --output name); do
  kubectl label --overwrite "$crd" app.kubernetes.io/managed-by=Helm
  kubectl annotate "$crd" meta.helm.sh/release-name=connected-registry meta.helm.sh/release-namespace=connected-registry
  kubectl wait --for=condition=Established "$crd"
done`)
}

// prepare puts objects into the cluster for one test, and waits until the controllers
// have put in every namespace what is always there.
func prepare(t *testing.T, c *parts.Cluster, manifest string) {
	t.Helper()
	c.Apply(t, []byte(manifest))
	t.Cleanup(func() {
		_, stderr, err := c.KubectlInput([]byte(manifest), "delete", "--ignore-not-found", "-f", "-")
		require.NoError(t, err, stderr)
	})
	for namespace := range strings.FieldsSeq(c.Kubectl(t, "get", "namespaces", "--field-selector", "status.phase=Active", "--output", "jsonpath={.items[*].metadata.name}")) {
		for _, object := range []string{"serviceaccount/default", "configmap/kube-root-ca.crt"} {
			parts.Eventually(t, namespace+" has "+object, func() string {
				_, stderr, err := c.TryKubectl("get", object, "--namespace", namespace)
				if err != nil {
					return stderr
				}
				return ""
			})
		}
	}
}

// waitForSecrets waits for those that cert-manager writes. A bundled cert-manager
// needs a node to run; one without a node runs in its place.
func (d *desk) waitForSecrets(t *testing.T, left []string) {
	t.Helper()
	for _, object := range left {
		name, found := strings.CutPrefix(object, "Secret/connected-registry/")
		if !found {
			continue
		}
		d.cluster.StartCertManager(t)
		parts.Eventually(t, object+" is there", func() string {
			_, stderr, err := d.cluster.TryKubectl("get", "secret", name, "--namespace", "connected-registry")
			if err != nil {
				return stderr
			}
			return ""
		})
	}
}

// cleanUp prints the script, runs its first part by itself, and then the whole. A
// preinstalled cert-manager's row runs it once more: after that nothing is left to do.
func (d *desk) cleanUp(t *testing.T, r row, before map[string]string) {
	t.Helper()
	script := d.run(t, printScript)
	var plan struct {
		Setup string
		Parts []struct{ Commands []string }
	}
	require.NoError(t, json.Unmarshal([]byte(d.run(t, printScript+" --output json")), &plan))
	done := d.hookSucceeds(t)
	d.run(t, plan.Setup+strings.Join(plan.Parts[0].Commands, "\n"))
	done()
	after := everything(t, d.cluster)
	for _, object := range r.left {
		assert.Contains(t, after, object, "uninstalling was enough")
	}
	if !r.preinstalled {
		d.cluster.StopCertManager(t) // its Deployment has gone
	}
	d.run(t, script)
	eventuallyAsBefore(t, d.cluster, before, nil)
	if r.preinstalled {
		d.run(t, script)
		eventuallyAsBefore(t, d.cluster, before, nil)
	}
}

// withoutWebhook takes the configuration of a bundled cert-manager's webhook out: it
// would have to admit every Certificate, and there is no node to run it.
func (d *desk) withoutWebhook(t *testing.T) {
	t.Helper()
	d.cluster.Kubectl(t, "delete", "validatingwebhookconfiguration,mutatingwebhookconfiguration", "--selector", "app.kubernetes.io/instance=connected-registry")
}

// giveUp lets a test that failed not be the failure of the next one.
func (d *desk) giveUp(t *testing.T) {
	if t.Failed() {
		_, _, _ = d.try("helm uninstall connected-registry -n connected-registry --no-hooks; kubectl delete namespace connected-registry")
	}
}

// hookSucceeds says of the pre-delete hook's pod that it has succeeded, which is for
// a node to say, until the function is called that it returns.
func (d *desk) hookSucceeds(t *testing.T) (done func()) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			pods, _, _ := d.cluster.TryKubectl("get", "pods", "--namespace", "connected-registry", "--output", "name",
				"--selector", "batch.kubernetes.io/job-name=connected-registry-pre-delete")
			for pod := range strings.FieldsSeq(pods) {
				_, _, _ = d.cluster.TryKubectl("patch", pod, "--namespace", "connected-registry", "--subresource=status", "--type=merge", "--patch", `{"status":{"phase":"Succeeded"}}`)
			}
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond): // each look is a process
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// A chart that keeps the CRDs in crds/: Helm installs them and knows of them no more.
// A user's ClusterIssuer keeps them in the cluster.
func TestCleanupKeepsCRDsThatAreUsed(t *testing.T) {
	c := parts.SharedCluster(t)
	d := newDesk(t, c, fixtures.Plain())
	d.documented(t, "secure-by-default")
	require.NoError(t, os.CopyFS(filepath.Join(d.dir, "chart", "crds"), os.DirFS(parts.CertManagerCRDs(t))))
	before := everything(t, c)
	d.run(t, install+" --set cert-manager.crds.enabled=false")
	t.Cleanup(func() { d.giveUp(t) })
	d.withoutWebhook(t)
	c.Apply(t, []byte(clusterIssuer))
	script := d.run(t, printScript)
	assert.Contains(t, script, "# $ delete_unused_crds ", "whose they are is for a person to say")
	script = regexp.MustCompile(`(?ms)^# \$ require_uninstalled\n# \$ delete_unused_crds .*?\n\n`).ReplaceAllStringFunc(script, uncomment)

	// A CRD that Helm would delete with the release, and somebody's object of its kind.
	c.Apply(t, []byte(widgets))
	c.Kubectl(t, "wait", "--for=condition=Established", "crd/widgets.example.com")
	c.Apply(t, []byte("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: theirs, namespace: default}\n"))
	d.stops(t, script, "Helm would delete CRDs and with them the objects of others", "Widget/theirs")
	c.Kubectl(t, "delete", "crd", "widgets.example.com")

	done := d.hookSucceeds(t)
	said := d.run(t, script)
	done()
	assert.Contains(t, said, "kept: the CRDs of cert-manager, because of clusterissuer.cert-manager.io/theirs")
	crds := regexp.MustCompile(`^(ClusterIssuer//theirs|CustomResourceDefinition//.*cert-manager\.io)$`)
	eventuallyAsBefore(t, c, before, crds)

	c.Kubectl(t, "delete", "clusterissuer", "theirs")
	d.run(t, script)
	eventuallyAsBefore(t, c, before, nil)
}

// uncomment makes a part that is left to a person one that is run.
func uncomment(part string) string {
	return regexp.MustCompile(`(?m)^# (\$|  ) `).ReplaceAllString(strings.ReplaceAll(part, "\n#   ", "\n"), "")
}

// What kubectl applied, with somebody else's like it in the same manifest.
func TestCleanupOfWhatKubectlApplied(t *testing.T) {
	c := parts.SharedCluster(t)
	v := fixtures.Lookalike()
	d := newDesk(t, c, v)
	d.documented(t, "preinstalled-cert-manager")
	c.StartCertManager(t)
	prepare(t, c, "apiVersion: v1\nkind: Namespace\nmetadata: {name: plant-7}\n")
	before := everything(t, c)
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "rendered.yaml"), v.Render(t, nil), 0o600))
	d.run(t, "connected-registry-scenario post-render -s scenario.yaml <rendered.yaml >patched.yaml && kubectl apply --server-side -f patched.yaml")
	parts.Eventually(t, "the registry's Secret is there", func() string {
		_, stderr, err := c.TryKubectl("get", "secret", "hub-serving", "--namespace", "plant-7")
		if err != nil {
			return stderr
		}
		return ""
	})
	script := d.run(t, "connected-registry-scenario cleanup -s scenario.yaml --host kubectl - <patched.yaml")
	others := regexp.MustCompile(`/plant-7/(line-monitor|connected-registry-dashboard|image-mirror)|^IPAddress//`) // of the dashboard's Service
	said := d.run(t, script)
	assert.Contains(t, said, "kept: namespace plant-7, because of")
	eventuallyAsBefore(t, c, before, others)
	after := everything(t, c)
	for _, kept := range []string{"DaemonSet/plant-7/image-mirror-containerd-config", "Secret/plant-7/line-monitor-tls", "Deployment/plant-7/connected-registry-dashboard"} {
		assert.Contains(t, after, kept)
	}
	d.run(t, script)
	d.run(t, "kubectl delete namespace plant-7")
	c.StopCertManager(t)
	c.Kubectl(t, "delete", "-f", parts.CertManagerCRDs(t))
}

// widgets are a kind that the release installs without the annotation to keep it.
const widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
  annotations: {meta.helm.sh/release-name: connected-registry, meta.helm.sh/release-namespace: connected-registry}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`

// stops runs a script that must stop, say why, and delete nothing.
func (d *desk) stops(t *testing.T, script string, says ...string) {
	t.Helper()
	before := everything(t, d.cluster)
	stdout, stderr, err := d.try(script)
	require.Error(t, err, stdout)
	assert.Contains(t, stderr, "stopped: ")
	for _, text := range says {
		assert.Contains(t, stderr, text)
	}
	assert.Equal(t, before, everything(t, d.cluster))
}
