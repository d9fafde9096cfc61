package postconditions_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/postconditions"
	"github.com/connected-registry/scenario/transformers/resource"
)

// good is a render on which every post-condition of expected holds.
const good = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: edge
  namespace: site
  annotations: {helm.sh/hook-weight: "1"}
spec:
  template:
    spec:
      containers:
      - name: registry
        ports:
        - {name: https, containerPort: 8443}
        volumeMounts:
        - {name: certs, mountPath: /var/acr/certs, readOnly: true}
      volumes:
      - name: certs
        secret: {secretName: serving}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: site}
spec:
  ports:
  - {name: https, port: 443, targetPort: https}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: leaf, namespace: site}
spec: {secretName: serving, issuerRef: {name: ca}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: trust, namespace: site}
spec:
  template:
    spec:
      serviceAccountName: trust
      containers: [{name: c}]
      volumes:
      - name: containerd
        hostPath: {path: /etc/containerd}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: trust, namespace: site}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: issuers.cert-manager.io}
spec: {group: cert-manager.io}
`

// only is the object of a kind.
func only(t *testing.T, set *resource.Set, kind string) *resource.Object {
	t.Helper()
	found, err := set.Select([]string{kind})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

// set changes a scalar somewhere in an object.
func set(t *testing.T, o *resource.Object, value string, path ...string) {
	t.Helper()
	require.NoError(t, o.Node().PipeE(yaml.LookupCreate(yaml.ScalarNode, path...), yaml.Set(yaml.NewScalarRNode(value))))
}

// Each condition is broken by itself, and the failure names what is wrong.
func TestEveryConditionCanFail(t *testing.T) {
	container := []string{"spec", "template", "spec", "containers", "[name=registry]"}
	mount := append(slices.Clone(container), "volumeMounts", "[name=certs]")
	secret := []string{"spec", "template", "spec", "volumes", "[name=certs]", "secret", "secretName"}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *resource.Set, e *postconditions.Expected)
		want  string
	}{
		"nothing is wrong": {func(*testing.T, *resource.Set, *postconditions.Expected) {}, ""},
		"another Secret is mounted": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			set(t, only(t, s, "Deployment"), "stale", secret...)
		}, `Deployment/edge: mounts the Secrets [stale] at /var/acr/certs, expected "serving" only`},
		"the mount is writable": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			set(t, only(t, s, "Deployment"), "false", append(mount, "readOnly")...)
		}, "/var/acr/certs is not mounted read-only"},
		"a mount is left with HTTP": {func(_ *testing.T, _ *resource.Set, e *postconditions.Expected) { e.HTTP = true },
			"although HTTP needs none"},
		"the container is gone": {func(_ *testing.T, _ *resource.Set, e *postconditions.Expected) { e.Container = "other" },
			"has no container other any more"},
		"the Service leads nowhere": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			set(t, only(t, s, "Service"), "http", "spec", "ports", "[name=https]", "targetPort")
		}, "port 443 leads to http, which no container declares"},
		"no Certificate writes the Secret": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			set(t, only(t, s, "Certificate"), "elsewhere", "spec", "secretName")
		}, `Secret serving is written by [], expected one Certificate`},
		"an object that is gone is still referred to": {func(t *testing.T, s *resource.Set, e *postconditions.Expected) {
			account := only(t, s, "ServiceAccount")
			s.Remove(account)
			e.Removed = append(e.Removed, account)
		}, "DaemonSet/trust: still refers to ServiceAccount trust, which nothing provides any more"},
		"a Secret that nothing writes is still mounted": {func(_ *testing.T, _ *resource.Set, e *postconditions.Expected) {
			e.Vacated = []string{"serving"}
		}, "Deployment/edge: still refers to Secret serving"},
		"the trust distribution is left": {func(_ *testing.T, _ *resource.Set, e *postconditions.Expected) { e.NoTrust = true },
			"DaemonSet/trust: still mounts /etc/containerd of the nodes"},
		"a CRD of the bundle is left": {func(_ *testing.T, _ *resource.Set, e *postconditions.Expected) { e.NoCertManager = true },
			"CustomResourceDefinition/issuers.cert-manager.io: is still there"},
		"an added name is taken": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			s.Add(yaml.MustParse("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata:\n  name: leaf\n  namespace: site\n  annotations: {connectedregistry.dev/added-by: x}\nspec: {secretName: other}\n"))
		}, "Certificate/leaf: has the name of an object that was added"},
		"an annotation is lost": {func(t *testing.T, s *resource.Set, _ *postconditions.Expected) {
			require.NoError(t, only(t, s, "Deployment").Node().PipeE(yaml.Lookup("metadata"), yaml.Clear("annotations")))
		}, "lost or changed its annotation helm.sh/hook-weight"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := resource.ParseStream([]byte(good))
			require.NoError(t, err)
			e := postconditions.Expected{
				Workload: only(t, s, "Deployment"), Service: only(t, s, "Service"),
				Container: "registry", CertificatePath: "/var/acr/certs", Namespace: "site",
				TLSStated: true, Secret: "serving", CertManager: true,
			}
			c.spoil(t, s, &e)
			err = postconditions.Check(s, e)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}
