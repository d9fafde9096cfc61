package transformers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

var options = transformers.Options{Now: fixtures.Now, Version: "test", Namespace: "connected-registry"}

// load reads a scenario of fixtures/scenarios.
func load(t testing.TB, name string) *scenario.Layer {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", name, "scenario.yaml"))
	require.NoError(t, err)
	return decode(t, string(data))
}

func decode(t testing.TB, text string) *scenario.Layer {
	t.Helper()
	layer, err := scenario.Decode("scenario.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, layer.Resolve(fixtures.Material))
	return layer
}

// apply patches a stream.
func apply(t testing.TB, layer *scenario.Layer, input []byte) ([]byte, *transformers.Report, error) {
	t.Helper()
	set, err := resource.ParseStream(input)
	require.NoError(t, err)
	report, err := transformers.Run(set, layer, options)
	if err != nil {
		return nil, report, err
	}
	output, err := set.Bytes()
	return output, report, err
}

func mustApply(t testing.TB, layer *scenario.Layer, input []byte) []byte {
	t.Helper()
	output, _, err := apply(t, layer, input)
	require.NoError(t, err)
	return output
}

func rows() []string {
	var names []string
	for _, row := range fixtures.Rows() {
		names = append(names, row.Name)
	}
	return names
}

// everyCase runs f for each documented scenario on each variant's default render
// on which that scenario can hold at all.
func everyCase(t *testing.T, f func(t *testing.T, layer *scenario.Layer, input []byte)) {
	for _, v := range fixtures.Variants() {
		for _, row := range rows() {
			t.Run(v.Name+"/"+row, func(t *testing.T) {
				input, layer := v.Render(t, nil), load(t, row)
				if _, _, err := apply(t, layer, input); err != nil {
					assert.True(t, v.HTTPOnly, "only the early chart lacks what a scenario needs: %v", err)
					assert.NotEmpty(t, err.Error())
					return
				}
				f(t, layer, input)
			})
		}
	}
}

func TestRunningTwiceEqualsRunningOnce(t *testing.T) {
	everyCase(t, func(t *testing.T, layer *scenario.Layer, input []byte) {
		once := mustApply(t, layer, input)
		twice, report, err := apply(t, layer, once)
		require.NoError(t, err)
		assert.Empty(t, report.Changes)
		assert.Equal(t, string(once), string(twice))
	})
}

func TestSameInputSameBytes(t *testing.T) {
	everyCase(t, func(t *testing.T, layer *scenario.Layer, input []byte) {
		first := mustApply(t, layer, input)
		for range 3 {
			require.True(t, bytes.Equal(first, mustApply(t, layer, input)))
		}
	})
}

// Documents that no change is reported for are in the output byte for byte, in
// their order.
func TestUnreportedDocumentsKeepTheirBytes(t *testing.T) {
	everyCase(t, func(t *testing.T, layer *scenario.Layer, input []byte) {
		output, report, err := apply(t, layer, input)
		require.NoError(t, err)
		touched := map[string]bool{}
		for _, c := range report.Changes {
			touched[c.Object.Document()] = true
		}
		rest := string(output)
		for _, document := range strings.SplitAfter(string(input), "\n---\n") {
			source, _, _ := strings.Cut(strings.TrimPrefix(document, "---\n# Source: "), "\n")
			source = strings.TrimPrefix(source, "# Source: ")
			if touched[source] {
				continue
			}
			_, after, found := strings.Cut(rest, strings.TrimSuffix(document, "\n---\n"))
			require.True(t, found, "%s is not as it was, or not where it was", source)
			rest = after
		}
	})
}

// A render that already is what a scenario states is left alone but for the marker.
func TestMatchingRenderOnlyGetsTheMarker(t *testing.T) {
	for _, v := range fixtures.Variants() {
		if v.HTTPOnly {
			continue
		}
		for _, row := range fixtures.Rows() {
			t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
				_, report, err := apply(t, load(t, row.Name), v.Render(t, row.Values))
				require.NoError(t, err)
				var changes []string
				for _, c := range report.Changes {
					if !strings.Contains(c.Message, "certificate's digest") { // it is part of what BYOC marks
						changes = append(changes, c.String())
					}
				}
				assert.Equal(t, []string{fmt.Sprintf("%s: marker: recorded scenario %s", v.Workload, row.Name)}, changes)
			})
		}
	}
}

// What is recognised, and what is done, does not depend on the order of the documents.
func TestOrderOfDocumentsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	everyCase(t, func(t *testing.T, layer *scenario.Layer, input []byte) {
		want := sorted(t, mustApply(t, layer, input))
		assert.Equal(t, want, sorted(t, mustApply(t, layer, shuffled(random, input))))
	})
}

func sorted(t testing.TB, stream []byte) []string {
	t.Helper()
	documents := strings.Split(strings.TrimPrefix(strings.TrimSpace(string(stream)), "---\n"), "\n---\n")
	for i := range documents {
		documents[i] = strings.TrimSpace(documents[i])
	}
	slices.Sort(documents)
	return documents
}
