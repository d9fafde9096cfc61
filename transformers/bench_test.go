package transformers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// BenchmarkRun is the whole of a run but the edges: about 1 MB with the bundled
// cert-manager.
func BenchmarkRun(b *testing.B) {
	input := fixtures.Plain().Render(b, nil)
	for _, row := range rows() {
		b.Run(row, func(b *testing.B) {
			layer := load(b, row)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				set, err := resource.ParseStream(input)
				require.NoError(b, err)
				_, err = transformers.Run(set, layer, options)
				require.NoError(b, err)
				_, err = set.Bytes()
				require.NoError(b, err)
			}
		})
	}
}
