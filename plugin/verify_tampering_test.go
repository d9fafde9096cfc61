package plugin_test

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
)

// tamperer edits manifests at random: a field of an object or an object as a whole.
type tamperer struct{ *rand.Rand }

// tamper returns a stream with one edit, and says which.
func (g tamperer) tamper(t *testing.T, stream string) (edited, what string) {
	t.Helper()
	all := objects(t, []byte(stream))
	// Most of what a scenario is about is in few of the objects.
	about := slices.DeleteFunc(slices.Clone(all), func(n *yaml.Node) bool {
		return !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Service", "Secret", "ConfigMap", "Certificate", "Issuer", "PersistentVolumeClaim"}, yaml.NewRNode(n).GetKind())
	})
	victim := about[g.IntN(len(about))]
	o := yaml.NewRNode(victim)
	what = o.GetKind() + "/" + o.GetName() + ": "
	switch g.IntN(8) {
	case 0:
		all = slices.DeleteFunc(all, func(n *yaml.Node) bool { return n == victim })
		what += "dropped"
	case 1:
		require.NoError(t, o.SetName(o.GetName()+"-x"))
		what += "renamed"
	default:
		what += g.edit(victim, "")
	}
	var out strings.Builder
	for _, n := range all {
		text, err := yaml.NewRNode(n).String()
		require.NoError(t, err)
		out.WriteString("---\n" + text)
	}
	return out.String(), what
}

// edit changes, removes or adds something below a node.
func (g tamperer) edit(n *yaml.Node, path string) string {
	if n.Kind == yaml.ScalarNode {
		n.Value = []string{"other", "8443", "true", "null", n.Value + "x"}[g.IntN(5)]
		n.Tag, n.Style = "", 0
		return path + " = " + n.Value
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	i := step * g.IntN(len(n.Content)/step+1)
	switch {
	case i == len(n.Content) && n.Kind == yaml.MappingNode:
		n.Content = append(n.Content, yaml.NewStringRNode("added").YNode(), yaml.NewStringRNode("by hand").YNode())
		return path + ".added"
	case i == len(n.Content):
		if i > 0 {
			n.Content = append(n.Content, n.Content[0])
		}
		return path + " repeats its first item"
	case g.IntN(5) == 0:
		n.Content = slices.Delete(n.Content, i, i+step)
		return fmt.Sprintf("%s[%d] removed", path, i)
	case n.Kind == yaml.MappingNode:
		return g.edit(n.Content[i+1], path+"."+n.Content[i].Value)
	}
	return g.edit(n.Content[i], fmt.Sprintf("%s[%d]", path, i))
}

// meaningOf is a stream without what has no meaning to an API server.
func meaningOf(t *testing.T, stream, namespace string) string {
	t.Helper()
	var texts []string
	for _, n := range objects(t, []byte(stream)) {
		dropNulls(n)
		if o := yaml.NewRNode(n); o.GetNamespace() == "" {
			require.NoError(t, o.SetNamespace(namespace)) // which the call states
		}
		text, err := yaml.NewRNode(n).MarshalJSON()
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return strings.Join(texts, "\n")
}

func dropNulls(n *yaml.Node) {
	for i := len(n.Content) - 2; i >= 0 && n.Kind == yaml.MappingNode; i -= 2 {
		if n.Content[i+1].ShortTag() == yaml.NodeTagNull {
			n.Content = slices.Delete(n.Content, i, i+2)
		}
	}
	for _, c := range n.Content {
		dropNulls(c)
	}
}

// Of a result that somebody edited, verify says patched exactly where plan has nothing
// to change; with the render it says so exactly where nothing was edited in meaning.
func TestVerifyAgreesWithPlan(t *testing.T) {
	const edits = 10
	enforced := "{mode: ReadOnly, readOnly: {enforce: true, rootFilesystem: true}}"
	agreed := map[int]int{}
	for _, v := range fixtures.Variants() {
		input := v.Render(t, fixtures.Set("cert-manager.install=false"))
		scenarios := map[string]string{"enforced": scenarioText("enforced", enforced)}
		for _, row := range fixtures.Rows() {
			text, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row.Name, "scenario.yaml"))
			require.NoError(t, err)
			scenarios[row.Name] = string(text)
		}
		for name, text := range scenarios {
			t.Run(v.Name+"/"+name, func(t *testing.T) {
				s := site{"scenario.yaml": text, "render.yaml": string(input)}
				code, patched, _ := s.call(t, string(input), "post-render", "--scenario", "scenario.yaml", "--namespace", v.Namespace)
				if code != 0 {
					return // the early chart and a render without the bundle do not have what every scenario needs
				}
				for seed := range uint64(edits) {
					tampered, what := tamperer{rand.New(rand.NewPCG(seed, 11))}.tamper(t, patched)
					planned, _, _ := s.call(t, tampered, "plan", "--exit-code", "--scenario", "scenario.yaml", "--namespace", v.Namespace)
					verified, stdout, stderr := s.call(t, tampered, "verify", "--scenario", "scenario.yaml", "--namespace", v.Namespace)
					assert.Equal(t, planned == 0, verified == 0, "%s: plan %d, verify %d\n%s%s", what, planned, verified, stdout, stderr)
					agreed[verified]++
					compared, stdout, stderr := s.call(t, tampered, "verify", "--render", "render.yaml", "--scenario", "scenario.yaml", "--namespace", v.Namespace)
					assert.Equal(t, meaningOf(t, patched, v.Namespace) == meaningOf(t, tampered, v.Namespace), compared == 0, "%s: --render: %d\n%s%s", what, compared, stdout, stderr)
				}
			})
		}
	}
	assert.Greater(t, agreed[0], 30, "hardly an edit was none of the scenario's business")
	assert.Greater(t, agreed[1], 30, "hardly an edit was noticed")
}
