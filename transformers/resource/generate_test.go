package resource

import (
	"fmt"
	"math/rand"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// generator writes random manifests in random formatting.
type generator struct {
	*rand.Rand
	strings.Builder
	step    int
	compact bool
	plain   bool // no comments and blank lines
}

// awkward are strings that are easy to get wrong.
var awkward = []string{
	"", "a", "yes", "no", "y", "on", "off", "0420", "0o17", "1e3", "1_000", "12:30:45", "null", "~", "true", "2024-01-02",
	"a: b", "a #b", "#x", "- a", "-", "?", "'q'", `"q"`, `back\slash`, "ünï→☃", " lead", "trail ", "tab\there",
	"multi\nline\n", "multi\n\nline", "keep\n\n", " indented\nfirst\n", "\nblank first\n", "x\n  y\n z\n", "a\r\nb", "nel\u0085x",
	"ls\u2028x", "\ufeffbom", "nul\x01", "192.100.100.1", "500Gi", "{}", "[]", "*a", "&a", "!t", "%d", "@x", "`x", "|", ">", "<<", "=",
	"--- x", "---", "...", "a:", ":a", ",x", "0x1F", ".5", "-.inf", ".nan", "1.10", "key: |\n  x\n", "😀",
}

func newGenerator(seed int64) *generator {
	g := &generator{Rand: rand.New(rand.NewSource(seed))}
	g.step, g.compact = 2+2*g.Intn(2), g.Intn(2) == 0
	return g
}

func (g *generator) word() string {
	return []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}[g.Intn(6)]
}

func (g *generator) pad(n int) { g.WriteString(strings.Repeat(" ", n)) }

func (g *generator) noise(indent int) {
	if g.plain {
		return
	}
	switch g.Intn(12) {
	case 0:
		g.WriteByte('\n')
	case 1:
		g.pad(indent)
		g.WriteString("# about " + g.word() + "\n")
	case 2:
		g.WriteString("\n  # stray\n\n")
	}
}

func (g *generator) lineEnd() {
	if !g.plain && g.Intn(6) == 0 {
		g.WriteString(strings.Repeat(" ", 1+g.Intn(3)) + "# note")
	}
	g.WriteByte('\n')
}

// scalar writes a value of one line (or a block scalar) and its line end.
func (g *generator) scalar(indent int) {
	switch g.Intn(14) {
	case 0:
		fmt.Fprintf(g, "%d", g.Intn(1000))
	case 1:
		g.WriteString([]string{"true", "null", "~", "0420", "1.5", "0x10"}[g.Intn(6)])
	case 2, 3:
		fmt.Fprintf(g, "'%s it''s'", g.word())
	case 4, 5:
		g.WriteString(doubleQuoted(awkward[g.Intn(len(awkward))]))
	case 6:
		g.WriteString("|" + []string{"", "-", "+"}[g.Intn(3)])
		g.lineEnd()
		g.WriteString(indentLines("echo "+g.word()+"\n# no comment\n\n  more\nend\n", indent+g.step))
		return
	case 7:
		g.WriteString(">-\n")
		g.WriteString(indentLines("folded "+g.word()+"\ntext\n", indent+g.step))
		return
	case 8:
		g.WriteString("{" + g.word() + ": 1, x: [a, 'b']}")
	case 9:
		g.WriteString([]string{"[]", "{}"}[g.Intn(2)])
	case 10:
		g.WriteString("\"over\n")
		g.pad(indent + g.step)
		g.WriteString("# lines\"")
	default:
		g.WriteString(g.word())
	}
	g.lineEnd()
}

func (g *generator) mapping(indent, depth int) {
	n := 1 + g.Intn(4)
	for i := range n {
		if i > 0 {
			g.noise(indent)
			g.pad(indent)
		}
		fmt.Fprintf(g, "%s%d:", g.word(), i)
		g.value(indent, depth)
	}
}

func (g *generator) value(indent, depth int) {
	switch kind := g.Intn(4); {
	case depth > 0 && kind == 0:
		g.lineEnd()
		g.noise(indent + g.step)
		g.pad(indent + g.step)
		g.mapping(indent+g.step, depth-1)
	case depth > 0 && kind == 1:
		g.lineEnd()
		inner := indent
		if !g.compact {
			inner += g.step
		}
		g.pad(inner)
		g.sequence(inner, depth-1)
	default:
		g.WriteString(strings.Repeat(" ", 1+g.Intn(2)*g.Intn(2)*2))
		g.scalar(indent)
	}
}

func (g *generator) sequence(indent, depth int) {
	for i := range 1 + g.Intn(4) {
		if i > 0 {
			g.noise(indent)
			g.pad(indent)
		}
		g.WriteString("- ")
		switch kind := g.Intn(4); {
		case depth > 0 && kind < 2:
			g.mapping(indent+2, depth-1)
		case depth > 0 && kind == 2:
			g.sequence(indent+2, depth-1)
		default:
			g.scalar(indent)
		}
	}
}

// document writes a manifest.
func (g *generator) document(kind, name string) string {
	g.Reset()
	g.WriteString("---\n# Source: chart/templates/" + name + ".yaml\n")
	fmt.Fprintf(g, "apiVersion: v1\nkind: %s\nmetadata:\n%sname: %s\nspec:\n", kind, strings.Repeat(" ", g.step), name)
	g.pad(g.step)
	g.mapping(g.step, 4)
	if !g.plain && g.Intn(3) == 0 {
		g.WriteString("# tail\n")
	}
	return g.String()
}

// collections lists the mappings and sequences of a tree.
func collections(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode {
		all = append(all, n)
	}
	for _, c := range n.Content {
		all = append(all, collections(c)...)
	}
	return all
}

func (g *generator) fresh() *yaml.Node {
	switch g.Intn(4) {
	case 0:
		return yaml.MustParse("name: new\nlist:\n- a\n- b: 1\n  c: {d: e}\nempty: {}\n").YNode()
	case 1:
		return yaml.MustParse("- x\n- y: z\n").YNode()
	default:
		return yaml.NewStringRNode(awkward[g.Intn(len(awkward))]).YNode()
	}
}

// edit makes a random change below a node.
func (g *generator) edit(root *yaml.Node) {
	all := collections(root)
	n := all[g.Intn(len(all))]
	width := 1
	if n.Kind == yaml.MappingNode {
		width = 2
	}
	count := len(n.Content) / width
	at := 0
	if count > 0 {
		at = g.Intn(count)
	}
	switch op := g.Intn(6); {
	case op == 0 && count > 0:
		n.Content = append(append([]*yaml.Node{}, n.Content[:at*width]...), n.Content[(at+1)*width:]...)
	case op <= 2 && count > 0:
		c := n.Content[at*width+width-1]
		if c.Kind == yaml.ScalarNode && g.Intn(2) == 0 {
			c.Value, c.Tag, c.Style = awkward[g.Intn(len(awkward))], yaml.NodeTagString, 0
		} else {
			n.Content[at*width+width-1] = g.fresh()
		}
	case op == 3 && count > 1 && width == 1:
		n.Content[0], n.Content[at] = n.Content[at], n.Content[0]
	default:
		var entry []*yaml.Node
		if width == 2 {
			entry = append(entry, yaml.NewStringRNode(fmt.Sprintf("new%d", g.Intn(1e9))).YNode())
		}
		entry = append(entry, g.fresh())
		n.Content = append(append(append([]*yaml.Node{}, n.Content[:at*width]...), entry...), n.Content[at*width:]...)
	}
}
