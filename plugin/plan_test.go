package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

const trustTable = `Trust distribution
  remove  DaemonSet/site/trust  trust is distributed by other means

Marker of the scenario
  change  Deployment/site/edge  recorded scenario trust

Scenario trust: 0 to add, 1 to change, 1 to remove.
`

func TestPlanTable(t *testing.T) {
	w := at(t)
	got := w.run("plan", "-s", "trust.yaml", "--diff=false", "render.yaml")
	assert.Equal(t, trustTable, got.out)
	assert.Empty(t, got.errOut)
	w.stdin = stream
	assert.Equal(t, got.out, w.run("plan", "-s", "trust.yaml", "--diff=false").out)
	assert.Equal(t, got.out, w.run("plan", "-s", "trust.yaml", "--diff=false", "-").out)
	w.stdin = list("")
	assert.Equal(t, got.out, w.run("plan", "-s", "trust.yaml", "--diff=false", "-").out)
}

func TestPlanDiff(t *testing.T) {
	got := at(t).run("plan", "-s", "ip.yaml", "-s", "other.yaml", "render.yaml")
	assert.Contains(t, got.out, `--- a/Service/site/edge
+++ b/Service/site/edge
`)
	assert.Contains(t, got.out, "\n+  clusterIP: 192.100.100.2\n")
	assert.Contains(t, got.out, "\noverride: spec.service.clusterIP: other.yaml replaces ip.yaml\n")
	assert.NotContains(t, got.out, "\x1b")
	assert.Less(t, strings.Index(got.out, "--- a/"), strings.Index(got.out, "\nService\n"), "what is long comes first")

	got = at(t).run("plan", "-s", "trust.yaml", "render.yaml")
	assert.NotContains(t, got.out, "+++ /dev/null\n", "what goes is in the table")
	assert.Contains(t, got.out, "--- a/Deployment/site/edge\n")
	got = at(t).run("plan", "-s", "byoc.yaml", "render.yaml")
	assert.Contains(t, got.out, "--- /dev/null\n+++ b/Secret/site/")
}

func TestPlanWithoutChanges(t *testing.T) {
	w := at(t)
	w.stdin = stream
	w.stdin = w.run("post-render", "-s", "trust.yaml").out
	got := w.run("plan", "-s", "trust.yaml", "--exit-code")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, "Scenario trust changes nothing: it holds already.\n", got.out)

	w.stdin = hook
	got = w.run("plan", "-s", "trust.yaml")
	assert.Equal(t, 0, got.code)
	assert.Contains(t, got.out, "\n\nwarning: helm: the render holds Helm hooks only")
}

// Programs read this: names and types stay.
func TestPlanJSON(t *testing.T) {
	w := at(t)
	got := w.run("plan", "-s", "ip.yaml", "-s", "other.yaml", "--output", "json", "--diff=false", "render.yaml")
	digest := `{"transformer": "marker", "concern": "marker", "message": "recorded scenario ip+other"}`
	assert.JSONEq(t, `{
		"scenario": "ip+other",
		"objects": [
			{"action": "change", "apiVersion": "v1", "kind": "Service", "namespace": "site", "name": "edge",
			 "document": "connected-registry/templates/service.yaml",
			 "changes": [{"transformer": "service", "concern": "service", "message": "set clusterIP 192.100.100.2"}]},
			{"action": "change", "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "site", "name": "edge",
			 "document": "connected-registry/templates/deployment.yaml", "changes": [`+digest+`]}
		],
		"warnings": [],
		"overrides": [{"path": "spec.service.clusterIP", "from": "ip.yaml", "to": "other.yaml"}],
		"totals": {"add": 0, "change": 2, "remove": 0}
	}`, got.out)

	var plan plannedJSON
	got = w.run("plan", "-s", "trust.yaml", "--output", "json", "--exit-code", "render.yaml")
	assert.Equal(t, 1, got.code)
	require.NoError(t, json.Unmarshal([]byte(got.out), &plan))
	require.Len(t, plan.Objects, 2)
	assert.Contains(t, plan.Objects[0].Diff, "+++ /dev/null\n")
}

func TestPlanColor(t *testing.T) {
	cases := map[string]struct {
		args     string
		env      map[string]string
		terminal bool
		want     bool
	}{
		"auto, no terminal":      {"", nil, false, false},
		"auto, terminal":         {"", nil, true, true},
		"NO_COLOR":               {"", map[string]string{"NO_COLOR": "1"}, true, false},
		"NO_COLOR that is empty": {"", map[string]string{"NO_COLOR": ""}, true, true},
		"dumb terminal":          {"", map[string]string{"TERM": "dumb"}, true, false},
		"always":                 {"--color=always", map[string]string{"NO_COLOR": "1"}, false, true},
		"never":                  {"--color=never", nil, true, false},
		"JSON has none":          {"--output=json --color=always", nil, true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			w.env = c.env
			if c.terminal {
				w.terminal = []any{"stdout"}
			}
			got := w.run(strings.Fields("plan -s trust.yaml render.yaml " + c.args)...)
			assert.Equal(t, 0, got.code, got.errOut)
			assert.Equal(t, c.want, strings.Contains(got.out, "\x1b["))
		})
	}
}

func TestPlanWidth(t *testing.T) {
	w := at(t)
	w.terminal, w.width = []any{"stdout"}, 68
	got := w.run("plan", "-s", "trust.yaml", "--diff=false", "--color=never", "render.yaml")
	assert.Contains(t, got.out, "  remove  DaemonSet/site/trust  trust is distributed by other\n"+strings.Repeat(" ", 34)+"means\n")

	w.width = 36
	got = w.run("plan", "-s", "trust.yaml", "--diff=false", "--color=never", "render.yaml")
	assert.Equal(t, `Trust distribution
  remove DaemonSet/site/trust
    trust is distributed by other
      means

Marker of the scenario
  change Deployment/site/edge
    recorded scenario trust

Scenario trust: 0 to add, 1 to
change, 1 to remove.
`, got.out)
}

// planOf runs plan on what the stand-in chart renders.
func planOf(t *testing.T, scenario string, w *world, args ...string) outcome {
	t.Helper()
	defer func(before string) { Version = before }(Version)
	Version = "v1.2.3"
	text, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", scenario, "scenario.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "scenario.yaml"), text, 0o600))
	w.stdin = string(fixtures.Plain().Render(t, nil))
	return w.run(append([]string{"plan", "-s", "scenario.yaml"}, args...)...)
}

// The looks of a plan, on terminals of several widths and elsewhere.
func TestPlanLooks(t *testing.T) {
	cases := map[string]struct {
		width int
		args  string
	}{
		"wide.txt":   {200, "--diff=false --color=never"},
		"narrow.txt": {60, "--diff=false --color=never"},
		"color.txt":  {100, "--color=always"},
		"all.txt":    {0, "--diff=false --all"},
		"plan.md":    {0, "--output markdown"},
		"plan.json":  {0, "--output json --diff=false"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			if c.width > 0 {
				w.terminal, w.width = []any{"stdout"}, c.width
			}
			got := planOf(t, "own-trust-distribution", w, strings.Fields(c.args)...)
			require.Equal(t, 0, got.code, got.errOut)
			assert.Empty(t, got.errOut)
			assertGolden(t, filepath.Join("testdata", "plan", name), got.out)
		})
	}
}

func assertGolden(t *testing.T, path, got string) {
	t.Helper()
	if updating() {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// No line is wider than the terminal unless a single word is.
func TestPlanKeepsToTheWidth(t *testing.T) {
	for _, scenario := range []string{"secure-by-default", "kubernetes-secret", "http"} {
		for _, width := range []int{60, 80, 100, 200} {
			w := at(t)
			w.terminal, w.width = []any{"stdout"}, width
			got := planOf(t, scenario, w, "--diff=false", "--color=never")
			require.Equal(t, 0, got.code, got.errOut)
			for line := range strings.Lines(got.out) {
				line = strings.TrimRight(line, "\n")
				if words := strings.Fields(line); length(line) > width {
					assert.LessOrEqual(t, len(words), 2, "%d columns: %s", width, line)
				}
			}
		}
	}
}

// Every line begins and ends without a colour, so that a pager that is left in the
// middle leaves none behind.
func TestPlanColorsEndWithTheirLine(t *testing.T) {
	w := at(t)
	got := planOf(t, "kubernetes-secret", w, "--color=always")
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	seen := 0
	for line := range strings.Lines(got.out) {
		codes := colour.FindAllString(line, -1)
		seen += len(codes)
		if len(codes) > 0 {
			assert.Equal(t, "\x1b[0m", codes[len(codes)-1], line)
		}
	}
	assert.Greater(t, seen, 20)
	plain := planOf(t, "kubernetes-secret", w, "--color=never")
	assert.Equal(t, plain.out, colour.ReplaceAllString(got.out, ""), "colours change nothing else")
}

func TestManyAlikeAreCounted(t *testing.T) {
	gone := func(kind, name string) row {
		return row{"remove", kind + "/" + name, []string{kind}, []string{"gone"}}
	}
	rows := []row{gone("A", "a"), {"change", "B/b", []string{"B"}, []string{"gone"}}, gone("B", "a"), gone("B", "c"), gone("A", "d")}
	assert.Equal(t, rows, countAlike(rows), "four alike are listed")

	rows = append(rows, gone("B", "e"))
	got := countAlike(rows)
	require.Len(t, got, 2)
	assert.Equal(t, "5 objects", got[0].objects())
	assert.Equal(t, "3\u00a0B, 2\u00a0A", got[0].perKind())
	assert.Equal(t, rows[1], got[1])
}

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "ü": 1, "u\u0308": 1, "日本": 4, "ｆ": 2, "ｶ": 1, "😀": 2, "a\u200bb": 2,
	} {
		assert.Equal(t, want, length(text), "%q", text)
	}
	assert.Equal(t, "日本 |", pad("日本", 5)+"|")
	assert.Equal(t, "日", cut("日本", 3))
	assert.Equal(t, "日本", cut("日本", 4))
	assert.Equal(t, []string{"Kind/space/", "name"}, wrapID("Kind/space/name", 14))
	assert.Equal(t, []string{"Kind/space/name"}, wrapID("Kind/space/name", 15))
	assert.Equal(t, []string{"5 objects"}, wrapID("5 objects", 3))
	assert.Equal(t, []string{"日本 日", "本"}, wrap("日本 日 本", 7))
}
