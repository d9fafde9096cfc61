package resource

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Looking at every fourth byte finds what looking at every byte finds.
func TestNextMarker(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		src := make([]byte, random.IntN(24))
		for i := range src {
			src[i] = "\n\n---...a"[random.IntN(9)]
		}
		for pos := range len(src) {
			want := -1
			for _, marker := range []string{"\n---", "\n..."} {
				if i := bytes.Index(src[pos:], []byte(marker)); i >= 0 && (want < 0 || pos+i+1 < want) {
					want = pos + i + 1
				}
			}
			require.Equal(t, want, nextMarker(src, pos), "%q from %d", src, pos)
		}
	}
}

// It does not matter where blocks end.
func TestSplitByBlocks(t *testing.T) {
	parts := []string{"\n", "---", "...", "-", ".", "\r\n", "\r", "a", "\u2028", "\u0085", "\ufeff", "é", "--- x\n", "kind: A\n"}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		var src []byte
		for range random.IntN(12) {
			src = append(src, parts[random.IntN(len(parts))]...)
		}
		starts, ordinary, wrong := splitBy(len(src)+1, src, 0)
		if wrong == nil {
			require.Equal(t, !strangeBytes(src) && !bytes.Contains(src, []byte("\n...")), ordinary, "%q", src)
		}
		for block := 1; block < len(src); block++ {
			gotStarts, gotOrdinary, err := splitBy(block, src, 0)
			require.Equal(t, wrong, err, "%q by %d", src, block)
			require.Equal(t, starts, gotStarts, "%q by %d", src, block)
			require.Equal(t, ordinary, gotOrdinary, "%q by %d", src, block)
		}
	}
}
