package cleanup_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// The namespace is $NS: one that goes takes some seconds, for which nobody waits.
const (
	renderChart = "helm template connected-registry chart --namespace $NS --values values.yaml --kube-version " + fixtures.KubeVersion + " >rendered.yaml\n"
	checkLive   = "connected-registry-scenario check --live-command | bash |\n  connected-registry-scenario check -s scenario.yaml --render rendered.yaml --live -"
	upgrade     = `helm upgrade connected-registry chart --namespace $NS --values values.yaml \
  --post-renderer connected-registry-scenario --post-renderer-args=--scenario=scenario.yaml`
)

// refusal is something that check --live says beforehand and the cluster afterwards.
type refusal struct {
	name string
	// spec is the scenario's, beside what makes it one of plain HTTP.
	spec string
	// before is in the cluster already, or what a script does there.
	before, script string
	// installs is the command that the cluster refuses; empty for helm install.
	installs string
	// says is what check says, refuses what the server does, event what its
	// controllers say where it took the objects and brings nothing up.
	says, refuses, event string
}

const registryNamespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: $NS}\n"

var refusals = []refusal{
	{
		name: "address outside the range", spec: "service: {clusterIP: 10.1.2.3}",
		says: "no Service range of the cluster has the address 10.1.2.3; there is 192.100.0.0/16 and fd00:c0de::/108", refuses: "the provided network does not match the current range",
	},
	{
		name: "address of another family's range", spec: "service: {clusterIP: \"fd00:dead::1\"}",
		says: "no Service range of the cluster has the address fd00:dead::1", refuses: "the provided network does not match the current range",
	},
	{
		name: "address taken", spec: "service: {clusterIP: 192.100.7.7}",
		before: registryNamespace + "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: $NS}\nspec: {clusterIP: 192.100.7.7, ports: [{port: 80}]}\n",
		says:   "Service/$NS/web: spec.clusterIP: it has the address 192.100.7.7", refuses: "provided IP is already allocated",
	},
	{
		name: "no cert-manager", spec: "certManager: {enabled: true, install: false}, httpEnabled: null, trustDistribution: {enabled: true}",
		says: "the cluster has no cert-manager", refuses: `no matches for kind "Certificate" in version "cert-manager.io/v1"`,
	},
	{
		name:   "namespace terminating",
		before: registryNamespace + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: holds-it, namespace: $NS, finalizers: [example.com/holds-it]}\n",
		script: "kubectl delete namespace $NS --wait=false",
		says:   "it is being terminated, and takes nothing in", refuses: "because it is being terminated",
	},
	{
		name:   "another release's Service",
		before: registryNamespace + "---\napiVersion: v1\nkind: Service\nmetadata: {name: connected-registry, namespace: $NS, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: $NS}}\nspec: {ports: [{port: 80}]}\n",
		says:   "it belongs to the Helm release shop", refuses: `must equal "connected-registry": current value is "shop"`,
	},
	{
		name:   "a Service that no release made",
		before: registryNamespace + "---\napiVersion: v1\nkind: Service\nmetadata: {name: connected-registry, namespace: $NS}\nspec: {ports: [{port: 80}]}\n",
		says:   "warning: Service/connected-registry: live: it is there already, and no Helm release made it", refuses: "cannot be imported into the current release",
	},
	{
		name:   "a release of another chart",
		before: registryNamespace,
		script: "mkdir -p other/templates && printf 'apiVersion: v2\\nname: other\\nversion: 1.0.0\\n' >other/Chart.yaml && helm install connected-registry other -n $NS",
		says:   "there is a Helm release connected-registry in this namespace", refuses: "cannot re-use a name that is still in use",
	},
	{
		name: "address that would change", spec: "service: {clusterIP: 192.100.8.8}",
		script: installHere + "\nsed -i s/192.100.8.8/192.100.9.9/ scenario.yaml", installs: upgrade,
		says: "it cannot be changed; it is 192.100.8.8, and the render has 192.100.9.9", refuses: "may not change once set",
	},
	{
		name: "claim that would shrink", spec: "pvc: {storageRequest: 2Gi, storageClassName: manual}",
		script: installHere + "\nsed -i s/2Gi/1Gi/ scenario.yaml", installs: upgrade,
		says: "it cannot shrink; it is 2Gi, and the render has 1Gi", refuses: "spec is immutable after creation except",
	},
	{
		name: "claim of another class", spec: "pvc: {storageRequest: 2Gi, storageClassName: manual}",
		script: installHere + "\nsed -i s/manual/other/ scenario.yaml", installs: upgrade,
		says: `it cannot be changed; it is "manual", and the render has "other"`, refuses: "spec is immutable after creation except",
	},
	{
		name:   "selector that would change",
		script: installHere + "\nkubectl get deployment connected-registry -n $NS -o json | sed 's/\"app.kubernetes.io\\/name\": \"connected-registry\"/\"app.kubernetes.io\\/name\": \"earlier\"/' >earlier.json\nkubectl replace --force -f earlier.json", installs: upgrade,
		says: "spec.selector: it cannot be changed, and the render has another", refuses: "field is immutable",
	},
	{
		name: "Secret whose type would change", spec: "httpEnabled: null, tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}",
		before: registryNamespace + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: connected-registry-tls, namespace: $NS, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: connected-registry, meta.helm.sh/release-namespace: $NS}}\ntype: Opaque\n",
		says:   "it cannot be changed; it is Opaque, and the render has kubernetes.io/tls", refuses: "field is immutable",
	},
	{
		name: "class missing", spec: "pvc: {storageClassName: fast}",
		says: "StorageClass/fast: the cluster has none of that name", event: `storageclass.storage.k8s.io "fast" not found`,
	},
	{
		name:   "restricted pods",
		before: strings.Replace(registryNamespace, "}", ", labels: {pod-security.kubernetes.io/enforce: restricted}}", 1),
		says:   "restricted forbids the pods of Deployment/connected-registry", event: `violates PodSecurity "restricted:latest"`,
	},
	{
		name: "no default class", script: "kubectl delete storageclass standard",
		says: "the cluster has no default class", event: "no persistent volumes available for this claim and no storage class is set",
	},
}

const standardClass = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: example.com/none
`

// What check --live says beforehand is what the real server, its controllers and helm
// say afterwards.
func TestCheckLiveIsRight(t *testing.T) {
	c := parts.SharedCluster(t)
	d := newDesk(t, c, fixtures.Plain())
	prepare(t, c, standardClass)
	for i, r := range refusals {
		t.Run(r.name, func(t *testing.T) { d.isRefused(t, r, fmt.Sprintf("case-%d", i)) })
	}
}

func (d *desk) isRefused(t *testing.T, r refusal, namespace string) {
	d.in(t, namespace)
	d.scenario(t, httpUnless(r.spec))
	if r.before != "" {
		d.cluster.Apply(t, []byte(strings.ReplaceAll(r.before, "$NS", namespace)))
	}
	if r.script != "" {
		d.run(t, r.script)
	}
	stdout, stderr, err := d.try(checkLive)
	assert.Equal(t, !strings.HasPrefix(r.says, "warning: "), err != nil, stdout+stderr)
	assert.Contains(t, stdout+stderr, strings.ReplaceAll(r.says, "$NS", namespace))

	command := r.installs
	if command == "" {
		command = installHere
	}
	_, refused, err := d.try(command)
	if r.event == "" {
		require.Error(t, err, "check said it would be refused")
		assert.Contains(t, refused, r.refuses)
		return
	}
	require.NoError(t, err, refused)
	parts.Eventually(t, "the controllers say "+r.event, func() string {
		events := d.cluster.Kubectl(t, "get", "events", "--namespace", namespace, "--output", "jsonpath={.items[*].message}")
		if strings.Contains(events, r.event) {
			return ""
		}
		return events
	})
}

// httpUnless is a scenario of plain HTTP, which needs nothing else of a cluster,
// where spec does not say otherwise.
func httpUnless(spec string) string {
	fields := []string{}
	if !strings.Contains(spec, "certManager") {
		fields = append(fields, "certManager: {enabled: false, install: false}")
	}
	if !strings.Contains(spec, "httpEnabled") {
		fields = append(fields, "httpEnabled: true")
	}
	if !strings.Contains(spec, "trustDistribution") {
		fields = append(fields, "trustDistribution: {enabled: false}")
	}
	spec = strings.ReplaceAll(spec, "httpEnabled: null, ", "")
	spec = strings.ReplaceAll(spec, ", httpEnabled: null", "")
	if spec != "" {
		fields = append(fields, spec)
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// installHere is install in the namespace of a case.
var installHere = strings.Replace(install, "--namespace connected-registry", "--namespace $NS", 1)

// in makes a namespace the desk's $NS, renders the chart for it, and in the end takes
// it away with whatever a test left in it.
func (d *desk) in(t *testing.T, namespace string) {
	t.Helper()
	d.env = append(d.env, "NS="+namespace)
	d.run(t, renderChart)
	t.Cleanup(func() {
		d.run(t, `kubectl delete namespace $NS --ignore-not-found --wait=false
if kubectl get configmap holds-it -n $NS >/dev/null 2>&1; then
  kubectl patch configmap holds-it -n $NS --type=merge --patch '{"metadata":{"finalizers":null}}'
fi
kubectl delete services --all -n $NS # another case may want the address
kubectl delete clusterrole,clusterrolebinding --selector app.kubernetes.io/instance=connected-registry`)
	})
}

// Two cert-managers: Helm refuses the second one's definitions.
func TestCheckLiveSeesASecondCertManager(t *testing.T) {
	c := parts.SharedCluster(t)
	c.InstallCertManagerCRDs(t)
	t.Cleanup(func() { c.Kubectl(t, "delete", "-f", parts.CertManagerCRDs(t)) })
	d := newDesk(t, c, fixtures.Plain())
	d.in(t, "second")
	prepare(t, c, standardClass)
	d.scenario(t, "{certManager: {enabled: true, install: true}}")
	_, stderr, err := d.try(checkLive)
	require.Error(t, err)
	assert.Contains(t, stderr, "CustomResourceDefinition/certificates.cert-manager.io: metadata.annotations: it is there already, and no Helm release made it")
	_, stderr, err = d.try(installHere)
	require.Error(t, err)
	assert.Contains(t, stderr, "cannot be imported into the current release: invalid ownership metadata")

	// To use the first one, its definitions are not enough.
	d.scenario(t, "{certManager: {enabled: true, install: false}}")
	_, stderr, err = d.try(checkLive)
	require.Error(t, err)
	assert.Contains(t, stderr, "the cluster has cert-manager's CRDs and no Deployment of its controller")
	d.run(t, installHere)
	certificate := []string{"get", "certificate", "connected-registry-tls-cert", "--namespace", "second", "--output", "jsonpath={.status}"}
	assert.Empty(t, c.Kubectl(t, certificate...), "nobody looks at it")
	d.run(t, "kubectl create deployment cert-manager -n $NS --image quay.io/jetstack/cert-manager-controller:v1.21.2")
	_, stderr, err = d.try(checkLive)
	require.NoError(t, err, stderr)
	assert.Contains(t, stderr, "warning: Deployment/cert-manager: live: cert-manager's controller is not running")
}

// The Secret that the scenario names: pods would wait for it, on a node. Whatever is
// wrong with it is seen, and when it is right nothing is.
func TestCheckLiveSeesTheSecret(t *testing.T) {
	c := parts.SharedCluster(t)
	d := newDesk(t, c, fixtures.Plain())
	d.in(t, "secret")
	prepare(t, c, standardClass)
	d.scenario(t, "{certManager: {enabled: false, install: false}, tls: {secret: k8secret}, service: {clusterIP: "+fixtures.ClusterIP+"}}")
	t.Cleanup(func() { c.Kubectl(t, "delete", "namespace", "elsewhere", "--wait=false") })
	c.Kubectl(t, "create", "namespace", "elsewhere")
	c.Kubectl(t, "create", "namespace", "secret")
	create := "kubectl create secret generic k8secret --type=kubernetes.io/tls --from-file=tls.crt=tls.crt --from-file=tls.key=tls.key"
	for _, step := range []struct{ script, says string }{
		{"true", "Deployment/connected-registry takes it (volume certs), and the cluster has none of that name"},
		{create + " -n elsewhere", "it is in namespace elsewhere"},
		{strings.Replace(create, "--type=kubernetes.io/tls", "", 1) + " -n $NS", `it is "Opaque", expected kubernetes.io/tls`},
		{"kubectl delete secret k8secret -n $NS\n" + create + " -n $NS", "data[ca.crt]: it is missing, and DaemonSet/connected-registry-containerd-config takes it"},
	} {
		d.run(t, step.script)
		_, stderr, err := d.try(checkLive)
		require.Error(t, err)
		assert.Contains(t, stderr, step.says)
	}
	d.run(t, "kubectl delete secret k8secret -n $NS\n"+create+" --from-file=ca.crt=ca.crt -n $NS")
	assert.Contains(t, d.run(t, checkLive), "ok: scenario site can hold on the render")
	listed := d.run(t, "connected-registry-scenario check --live-command | bash")
	assert.Contains(t, listed, "name: k8secret\n")
	for _, secret := range []string{"LS0tLS1CRUdJTi", "PRIVATE KEY"} {
		assert.NotContains(t, listed, secret)
	}
}

// The trust distribution's pods need a namespace that allows them.
func TestCheckLiveSeesPodSecurity(t *testing.T) {
	c := parts.SharedCluster(t)
	d := newDesk(t, c, fixtures.Plain())
	d.in(t, "guarded")
	prepare(t, c, standardClass)
	d.scenario(t, "{certManager: {enabled: false, install: false}, tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: ca.crt}, service: {clusterIP: "+fixtures.ClusterIP+"}}")
	prepare(t, c, "apiVersion: v1\nkind: Node\nmetadata: {name: guarded}\n")
	c.Apply(t, []byte(strings.Replace(strings.ReplaceAll(registryNamespace, "$NS", "guarded"), "}", ", labels: {pod-security.kubernetes.io/enforce: baseline}}", 1)))
	_, stderr, err := d.try(checkLive)
	require.Error(t, err)
	assert.Contains(t, stderr, "baseline forbids the pods of DaemonSet/connected-registry-containerd-config, which have a privileged container")
	d.run(t, installHere)
	parts.Eventually(t, "the controller says so", func() string {
		events := c.Kubectl(t, "get", "events", "--namespace", "guarded", "--output", "jsonpath={.items[*].message}")
		if strings.Contains(events, `violates PodSecurity "baseline:latest": hostPath volumes (volume "containerd"), privileged`) {
			return ""
		}
		return events
	})
}
