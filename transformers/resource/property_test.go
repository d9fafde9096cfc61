package resource

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestRandomEdits asserts for random manifests and edits that the output
// means the edited tree, that other documents keep their bytes, and that a
// second run changes nothing.
func TestRandomEdits(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 300
	}
	fallbacks := 0
	for seed := range rounds {
		g := newGenerator(int64(seed))
		before, between, after := g.document("Other", "one"), g.document("Target", "two"), g.document("Other", "three")
		if g.Intn(4) == 0 {
			after = ""
			between = strings.TrimSuffix(between, "\n")
		}
		if g.Intn(4) == 0 {
			before, between, after = crlf(before), crlf(between), crlf(after)
		}
		src := before + between + after
		s, err := ParseStream([]byte(src))
		require.NoError(t, err)
		objects, err := s.Select([]string{"Target"})
		require.NoError(t, err, "seed %d:\n%s", seed, src)
		require.Len(t, objects, 1)
		same, err := s.Bytes()
		require.NoError(t, err)
		require.Equal(t, src, string(same), "seed %d", seed)

		for range 1 + g.Intn(3) {
			g.edit(child(objects[0].Node().YNode(), "spec"))
		}
		out, err := s.Bytes()
		require.NoError(t, err, "seed %d:\n%s", seed, src)
		require.True(t, strings.HasPrefix(string(out), before), "seed %d", seed)
		require.True(t, strings.HasSuffix(string(out), after), "seed %d", seed)
		changed := out[len(before) : len(out)-len(after)]
		require.True(t, means(changed, normalize(s.units[1].root)), "seed %d:\n%s\n=>\n%s", seed, src, out)
		if s.units[1].changed() && !surgical([]byte(between), s.units[1].root) {
			fallbacks++
			t.Logf("seed %d is written anew", seed)
		}

		again, err := ParseStream(out)
		require.NoError(t, err)
		_, err = again.Select(nil)
		require.NoError(t, err, "seed %d:\n%s", seed, out)
		second, err := again.Bytes()
		require.NoError(t, err)
		require.Equal(t, string(out), string(second))
	}
	assert.LessOrEqual(t, fallbacks, rounds/50, "documents written anew")
}

// surgical says whether a document was changed by edits of its lines.
func surgical(raw []byte, root *yaml.Node) bool {
	parsed, err := parseText(raw)
	if err != nil {
		return false
	}
	r := newRewriter(raw, parsed)
	want := normalize(root)
	if !r.document(parsed.Content[0], want.Content[0]) {
		return false
	}
	edited := r.apply()
	return means(edited, want) || means(endLine(edited, r.eol), want)
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// TestFewLines asserts that simple edits change hardly more lines than they
// must.
func TestFewLines(t *testing.T) {
	var changed, needed int
	for seed := range 1500 {
		g := newGenerator(int64(seed))
		src := g.document("Target", "x")
		s, err := ParseStream([]byte(src))
		require.NoError(t, err)
		objects, err := s.Select([]string{"Target"})
		require.NoError(t, err)
		need := g.simpleEdit(child(objects[0].Node().YNode(), "spec"), src)
		if need == 0 {
			continue
		}
		out, err := s.Bytes()
		require.NoError(t, err)
		got := changedLines(src, string(out))
		if got > need {
			t.Logf("seed %d: %d lines for %d:\n%s\n=>\n%s", seed, got, need, src, out)
		}
		changed, needed = changed+got, needed+need
	}
	t.Logf("%d lines changed, %d needed: %.3f", changed, needed, float64(changed)/float64(needed))
	assert.LessOrEqual(t, float64(changed), 1.1*float64(needed))
}

// simpleEdit sets, adds or deletes one scalar of one line, and returns how
// many lines a diff of it needs; 0 when it did nothing.
func (g *generator) simpleEdit(root *yaml.Node, src string) int {
	all := collections(root)
	n := all[g.Intn(len(all))]
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) < 4 {
		return 0
	}
	at := 2 * g.Intn(len(n.Content)/2)
	value := n.Content[at+1]
	lines := strings.Split(src, "\n")
	line := lines[n.Content[at].Line-1]
	switch g.Intn(3) {
	case 0:
		n.Content = append(n.Content, yaml.NewStringRNode("added").YNode(), yaml.NewStringRNode("v").YNode())
		return 1
	case 1:
		if value.Kind != yaml.ScalarNode || value.Style&(quotedStyles|yaml.LiteralStyle|yaml.FoldedStyle) != 0 || value.Value == "set" {
			return 0
		}
		*value = *yaml.NewStringRNode("set").YNode()
		return 2
	default:
		if value.Kind != yaml.ScalarNode || value.Style != 0 || at == 0 && strings.HasPrefix(strings.TrimSpace(line), "-") {
			return 0
		}
		need := 1
		for i := n.Content[at].Line - 2; strings.HasPrefix(strings.TrimSpace(lines[i]), "# about"); i-- {
			need++
		}
		n.Content = append(append([]*yaml.Node{}, n.Content[:at]...), n.Content[at+2:]...)
		return need
	}
}

// changedLines counts the lines that a diff removes and adds.
func changedLines(a, b string) int {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	table := make([][]int, len(x)+1)
	for i := range table {
		table[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return len(x) + len(y) - 2*table[0][0]
}

// TestResourceListRandomEdits does the same for items of a ResourceList.
func TestResourceListRandomEdits(t *testing.T) {
	for seed := range 500 {
		g := newGenerator(int64(seed))
		var b strings.Builder
		b.WriteString("apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n")
		for _, name := range []string{"one", "two", "three"} {
			lines := strings.Split(strings.TrimSuffix(g.document("Target", name), "\n"), "\n")[2:]
			for i, line := range lines {
				b.WriteString([]string{"- ", "  "}[min(i, 1)] + line + "\n")
			}
		}
		b.WriteString("functionConfig: {a: b}\n")
		s, err := ParseResourceList([]byte(b.String()))
		require.NoError(t, err, b.String())
		objects, err := s.Select([]string{"Target"})
		require.NoError(t, err)
		require.Len(t, objects, 3)
		switch i := g.Intn(3); g.Intn(4) {
		case 0:
			s.Remove(objects[i])
		case 1:
			s.Add(yaml.MustParse("apiVersion: v1\nkind: New\nmetadata: {name: n}\n"))
		default:
			g.edit(child(objects[i].Node().YNode(), "spec"))
		}
		s.SetResults(yaml.MustParse("- message: m\n  severity: info\n"))
		out, err := s.Bytes()
		require.NoError(t, err, "seed %d", seed)
		require.True(t, means(out, normalize(s.list.root)))
		require.True(t, bytes.Contains(out, []byte("functionConfig: {a: b}\n")))
		_, err = s.Changes()
		require.NoError(t, err)
	}
}
