package main

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkStream is a run over streams of which 13 documents change, in this process.
func BenchmarkStream(b *testing.B) {
	scenario, err := filepath.Abs(filepath.Join("..", "..", scenarioFile))
	require.NoError(b, err)
	in, err := newInputs(b.TempDir(), scenario)
	require.NoError(b, err)
	for _, documents := range []int{1000, 10_000, 100_000} {
		b.Run(strconv.Itoa(documents), func(b *testing.B) {
			stream := in.stream(documents)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				set, err := patched(stream, in.scenario)
				require.NoError(b, err)
				_, err = set.WriteTo(nowhere{})
				require.NoError(b, err)
			}
		})
	}
}

// The guard lets noise pass and nothing else.
func TestWorsened(t *testing.T) {
	stored := map[string]ratio{"a": {Clock: 0.1, CPU: 0.1}, "b": {Clock: 60, CPU: 60}}
	for _, c := range []struct {
		row  row
		fail bool
	}{
		{row{id: "a", bound: 1, value: ratio{0.14, 0.14}}, false},
		{row{id: "a", bound: 1, value: ratio{0.2, 0.2}}, true},
		{row{id: "a", bound: 1, value: ratio{0.2, 0.1}}, false},
		{row{id: "b", bound: 50, least: true, value: ratio{90, 90}}, false},
		{row{id: "b", bound: 50, least: true, value: ratio{30, 30}}, true},
		{row{id: "new", bound: 1, value: ratio{9, 9}}, false},
		{row{id: "a", value: ratio{9, 9}}, false},
	} {
		require.Equal(t, c.fail, worsened([]row{c.row}, stored) != nil, "%v", c.row)
	}
}
