package resource

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeadsReadNoMoreThanTheHead(t *testing.T) {
	input := "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels: {app: x}\ndata: [this, is, not, closed\n---\nkind: Secret\napiVersion: v1\nmetadata:\n  name: b\n"
	set, err := ParseStream([]byte(input))
	require.NoError(t, err)
	heads, err := set.Heads([]string{"Secret"})
	require.NoError(t, err)
	require.Len(t, heads, 2)
	assert.Equal(t, "a", heads[0].Name)
	assert.Equal(t, map[string]string{"app": "x"}, heads[0].Labels())

	// The rest is asked for: the error is kept, and nothing can be written.
	heads[0].Node()
	_, err = set.Bytes()
	assert.ErrorContains(t, err, "line ")
	_, err = set.Changes()
	assert.Error(t, err)
}

func TestHeadsBecomeWholeWhenTheyAreSelected(t *testing.T) {
	input := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n"
	set, err := ParseStream([]byte(input))
	require.NoError(t, err)
	heads, err := set.Heads([]string{"ConfigMap"})
	require.NoError(t, err)
	whole, err := set.Select([]string{"ConfigMap"}, "v")
	require.NoError(t, err)
	require.Len(t, whole, 1)
	assert.Same(t, heads[0], whole[0])
	assert.Equal(t, "v", scalar(child(whole[0].Node().YNode(), "data"), "k"))

	output, err := set.Bytes()
	require.NoError(t, err)
	assert.Equal(t, input, string(output))
}

func TestRemovedHeadsGo(t *testing.T) {
	set, err := ParseStream([]byte("apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nbroken: [\n---\nkeep: me\n"))
	require.NoError(t, err)
	heads, err := set.Heads([]string{"Secret"})
	require.NoError(t, err)
	set.Remove(heads[0])
	output, err := set.Bytes()
	require.NoError(t, err)
	assert.NotContains(t, string(output), "Secret")
	assert.Contains(t, string(output), "keep: me\n")
}

// FuzzHeads: what the head of a document says is what the whole document says.
func FuzzHeads(f *testing.F) {
	for _, seed := range []string{
		"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  labels:\n    x: y\ndata: {}\n",
		"# c\nkind: Pod\napiVersion: 'v1'\nmetadata: # c\n\n  name: a\n# c\n  namespace: b\nspec:\n",
		"kind: Pod\nmetadata:\n  annotations:\n    a: \"x\nspec: y\"\n  name: b\n",
		"kind: Pod\nspec: \"\nmetadata:\n  name: evil\n\"\n",
		"kind: Pod\nmetadata:\n  name: &a b\nspec: *a\n",
		"kind: Pod\nmetadata:\n  <<: *a\nspec: &a {name: b}\n",
		"kind: Pod\nmetadata:\n  name: a\nmetadata:\n  name: b\n",
		"--- # c\nkind: Pod\nmetadata:\n  name: |-\n    a\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		set, err := ParseStream(input)
		if err != nil {
			return
		}
		whole, err := set.Select(nil)
		if err != nil {
			return // a document that cannot be parsed has no identity to compare with
		}
		other, err := ParseStream(input)
		require.NoError(t, err)
		heads, err := other.Heads(nil)
		require.NoError(t, err)
		require.Len(t, heads, len(whole))
		for i, o := range whole {
			assert.Equal(t, o.ID(), heads[i].ID())
			assert.Equal(t, o.APIVersion, heads[i].APIVersion)
			assert.Equal(t, o.Labels(), heads[i].Labels())
			assert.Equal(t, o.Annotations(), heads[i].Annotations())
		}
	})
}
