package transformers_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// guarded returns a small render with the proxy in front of the registry.
func guarded(t *testing.T, layer *scenario.Layer) []byte {
	t.Helper()
	input, err := os.ReadFile(filepath.Join("..", "fixtures", "transformers", "enforcement", "https", "input.yaml"))
	require.NoError(t, err)
	return mustApply(t, layer, input)
}

// repaired applies a scenario, and reports an object that differs although no
// transformer named it.
func repaired(t *testing.T, layer *scenario.Layer, input []byte) ([]byte, *transformers.Report, error) {
	t.Helper()
	set, err := resource.ParseStream(input)
	require.NoError(t, err)
	report, err := transformers.Run(set, layer, options)
	if err != nil {
		return nil, report, err
	}
	named := map[*resource.Object]bool{}
	for _, c := range report.Changes {
		named[c.Object] = true
		assert.NotEqual(t, transformers.ConcernOther, c.Concern, "no transformer reported it: %s", c)
	}
	changes, err := set.Changes()
	require.NoError(t, err)
	for _, c := range changes {
		assert.True(t, named[c.Object], "%s was changed in silence:\n%s\n%s", c.Object, c.Before, c.After)
	}
	output, err := set.Bytes()
	require.NoError(t, err)
	return output, report, nil
}

func sortedLines(stream []byte) []string { return slices.Sorted(strings.Lines(string(stream))) }

// Whatever of the proxy is undone by hand is restored, and reported.
func TestEveryRestoredEditIsReported(t *testing.T) {
	layer := decode(t, enforceText)
	original := guarded(t, layer)
	const container, volumes = "container connected-registry-proxy (docker.io/library/nginx:", "container connected-registry-proxy has ConfigMap"
	_, configMap, _ := strings.Cut(string(original), "kind: ConfigMap\n")
	for name, c := range map[string]struct{ old, replacement, says string }{
		"the target of a port":        {"targetPort: proxy-https", "targetPort: https", "port 443 leads to the proxy's port proxy-https (10443) instead of https"},
		"no target of a port":         {"    targetPort: proxy-https\n", "", "port 443 leads to the proxy's port proxy-https (10443) instead of 443"},
		"what a port led to":          {"target-ports: 443=https", "target-ports: 443=https,80=http", "recorded what its ports led to before the proxy: 443=https"},
		"the image":                   {"image: docker.io/library/nginx:", "image: registry.example.com/nginx:", container},
		"the command":                 {"config/nginx.conf\n", "config/other.conf\n", container},
		"its user":                    {"runAsUser: 101", "runAsUser: 0", container},
		"its root":                    {"          readOnlyRootFilesystem: true\n", "", container},
		"more that it may do":         {"          capabilities:\n", "          capabilities:\n            add: [NET_BIND_SERVICE]\n", container},
		"a port of it":                {"containerPort: 10443", "containerPort: 10444", container},
		"a port of the node":          {"containerPort: 10443\n", "containerPort: 10443\n          hostPort: 10443\n", container},
		"one port more":               {"        livenessProbe:\n", "        - containerPort: 10444\n        livenessProbe:\n", container},
		"a variable":                  {"        command:\n        - nginx\n", "        env: [{name: LD_PRELOAD, value: /tmp/x.so}]\n        command:\n        - nginx\n", container},
		"a mount":                     {"mountPath: /etc/connected-registry-proxy/tls\n", "mountPath: /etc/connected-registry-proxy/tls\n          subPath: tls.crt\n", container},
		"a volume":                    {"          sizeLimit: 64Mi", "          sizeLimit: 65Mi", volumes},
		"one volume more":             {"      - name: connected-registry-proxy-tmp\n        e", "      - {name: connected-registry-proxy-more, emptyDir: {}}\n      - name: connected-registry-proxy-tmp\n        e", volumes},
		"the Secret":                  {"          secretName: edge1-tls\n", "          secretName: other\n", volumes},
		"the ConfigMap":               {"          name: edge1-read-only-proxy\n", "          name: other\n", volumes},
		"what is let through":         {`"~^(GET|HEAD) /v2`, `"~^(GET|HEAD|PUT) /v2`, "wrote the proxy's configuration anew"},
		"the configuration":           {configMap[strings.Index(configMap, "\ndata:")+1:], "", "wrote the proxy's configuration anew"},
		"the configuration's object":  {"---\napiVersion: v1\nkind: ConfigMap\n" + configMap, "", "added: the configuration of the proxy"},
		"the digest":                  {"proxy-digest: sha256:", "proxy-digest: sha256:0", "records the digest of the proxy's configuration"},
		"no digest":                   {proxyDigest.FindString(string(original)), "", "records the digest of the proxy's configuration"},
		"the recorded token path":     {"token-path: /acr/oauth2/token", "token-path: /token", "recorded token path /acr/oauth2/token"},
		"no recorded token path":      {"    connectedregistry.dev/token-path: /acr/oauth2/token\n", "", "recorded token path /acr/oauth2/token"},
		"who added the configuration": {"    connectedregistry.dev/added-by: enforcement\n", "", "recorded that it was added by this program"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(original), c.old)
			stream := strings.Replace(string(original), c.old, c.replacement, 1)
			output, report, err := repaired(t, layer, []byte(stream))
			require.NoError(t, err)
			assert.True(t, slices.Equal(sortedLines(original), sortedLines(output)), "is not restored:\n%s", output)
			assert.Contains(t, string(reportText(report)), c.says)
		})
	}
}

// A Service of another registry, of the same namespace, keeps its own proxy.
func TestProxyOfAnotherRegistryStays(t *testing.T) {
	layer := decode(t, enforceText)
	own := guarded(t, layer)
	other := strings.NewReplacer("edge1", "edge2").Replace(string(own))
	both := string(own) + "---\n" + other
	targeted := decode(t, enforceText+"  targets: {workload: {name: edge1}}\n")
	output, report, err := repaired(t, targeted, []byte(both))
	require.NoError(t, err)
	assert.Equal(t, []string{"Deployment/edge1: marker: recorded scenario enforced"}, strings.Split(strings.TrimSpace(string(reportText(report))), "\n"))
	assert.Contains(t, string(output), other)
}

// Over generated tampering: whatever a run makes of it, each object that it changes is
// named by a change of the transformer that changed it.
func TestNothingIsRestoredInSilence(t *testing.T) {
	layer := decode(t, enforceText)
	charts := map[string][]byte{"small": guarded(t, layer), "chart": mustApply(t, layer, fixtures.Plain().Render(t, map[string]any{"cert-manager": map[string]any{"install": false}}))}
	for name, original := range charts {
		changed := 0
		for seed := range uint64(300) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				input := tampered(t, rand.New(rand.NewPCG(seed, 11)), original)
				output, _, err := repaired(t, layer, input)
				if err != nil {
					assert.Nil(t, output)
					return
				}
				if string(output) != string(input) {
					changed++
				}
				again, report, err := repaired(t, layer, output)
				require.NoError(t, err)
				assert.Equal(t, string(output), string(again))
				assert.Empty(t, report.Changes)
			})
		}
		assert.Greater(t, changed, 50, "little was restored, so little was tested")
	}
}

// tampered returns a stream in which one place of one object is another.
func tampered(t *testing.T, random *rand.Rand, stream []byte) []byte {
	t.Helper()
	set, err := resource.ParseStream(stream)
	require.NoError(t, err)
	objects, err := set.Select([]string{"Deployment", "Service", "ConfigMap"}, "connectedregistry.dev/")
	require.NoError(t, err)
	places := collections(objects[random.IntN(len(objects))].Node().YNode())
	place := places[random.IntN(len(places))]
	values := []string{"https", "8443", "10443", "true", "0", "other", "connected-registry-proxy", "proxy-http"}
	other := yaml.NewScalarRNode(values[random.IntN(len(values))]).YNode()
	step := 1
	if place.Kind == yaml.MappingNode {
		step = 2
	}
	at := random.IntN(len(place.Content)/step) * step
	switch kind := random.IntN(4); {
	case kind == 0:
		place.Content = slices.Delete(place.Content, at, at+step)
	case kind == 1 && step == 1:
		place.Content = append(place.Content, yaml.NewRNode(place.Content[at]).Copy().YNode())
	case kind == 2 && step == 2:
		place.Content = append(place.Content, yaml.NewStringRNode("example.com/other").YNode(), other)
	default:
		place.Content[at+step-1] = other
	}
	output, err := set.Bytes()
	require.NoError(t, err)
	return output
}

// collections are the filled mappings and sequences below a node, itself among them.
func collections(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.ScalarNode || len(n.Content) == 0 {
		return nil
	}
	found := []*yaml.Node{n}
	for _, c := range n.Content {
		found = append(found, collections(c)...)
	}
	return found
}
