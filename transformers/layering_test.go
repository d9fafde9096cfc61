package transformers_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
)

// parsed is a stream's objects.
func parsed(t testing.TB, stream []byte) []*yaml.RNode {
	t.Helper()
	nodes, err := kio.FromBytes(stream)
	require.NoError(t, err)
	return nodes
}

func object(t testing.TB, stream []byte, kind, name string) *yaml.RNode {
	t.Helper()
	for _, n := range parsed(t, stream) {
		if n.GetKind() == kind && n.GetName() == name {
			return n
		}
	}
	require.Failf(t, "object missing", "%s/%s", kind, name)
	return nil
}

var markerLines = regexp.MustCompile(`(?m)^ *connectedregistry\.dev/scenario(-digest)?: .*\n`)

func withoutMarker(stream []byte) string { return markerLines.ReplaceAllString(string(stream), "") }

// Switching between scenarios that need nothing which the first took away gives,
// byte for byte, what the second gives on the fresh render.
func TestAnotherScenarioOverTheResultEqualsItOnTheFreshRender(t *testing.T) {
	for _, v := range []fixtures.Variant{fixtures.Plain(), fixtures.Lookalike()} {
		input := v.Render(t, nil)
		for _, pair := range [][2]string{
			{"byoc", "kubernetes-secret"}, {"kubernetes-secret", "byoc"},
			{"byoc", "own-trust-distribution"}, {"kubernetes-secret", "own-trust-distribution"},
			{"secure-by-default", "byoc"}, {"secure-by-default", "http"},
			{"preinstalled-cert-manager", "byoc"}, {"preinstalled-cert-manager", "http"},
			{"byoc", "http"}, {"kubernetes-secret", "http"},
		} {
			t.Run(v.Name+"/"+pair[0]+" then "+pair[1], func(t *testing.T) {
				fresh := mustApply(t, load(t, pair[1]), input)
				switched := mustApply(t, load(t, pair[1]), mustApply(t, load(t, pair[0]), input))
				assert.Equal(t, withoutMarker(fresh), withoutMarker(switched))
			})
		}
	}
}

// Where the first scenario took something away for good, the second still leaves
// nothing of the first behind.
func TestSwitchingBackLeavesNoOrphans(t *testing.T) {
	v := fixtures.Plain()
	input := v.Render(t, nil)
	for _, first := range []string{"byoc", "kubernetes-secret", "own-trust-distribution", "http"} {
		t.Run(first, func(t *testing.T) {
			back := decode(t, `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: back}
spec:
  certManager: {enabled: true}
`)
			output := mustApply(t, back, mustApply(t, load(t, first), input))
			workload := object(t, output, "Deployment", v.Release)
			assert.NotContains(t, workload.MustString(), "tls-digest")
			assert.Empty(t, unmounted(workload), "volumes that no container mounts")
			assert.Equal(t, v.Release+"-tls-cert", mountedSecret(workload))
			object(t, output, "Certificate", v.Release+"-tls-cert")
			for _, n := range parsed(t, output) {
				assert.NotEqual(t, "tlssecret", n.GetAnnotations()["connectedregistry.dev/added-by"], n.GetName())
			}
		})
	}
}

func volumes(workload *yaml.RNode) []*yaml.RNode {
	list, _ := workload.Pipe(yaml.Lookup("spec", "template", "spec", "volumes"))
	elements, _ := list.Elements()
	return elements
}

func unmounted(workload *yaml.RNode) []string {
	text := workload.MustString()
	var names []string
	for _, v := range volumes(workload) {
		name := v.Field("name").Value.YNode().Value
		if strings.Count(text, "name: "+name+"\n") < 2 {
			names = append(names, name)
		}
	}
	return names
}

func mountedSecret(workload *yaml.RNode) string {
	for _, v := range volumes(workload) {
		if secret := v.Field("secret"); secret != nil {
			return secret.Value.Field("secretName").Value.YNode().Value
		}
	}
	return ""
}

const (
	baseLayer = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: base}
spec:
  service: {clusterIP: 192.100.100.1}
  certManager: {enabled: false, install: false}
  tls: {secret: k8secret}
`
	trustLayer = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: own-trust}
spec:
  trustDistribution: {enabled: false}
`
)

// Layers in one run give what the same scenarios give in runs one after the other,
// and what one scenario that says it all gives.
func TestLayersInOneRunEqualRunsInARow(t *testing.T) {
	input := fixtures.Plain().Render(t, nil)
	merged, overrides, err := scenario.Merge(decode(t, baseLayer), decode(t, trustLayer))
	require.NoError(t, err)
	assert.Empty(t, overrides)

	inARow := mustApply(t, decode(t, trustLayer), mustApply(t, decode(t, baseLayer), input))
	inOneRun := mustApply(t, merged, input)
	whole := mustApply(t, load(t, "own-trust-distribution"), input)
	assert.Equal(t, withoutMarker(whole), withoutMarker(inOneRun))
	assert.Equal(t, withoutMarker(whole), withoutMarker(inARow))

	marker := func(stream []byte) string {
		return object(t, stream, "Deployment", "connected-registry").GetAnnotations()["connectedregistry.dev/scenario"]
	}
	assert.Equal(t, "base+own-trust", marker(inOneRun))
	assert.Equal(t, "base,own-trust", marker(inARow))
}

// An empty spec changes nothing but the marker, whatever the render.
func TestEmptySpecOnlyMarks(t *testing.T) {
	empty := decode(t, `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: nothing}
spec: {}
`)
	for _, v := range fixtures.Variants() {
		for _, row := range fixtures.Rows() {
			if v.HTTPOnly && row.Name != "http" {
				continue
			}
			t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
				_, report, err := apply(t, empty, v.Render(t, row.Values))
				require.NoError(t, err)
				require.Len(t, report.Changes, 1)
				assert.Equal(t, v.Workload+": marker: recorded scenario nothing", report.Changes[0].String())
				assert.Empty(t, report.Warnings)
			})
		}
	}
}
