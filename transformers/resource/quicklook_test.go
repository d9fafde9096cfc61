package resource

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestQuickKind(t *testing.T) {
	for src, want := range map[string]string{
		"kind: A\n": "A", "---\nkind: A": "A", "--- # c\n\n  # c\nkind: 'A' # c\n": "A", "a:\n- b\n-\nkind: \"A\"\r\n": "A",
		"a: |\n  kind: B\nkind: A\nm:\n  kind: B\n": "A", "a: ü\nkind: A\n": "A",
		// In doubt, the document is parsed.
		"": "", "# c\n": "", "a: 1\n": "", "kind:\n  A\n": "", "kind: A B\n": "", "kind: A#\n": "", "kind: 'A\n": "", "kind: &a A\n": "",
		"kind: A\nkind: A\n": "", "kind : A\n": "", "'kind': A\n": "", "? kind\n: A\n": "", "<<: *a\nkind: A\n": "", "{kind: A}\n": "",
		"--- {kind: A}\n": "", "--- !!map\nkind: A\n": "", " kind: A\n": "", "kind:\tA\n": "", "\tkind: A\n": "", "kind: A\n...\n": "",
		"a: b\rkind: A\n": "", "a: \u0085\nkind: A\n": "", "a: \u2028\nkind: A\n": "", "a: \ufeff\nkind: A\n": "", "- a\nkind: A\n": "", "%YAML 1.1\n---\nkind: A\n": "",
	} {
		kind, ok := quickKind([]byte(src), false)
		assert.Equal(t, want, string(kind), "%q", src)
		assert.Equal(t, want != "", ok, "%q", src)
	}
}

func TestNeedlePart(t *testing.T) {
	for needle, want := range map[string]string{
		"abc": "abc", "two words": "words", "it's": "it", "": "", " ": "", "a\nbc": "bc", "ünï-code": "-code",
	} {
		assert.Equal(t, want, string(needlePart(needle)), needle)
	}
}

func TestContains(t *testing.T) {
	for _, text := range []string{"", "k", "key", "kkey", "keykez", "a ke y key", "zkez", "aaab"} {
		for _, part := range []string{"k", "key", "kez", "ey", "z", "aab"} {
			for at := range len(part) {
				assert.Equal(t, strings.Contains(text, part), contains([]byte(text), []byte(part), at), "%q in %q by %d", part, text, at)
			}
		}
	}
	assert.Equal(t, "y", string("connected-registry"[rarest([]byte("connected-registry"))]))
}
