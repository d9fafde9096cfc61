package resource

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// listOf returns a list of ConfigMaps, one of them with a text of several lines.
func listOf(items int) string {
	var b strings.Builder
	b.WriteString("kind: List\nitems:\n")
	for i := range items {
		fmt.Fprintf(&b, "- kind: ConfigMap\n  metadata:\n    name: c%d\n  data:\n    text: |\n      a\n      b\n", i)
	}
	return b.String() + "tail: 1\n"
}

// abridged edits a list and returns what is left of it to be verified.
func abridged(t *testing.T, source string, edit func(items *yaml.RNode), wrong func(*rewriter)) (text string, reads bool) {
	t.Helper()
	parsed, err := parseText([]byte(source))
	require.NoError(t, err)
	tree, err := parseText([]byte(source))
	require.NoError(t, err)
	edit(yaml.NewRNode(child(tree.Content[0], "items")))
	want := normalize(tree)
	r := newRewriter([]byte(source), parsed)
	require.True(t, r.document(parsed.Content[0], want.Content[0]))
	if wrong != nil {
		wrong(r)
	}
	edited := r.apply()
	part, _, ok := r.abridge(parsed.Content[0], want.Content[0])
	require.True(t, ok)
	return string(part), r.reads(edited, parsed.Content[0], want.Content[0], want)
}

func setText(item int, value string) func(*yaml.RNode) {
	return func(items *yaml.RNode) {
		items.Content()[item].Content[5].Content[1].SetString(value)
	}
}

func TestOnlyTouchedItemsAreVerified(t *testing.T) {
	text, reads := abridged(t, listOf(100), setText(50, "new"), nil)
	assert.True(t, reads)
	assert.Less(t, len(text), len(listOf(6)))
	for _, name := range []string{"c0\n", "c50\n", "c51\n", "c99\n", "tail"} {
		assert.Contains(t, text, name)
	}
	_, reads = abridged(t, listOf(100), func(items *yaml.RNode) {
		n := items.YNode()
		n.Content = append(n.Content[:20:20], n.Content[21:]...)
		n.Content = append(n.Content, yaml.MustParse("kind: New").YNode())
	}, nil)
	assert.True(t, reads, "an item less, and one more at the end")
}

// An edit that reaches further than it should is found out although the items
// behind it are not parsed.
func TestWrongEditsOfListsAreFound(t *testing.T) {
	for name, text := range map[string]string{"swallows": "'", "is another": "other", "is a new item": "new\n- kind: X", "ends the list": "new\nother: 2"} {
		_, reads := abridged(t, listOf(100), setText(50, "new"), func(r *rewriter) {
			r.edits[len(r.edits)-1].text = text
		})
		assert.False(t, reads, name)
	}
}

func TestSelectBelow(t *testing.T) {
	s, err := ParseStream([]byte(`kind: A
metadata: {name: only-above, labels: {app: web}}
spec: {selector: {app: other}}
---
kind: A
metadata: {name: below}
spec: {selector: {app: web}}
---
kind: A
metadata: {name: alias, labels: &l {app: web}}
spec: {selector: *l}
---
kind: A
metadata: {name: escaped, labels: {app: web}}
spec: {"sel\x65ctor": {app: "w\x65b"}}
---
kind: A
metadata: {name: none, labels: {app: web}}
`))
	require.NoError(t, err)
	objects, err := s.SelectBelow("selector", []string{"A"}, "web")
	require.NoError(t, err)
	var names []string
	for _, o := range objects {
		names = append(names, o.Name)
	}
	assert.Equal(t, []string{"below", "alias", "escaped"}, names)
}
