package transformers

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/resource"
)

// faultScenarios give each transformer something to do on the default render.
var faultScenarios = map[string]string{
	"own certificate": `
  mode: ReadOnly
  readOnly: {enforce: true, rootFilesystem: true, writablePaths: [/scratch]}
  service: {clusterIP: 192.100.100.1}
  certManager: {enabled: false, install: false}
  tls: {crtFile: leaf.crt, keyFile: leaf.key, caCrtFile: leaf.ca}
  trustDistribution: {enabled: false}
  pvc: {storageClassName: fast, storageRequest: 20Gi}`,
	"cert-manager": `
  certManager: {enabled: true, install: false, issuerRef: {name: corporate, kind: ClusterIssuer}, duration: 2160h, dnsNames: [registry.example.com], privateKey: {algorithm: ECDSA}}
  trustDistribution: {useNodeSelector: true}`,
	"HTTP": `
  httpEnabled: true
  certManager: {enabled: false, install: false}
  trustDistribution: {enabled: false}`,
	"named Secret": `
  tls: {secret: k8secret}
  certManager: {enabled: false, install: false}
  trustDistribution: {enabled: true}`,
}

// faultRender is the default render without an address, so that one can be stated.
func faultRender(t *testing.T, spec string) *render {
	t.Helper()
	text := "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: fault}\nspec:" + spec
	layer, err := scenario.Decode("scenario.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, layer.Resolve(fixtures.Material))
	set, err := resource.ParseStream(fixtures.Variants()[0].Render(t, map[string]any{"service": map[string]any{"clusterIP": ""}}))
	require.NoError(t, err)
	r, err := prepare(set, layer, Options{Now: fixtures.Now, Version: "test", Namespace: "connected-registry"})
	require.NoError(t, err)
	return r
}

// withFault returns the pipeline with another function in the place of one step.
func withFault(name string, fault func(*render, step) error) []step {
	steps := slices.Clone(pipeline)
	for i, s := range steps {
		if s.name == name {
			steps[i].transform = func(r *render) error { return fault(r, s) }
		}
	}
	return steps
}

// fails runs the steps on each scenario and reports whether any run that does it right
// otherwise is refused.
func fails(t *testing.T, steps []step) bool {
	t.Helper()
	failed := false
	for _, spec := range faultScenarios {
		right := faultRender(t, spec)
		require.NoError(t, right.run(pipeline))
		require.NoError(t, right.verify())

		r := faultRender(t, spec)
		if err := r.run(steps); err != nil || r.verify() != nil {
			failed = true
		}
	}
	return failed
}

// A transformer that does nothing is noticed, whichever it is. What only prune removes
// is not promised by any scenario.
func TestTransformerThatDoesNothingIsNoticed(t *testing.T) {
	for _, s := range pipeline {
		if s.name == "connectionstring" || s.name == "prune" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			assert.True(t, fails(t, withFault(s.name, func(*render, step) error { return nil })))
		})
	}
}

// A transformer that carries out another decision than the one that was made is
// noticed: the post-conditions have the decision itself.
func TestTransformerThatDecidesForItselfIsNoticed(t *testing.T) {
	for name, mistake := range map[string]func(*render){
		"tlssecret":         func(r *render) { r.decided.Secret += "-wrong" },
		"tlsmount":          func(r *render) { r.decided.Secret += "-wrong" },
		"trustdistribution": func(r *render) { r.decided.Gone, r.decided.NoTrust = nil, false },
		"certmanager":       func(r *render) { r.decided.Gone = r.decided.Gone[:len(r.decided.Gone)/2] },
		"enforcement":       func(r *render) { r.decided.Secret += "-wrong" },
		"service":           func(r *render) { r.decided.HTTP = !r.decided.HTTP },
		"marker":            func(r *render) { r.scenario = &scenario.Layer{} },
		"mode":              func(r *render) { m := scenario.ReadWriteMode; r.spec.Mode = &m },
		"storage":           func(r *render) { size := "1Gi"; r.spec.PVC = &scenario.PVC{StorageRequest: &size} },
	} {
		t.Run(name, func(t *testing.T) {
			assert.True(t, fails(t, withFault(name, func(r *render, s step) error {
				wrong := *r
				mistake(&wrong)
				err := s.transform(&wrong)
				r.report, r.removed, r.material, r.materialCA = wrong.report, wrong.removed, wrong.material, wrong.materialCA
				return err
			})))
		})
	}
}

// A result that was changed afterwards is noticed.
func TestMutatedResultIsNoticed(t *testing.T) {
	workload := func(value string, path ...string) func(*testing.T, *render) {
		return func(t *testing.T, r *render) {
			require.NoError(t, r.decided.Workload.Node().PipeE(yaml.LookupCreate(yaml.ScalarNode, path...), yaml.Set(yaml.NewScalarRNode(value))))
		}
	}
	for name, mutate := range map[string]func(*testing.T, *render){
		"another Secret is mounted": func(_ *testing.T, r *render) { r.pointVolume(r.certificateMount(), "other") },
		"the mount is writable":     func(_ *testing.T, r *render) { putScalar(r.certificateMount(), "false", "readOnly") },
		"the marker is gone": func(_ *testing.T, r *render) {
			drop(r.decided.Workload.Node(), "metadata", "annotations", "connectedregistry.dev/scenario")
		},
		"the mode is not recorded":   workload("ReadWrite", "metadata", "labels", ModeLabel),
		"the host's network is used": workload("true", "spec", "template", "spec", "hostNetwork"),
		"the DaemonSet comes back":   comesBack("DaemonSet"),
		"the controller comes back":  comesBack("Deployment"),
		"the webhook comes back":     comesBack("ValidatingWebhookConfiguration"),
		"the address is another":     func(_ *testing.T, r *render) { putText(r.decided.Service.Node(), "192.100.100.9", "spec", "clusterIP") },
	} {
		t.Run(name, func(t *testing.T) {
			r := faultRender(t, faultScenarios["own certificate"])
			require.NoError(t, r.run(pipeline))
			mutate(t, r)
			assert.Error(t, r.verify())
		})
	}
}

// comesBack adds a removed object of a kind again.
func comesBack(kind string) func(*testing.T, *render) {
	return func(t *testing.T, r *render) {
		i := slices.IndexFunc(r.removed, func(o *resource.Object) bool { return o.Kind == kind })
		require.GreaterOrEqual(t, i, 0)
		r.set.Add(r.removed[i].Node().Copy())
	}
}

// certificateMount is the registry's container's first mount of its certificate.
func (r *render) certificateMount() *yaml.RNode {
	mounts := elements(r.registry.Container, "volumeMounts")
	return mounts[slices.IndexFunc(mounts, r.registry.IsCertificateMount)]
}
