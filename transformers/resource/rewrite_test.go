package resource

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// at returns what is at a dotted path; a number is an index.
func at(t *testing.T, n *yaml.RNode, path string) *yaml.RNode {
	t.Helper()
	if path == "" {
		return n
	}
	found, err := n.Pipe(yaml.Lookup(strings.Split(path, ".")...))
	require.NoError(t, err)
	require.NotNil(t, found, path)
	return found
}

func set(path, key string, value *yaml.RNode) func(*testing.T, *yaml.RNode) {
	return func(t *testing.T, n *yaml.RNode) {
		require.NoError(t, at(t, n, path).PipeE(yaml.SetField(key, value)))
	}
}

func setString(path, key, value string) func(*testing.T, *yaml.RNode) {
	return set(path, key, yaml.NewStringRNode(value))
}

func remove(path, key string) func(*testing.T, *yaml.RNode) {
	return func(t *testing.T, n *yaml.RNode) {
		require.NoError(t, at(t, n, path).PipeE(yaml.Clear(key)))
	}
}

func add(path, value string) func(*testing.T, *yaml.RNode) {
	return func(t *testing.T, n *yaml.RNode) {
		require.NoError(t, at(t, n, path).PipeE(yaml.Append(yaml.MustParse(value).YNode())))
	}
}

func prepend(path, value string) func(*testing.T, *yaml.RNode) {
	return func(t *testing.T, n *yaml.RNode) {
		list := at(t, n, path).YNode()
		list.Content = append([]*yaml.Node{yaml.MustParse(value).YNode()}, list.Content...)
	}
}

func dropFirst(path string) func(*testing.T, *yaml.RNode) {
	return func(t *testing.T, n *yaml.RNode) {
		list := at(t, n, path).YNode()
		list.Content = list.Content[1:]
	}
}

func TestRewrite(t *testing.T) {
	for name, c := range map[string]struct {
		src  string
		edit func(*testing.T, *yaml.RNode)
		want string
	}{
		"spacing and comment stay": {"a:   1   # c\n", setString("", "a", "x"), "a:   x   # c\n"},
		"double quotes stay":       {"a: \"x\"\n", setString("", "a", "y"), "a: \"y\"\n"},
		"single quotes stay":       {"a: 'x'\n", setString("", "a", "it's"), "a: 'it''s'\n"},
		"quotes come where needed": {"a: x\n", setString("", "a", "0420"), "a: \"0420\"\n"},
		"address stays plain":      {"a: x\n", setString("", "a", "192.100.100.1"), "a: 192.100.100.1\n"},
		"null gets a value":        {"a: # c\nb: 1\n", setString("", "a", "x"), "a: x # c\nb: 1\n"},
		"value becomes null": {"a: x # c\n", func(t *testing.T, n *yaml.RNode) {
			v := n.YNode().Content[1]
			v.Value, v.Tag = "null", yaml.NodeTagNull
		}, "a: null # c\n"},
		"number":                      {"a: '1'\n", set("", "a", yaml.MustParse("2")), "a: 2\n"},
		"added after content":         {"a: 1\n\n# tail\n", setString("", "b", "x"), "a: 1\nb: x\n\n# tail\n"},
		"added without final newline": {"a: 1", setString("", "b", "x"), "a: 1\nb: x"},
		"added with crlf":             {"a: 1\r\nb:\r\n  c: d\r\n", setString("b", "e", "f"), "a: 1\r\nb:\r\n  c: d\r\n  e: f\r\n"},
		"removed with its comment":    {"a: 1\n\n# b\nb: 2\n\n# c\nc: 3\n", remove("", "b"), "a: 1\n\n\n# c\nc: 3\n"},
		"emptied mapping":             {"a:\n  b: 1 # c\nd: 2\n", remove("a", "b"), "a: {}\nd: 2\n"},
		"emptied sequence":            {"a: # c\n- 1\nd: 2\n", dropFirst("a"), "a: [] # c\nd: 2\n"},
		"filled mapping":              {"a: {} # c\n", setString("a", "b", "c"), "a: # c\n  b: c\n"},
		"filled sequence":             {"x:\n- 1\na: []\n", add("a", "w"), "x:\n- 1\na:\n- w\n"},
		"wide sequence":               {"x:\n    - 1\n", set("", "a", yaml.MustParse("- b: 1\n  c: 2\n")), "x:\n    - 1\na:\n  - b: 1\n    c: 2\n"},
		"four spaces":                 {"x:\n    y: 1\n", set("", "a", yaml.MustParse("{b: {c: 1}}").Copy()), "x:\n    y: 1\na: {b: {c: 1}}\n"},
		"append item":                 {"a:\n  - b: 1\n    c: 2\nd: 3\n", add("a", "{b: 4}"), "a:\n  - b: 1\n    c: 2\n  - {b: 4}\nd: 3\n"},
		"prepend item":                {"a:\n# c\n- b: 1\n", prepend("a", "x"), "a:\n- x\n# c\n- b: 1\n"},
		"remove item":                 {"a:\n- b: 1\n- c: 1\n  # in c\n\n- d: 1\n", dropFirst("a"), "a:\n- c: 1\n  # in c\n\n- d: 1\n"},
		"item of a sequence in one":   {"a:\n- - 1\n  - 2\n- 3\n", dropFirst("a.0"), "a:\n- - 2\n- 3\n"},
		"first key behind the dash":   {"a:\n- b: 1\n  c: 2\n", remove("a.0", "b"), "a:\n- c: 2\n"},
		"dash on its own line":        {"a:\n-\n  b: 1\n  c: 2\n", remove("a.0", "b"), "a:\n-\n  c: 2\n"},
		"flow scalar":                 {"a: {b: 1, c: [x,  y]} # c\n", setString("a", "b", "yes"), "a: {b: \"yes\", c: [x,  y]} # c\n"},
		"flow structure":              {"a: {b: 1, c: [x,  w]} # c\nd: 1\n", remove("a", "b"), "a: {c: [x, w]} # c\nd: 1\n"},
		"literal line":                {"a: |-  # c\n    x\n\n    # y\n    z\nb: 1\n", setString("", "a", "x\n\n# y\nnew\nz\n"), "a: |  # c\n    x\n\n    # y\n    new\n    z\nb: 1\n"},
		"literal from plain":          {"a: x # c\nb: 1\n", setString("", "a", "x\ny\n"), "a: | # c\n  x\n  y\nb: 1\n"},
		"plain from literal":          {"a: |\n  x\n  y\nb: 1\n", setString("", "a", "x"), "a: x\nb: 1\n"},
		"other indentation":           {"  a: 1\n  b:\n     c: 2\n", setString("b", "d", "x"), "  a: 1\n  b:\n     c: 2\n     d: x\n"},
		"alias untouched":             {"a: &a {x: 1}\nb: *a\nc: 1\n", setString("", "c", "2"), "a: &a {x: 1}\nb: *a\nc: \"2\"\n"},
		"alias changed":               {"a: &a {x: 1}\nb: *a\n", setString("b", "x", "w"), "a: &a {x: 1}\nb: {x: w}\n"},
		"anchor changed":              {"# h\na: &a\n  x: 1\nb: *a\n", setString("a", "x", "w"), "# h\na:\n  x: w\nb:\n  x: 1\n"},
		"merge untouched":             {"a: &a {x: 1}\nb:\n  <<: *a # m\n  y: 1\n", setString("b", "y", "z"), "a: &a {x: 1}\nb:\n  <<: *a # m\n  y: z\n"},
		"merge overridden below":      {"a: &a {x: 1, z: 2}\nb:\n  <<: *a # m\n  y: 1\n", setString("b", "x", "w"), "a: &a {x: 1, z: 2}\nb:\n  <<: *a # m\n  x: w\n  y: 1\n"},
		"merge overridden":            {"a: &a {x: 1, z: 2}\nb:\n  y: 1\n  <<: *a # m\n", setString("b", "x", "w"), "a: &a {x: 1, z: 2}\nb:\n  y: 1\n  <<: *a # m\n  x: w\n"},
		"merge taken apart":           {"a: &a {x: 1, z: 2}\nb:\n  y: 1\n  <<: *a # m\n", remove("b", "x"), "a: &a {x: 1, z: 2}\nb:\n  y: 1\n  z: 2\n"},
		"json on a line":              {`{"a": 1, "b": "<x>"}` + "\n", setString("", "a", "<y>"), `{"a": "<y>", "b": "<x>"}` + "\n"},
		"json compact":                {`{"a":1,"b":["x"]}`, setString("", "c", "y"), `{"a":1,"b":["x"],"c":"y"}`},
		"json over lines":             {"--- # c\n{\n    \"a\": 1,\n    \"b\": {}\n}\n", setString("b", "c", "yes"), "--- # c\n{\n    \"a\": 1,\n    \"b\": {\n        \"c\": \"yes\"\n    }\n}\n"},
		"flow root":                   {"---\n{a: 1, b: 2}\n# c\n", remove("", "a"), "---\n{b: 2}\n# c\n"},
		"explicit key":                {"? a\n: b\nc: 1 # c\n", setString("", "c", "x"), "a: b\nc: x # c\n"},
		"string for a number":         {"a: 123 # c\n", setString("", "a", "123"), "a: \"123\" # c\n"},
		"string for a boolean": {"a:\n- b: true\n", func(t *testing.T, n *yaml.RNode) {
			n.YNode().Content[1].Content[0].Content[1] = yaml.NewStringRNode("true").YNode()
		}, "a:\n- b: \"true\"\n"},
		"string for a number in flow": {"a: {b: 1.5}\n", setString("a", "b", "1.5"), "a: {b: \"1.5\"}\n"},
		"tagged":                      {"a: !!str 1\nb: 1\n", setString("", "b", "x"), "a: !!str 1\nb: x\n"},
		"end marker":                  {"a: 1\n...\n", setString("", "b", "x"), "a: 1\nb: x\n...\n"},
		"quoted over lines":           {"a: \"x\n  # y\"\nb: 1\n", setString("", "a", "z"), "a: \"z\"\nb: 1\n"},
		"same key order elsewhere": {"a: 1\nb: 2\n", func(t *testing.T, n *yaml.RNode) {
			c := n.YNode().Content
			c[0], c[1], c[2], c[3] = c[2], c[3], c[0], c[1]
		}, "a: 1\nb: 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, c.src)
			u, err := parseUnit(s, 0, maxDocument)
			require.NoError(t, err)
			s.units[0] = u
			require.Len(t, u.objects, 1)
			c.edit(t, u.objects[0].Node())
			assert.Empty(t, cmp.Diff(c.want, output(t, s)))
		})
	}
}

// TestStringsReadBack asserts that every string, in every style, reads back
// as itself, and is never plain where an older reader would see no string.
func TestStringsReadBack(t *testing.T) {
	for _, value := range awkward {
		for _, style := range []yaml.Style{0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle} {
			for _, tree := range []string{"a: {}\n", "a: {b: {}}\n", "a:\n  b:\n  - c: {}\n", "a:\n- - {}\n"} {
				root := yaml.MustParse(tree).YNode()
				n := root
				for len(n.Content) > 0 {
					n = n.Content[len(n.Content)-1]
				}
				*n = yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: value, Style: style}
				out, err := encodeDocument(root, layout{step: 2})
				require.NoError(t, err, "%q", value)
				require.True(t, means(out, root), "%q", out)
				require.Equal(t, value, lastLeaf(t, out), "%q", out)
			}
		}
	}
	for _, value := range []string{"yes", "No", "ON", "off", "y", "N", "0o7", "0123", "1_000", "12:30:45", "1e3", "0x1F", ".5", "~", "null", "=", "<<", "2024-01-02", "1.10", "-1", "+.inf"} {
		assert.Equal(t, `"`+value+`"`, inlineString(value, 0, false, false))
	}
	for _, value := range []string{"500Gi", "10.0.0.1", "v1", "a-b", "1.2.3", "registry.example.com:443/x", "yesterday", "node", "-x"} {
		assert.Equal(t, value, inlineString(value, 0, false, false))
	}
}

// lastLeaf reads YAML as kubectl and helm do, and goes down to a leaf.
func lastLeaf(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	require.NoError(t, sigsyaml.Unmarshal(text, &v), "%q", text)
	for {
		switch inner := v.(type) {
		case map[string]any:
			for _, only := range inner {
				v = only
			}
		case []any:
			v = inner[len(inner)-1]
		default:
			return v
		}
	}
}

// TestUnwritable asserts that what cannot be written is an error.
func TestUnwritable(t *testing.T) {
	s := parse(t, "kind: A\n")
	root := selectAll(t, s, "A")[0].Node().YNode()
	root.Content = append(root.Content, yaml.NewStringRNode("v").YNode(),
		&yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: "\xff"})
	_, err := s.Bytes()
	require.ErrorContains(t, err, "document 1: the changed object cannot be written")
	_, err = s.Changes()
	require.Error(t, err)
}
