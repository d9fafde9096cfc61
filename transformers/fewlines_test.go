package transformers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pmezard/go-difflib/difflib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// A changed document differs only in the lines that the change concerns: over all
// cases and all documented scenarios on all charts, the lines that were added and
// removed are at most a tenth more than the fewest.
//
// The fewest are counted where no layout can matter: both trees, as they came and
// as they are now, are printed by the same encoder, one scalar a line, without
// comments, and those texts are compared. Whatever way of writing is kept, each line
// that such a diff shows stands for a key or value that another tree needs. Where
// that is more than our own lines (a flow collection, a block scalar's header), our
// own are the fewest, so that no document makes up for another.
func TestFewLinesChange(t *testing.T) {
	changed, fewest := 0, 0
	count := func(t *testing.T, scenarioText, input []byte, namespace string) {
		for _, c := range changes(t, scenarioText, input, namespace) {
			if len(c.Before) == 0 || len(c.After) == 0 {
				continue // a document that comes or goes whole
			}
			lines := differentLines(t, string(c.Before), string(c.After))
			least := min(lines, differentLines(t, plainly(t, c.Before), plainly(t, c.After)))
			if lines > 2*least+4 {
				t.Logf("%s: %d lines, where %d would do", c.Object, lines, least)
			}
			changed, fewest = changed+lines, fewest+least
		}
	}
	for _, pattern := range []string{"transformers/*/*", "streams/*"} {
		cases(t, pattern, func(t *testing.T, c goldenCase) {
			count(t, c.Read(t, "scenario.yaml"), c.Read(t, "input.yaml"), "")
		})
	}
	for _, v := range fixtures.Variants() {
		for _, row := range fixtures.Rows() {
			text, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row.Name, "scenario.yaml"))
			require.NoError(t, err)
			count(t, text, v.Render(t, nil), v.Namespace)
		}
	}
	require.NotZero(t, fewest)
	ratio := float64(changed) / float64(fewest)
	t.Logf("lines changed ÷ fewest: %.3f (%d, %d)", ratio, changed, fewest)
	assert.LessOrEqual(t, ratio, 1.1)
}

// changes are what a run changes, none where it is refused.
func changes(t *testing.T, scenarioText, input []byte, namespace string) []resource.Change {
	t.Helper()
	layer, err := scenario.Decode("scenario.yaml", scenarioText)
	require.NoError(t, err)
	require.NoError(t, layer.Resolve(fixtures.Material))
	set, err := resource.ParseStream(input)
	require.NoError(t, err)
	if _, err := transformers.Run(set, layer, transformers.Options{Now: fixtures.Now, Version: "test", Namespace: namespace}); err != nil {
		return nil
	}
	all, err := set.Changes()
	require.NoError(t, err)
	return all
}

// plainly prints a document, or the item of a list, in the one way that says
// nothing but what it means.
func plainly(t *testing.T, text []byte) string {
	t.Helper()
	n, err := yaml.Parse(strings.ReplaceAll(string(bytes.TrimPrefix(text, []byte("\ufeff"))), "\r\n", "\n"))
	require.NoError(t, err)
	require.NoError(t, n.DeAnchor())
	bare(n.YNode())
	return n.MustString()
}

// bare takes comments and styles away. Block scalars stay: their lines count.
func bare(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	if n.Style&yaml.LiteralStyle == 0 {
		n.Style = 0
	}
	for _, c := range n.Content {
		bare(c)
	}
}

func differentLines(t *testing.T, before, after string) int {
	t.Helper()
	different := 0
	a, b := difflib.SplitLines(before), difflib.SplitLines(after)
	for _, op := range difflib.NewMatcherWithJunk(a, b, false, nil).GetOpCodes() {
		if op.Tag != 'e' {
			different += op.I2 - op.I1 + op.J2 - op.J1
		}
	}
	return different
}
