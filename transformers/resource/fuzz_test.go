package resource

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// streams are inputs that are easy to get wrong.
var streams = []string{
	"", "\n", "---", "---\n", "---\n---\n", "# c\n", "a: 1", "a: 1\n---\nb: 2", "---\r\na: 1\r\n---\r\nb: 2\r\n",
	"--- # c\nkind: A\n", "kind: A\n...\n---\nkind: B\n", "kind: A\n...\nkind: B\n",
	"%YAML 1.2\n---\nkind: A\n", "%YAML 1.1\n%TAG ! tag:x,2000:\n---\nkind: A\nb: !x y\n", "\ufeffkind: A\n", "\ufeff---\nkind: A\n---\n\ufeffkind: B\n",
	"kind: A\rkind: B\n", "a: \"x\u0085kind: A\"\nkind: B\n", "a: x\u2028kind: A\n", "kind: A\u2029kind: B\n",
	"a: {\nkind: A\n }\n", "a: \"\nkind: A\n \"\nkind: B\n", "kind:\n  A\n", "kind: A\n  B\n", "kind : A\n", "\"kind\": A\n", "? kind\n: A\n",
	"x: &x {kind: A}\n<<: *x\n", "!!map\nkind: A\n", "&a\nkind: A\n", "kind: \"\\x41\"\n", "kind: !!str A\n", "kind: &k A\n", "  kind: A\n", " a: 1\n kind: A\n",
	"kind: List\nitems:\n- kind: A\n- kind: B\n", "kind: AList\nitems: []\n", "{\"kind\": \"A\", \"x\": [1, 2]}\n", "{\n  \"kind\": \"A\"\n}\n---\nkind: B\n",
	"kind: A\nx: needle\n", "kind: A\nx: \"nee\\\n  dle\"\n", "kind: A\nx: \"\\u006eeedle\"\n", "kind: A\n\tx: 1\n", "kind:\tA\n", "kind: A\t# c\n", "kind: A #c\n",
	"kind: A\nx:\n- y\n-\n - z\n", "kind: A\n---\nkind: [\n---\n]\n", "a: &a [x,x]\nb: &b [*a,*a]\nkind: A\n", "kind: A\nkind: A\n", "kind: A\na: |\n needle\n---\n",
	"kind: A\nx: |\n  last", "kind: A\nx: |+\n  last\n\n", "kind: A\nx: >\n  last", "x: 'nee''dle'\nkind: A\n", "a: |\n\tx\nkind: A\n", "kind: A\nx: \x00\n", "kind: A\nx: \xff\n",
	"a: &a\n  b: *a\nkind: A\n", "kind: A\n# Source: x\n", "\xff\xfek\x00", "kind: A\nx: [a,\n# c\nb]\n", "-\nkind: A\n", "a:\n- b\nkind: A\n- c\n",
}

func addSeeds(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s))
	}
	for seed := range int64(8) {
		f.Add([]byte(newGenerator(seed).document("A", "x")))
	}
}

// FuzzParseStream asserts that chunks and output are the input, whatever is
// parsed in between.
func FuzzParseStream(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseStream(src)
		if err != nil {
			return
		}
		all := append([]byte{}, src[:s.base]...)
		for i := range s.starts {
			all = append(all, s.chunk(i)...)
		}
		require.Equal(t, string(src), string(all))
		objects, _ := s.Select(nil)
		out, err := s.Bytes()
		require.NoError(t, err)
		require.Equal(t, string(src), string(out))
		for _, o := range objects {
			_, _, _ = o.Document(), o.ID(), o.Labels()
			s.Remove(o)
		}
		s.Len()
		removed, err := s.Bytes()
		if err != nil {
			return
		}
		again, err := ParseStream(removed)
		require.NoError(t, err)
		again.Len()
		_, err = s.Changes()
		require.NoError(t, err)
		_, err = s.WriteTo(io.Discard)
		require.NoError(t, err)
		_, _ = ParseResourceList(src)
	})
}

// FuzzQuickLook asserts that a document that is skipped would not have
// given an object that was asked for, and that the head of a document tells
// what the whole does.
func FuzzQuickLook(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := ParseStream(src)
		if err != nil {
			return
		}
		q := newQuery([]string{"A", "B"}, []string{"needle"})
		s.Stem("need")
		s.useStems(q)
		for i := range s.starts {
			u, err := parseUnit(s, i, maxDocument)
			if err != nil {
				continue
			}
			if head := parseHead(s, i); head != nil {
				require.Len(t, u.objects, 1)
				got, want := head.objects[0], u.objects[0]
				require.Equal(t, want.ID()+want.APIVersion, got.ID()+got.APIVersion, "head of %q", s.chunk(i))
				require.Equal(t, want.Labels(), got.Labels(), "head of %q", s.chunk(i))
				require.Equal(t, want.Annotations(), got.Annotations(), "head of %q", s.chunk(i))
			}
			byKind := s.mayBe(i, q)
			for _, o := range u.objects {
				if o.Kind == "A" || o.Kind == "B" {
					require.True(t, byKind, "skipped by kind: %q", s.chunk(i))
					require.True(t, s.mayHold(i, q) || !treeContains(o.node.YNode(), "needle"), "skipped by needle: %q", s.chunk(i))
				}
			}
		}
	})
}

// FuzzRewrite asserts that random edits of any document that can be parsed
// are written so that they read back, and that other documents keep their
// bytes.
func FuzzRewrite(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s), int64(1))
		f.Add([]byte(s), int64(2))
	}
	for seed := range int64(20) {
		f.Add([]byte(newGenerator(seed).document("A", "x")), seed)
		f.Add([]byte("kind: 0\n0: |+1\n "), seed) // a last line of a blank, before a document that is added
	}
	f.Fuzz(func(t *testing.T, src []byte, seed int64) {
		if bytes.Contains(src, []byte("\n---")) || len(src) > 1<<14 {
			return
		}
		const before = "---\nkind: Z # z\n---\n"
		s, err := ParseStream(append([]byte(before), src...))
		if err != nil {
			return
		}
		objects, err := s.Select(nil)
		if err != nil || len(objects) < 2 {
			return
		}
		target := objects[1]
		tagged := !editable(target.Node().YNode())
		g := newGenerator(seed)
		g.edit(target.Node().YNode())
		add := g.Intn(2) == 0
		if add {
			s.Add(yaml.MustParse("kind: New\nmetadata: {name: new}\n"))
		}
		out, err := s.Bytes()
		if err != nil && tagged {
			return
		}
		require.NoError(t, err, "%q", src)
		require.True(t, strings.HasPrefix(string(out), "---\nkind: Z # z\n"), "%q", out)
		again, err := ParseStream(out)
		require.NoError(t, err)
		found, err := again.Select(nil)
		require.NoError(t, err, "%q => %q", src, out)
		if add {
			require.Equal(t, "New/new", found[len(found)-1].String())
		}
		want := normalize(target.unit.root)
		require.True(t, equal(want, again.units[target.unit.doc].root), "%q => %q", src, out)
	})
}

// editable is false for trees with explicit tags. They may contradict the
// value, which the parser lets by and which cannot always be written.
func editable(n *yaml.Node) bool {
	for _, c := range n.Content {
		if !editable(c) {
			return false
		}
	}
	return n.Style&yaml.TaggedStyle == 0
}
