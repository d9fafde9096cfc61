package plugin

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const trustTable = `ACTION  OBJECT                TRANSFORMER        WHAT
remove  DaemonSet/site/trust  trustdistribution  removed: trust is distributed by other means
change  Deployment/site/edge  marker             recorded scenario trust

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
	assert.Contains(t, got.out, "\nspec.service.clusterIP: other.yaml replaces ip.yaml\n")
	assert.NotContains(t, got.out, "\x1b")
	assert.Less(t, strings.Index(got.out, "--- a/"), strings.Index(got.out, "ACTION"), "what is long comes first")

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
	assert.Contains(t, got.out, "Helm hooks only")
}

// Programs read this: names and types stay.
func TestPlanJSON(t *testing.T) {
	w := at(t)
	got := w.run("plan", "-s", "ip.yaml", "-s", "other.yaml", "--output", "json", "--diff=false", "render.yaml")
	digest := `{"transformer": "marker", "message": "recorded scenario ip+other"}`
	assert.JSONEq(t, `{
		"scenario": "ip+other",
		"objects": [
			{"action": "change", "apiVersion": "v1", "kind": "Service", "namespace": "site", "name": "edge",
			 "document": "connected-registry/templates/service.yaml",
			 "changes": [{"transformer": "service", "message": "set clusterIP 192.100.100.2"}]},
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
	w.terminal, w.width = []any{"stdout"}, 85
	got := w.run("plan", "-s", "trust.yaml", "--diff=false", "--color=never", "render.yaml")
	assert.Contains(t, got.out, "trustdistribution  removed: trust is distributed by\n"+strings.Repeat(" ", 49)+"other means\n")

	w.width = 50
	got = w.run("plan", "-s", "trust.yaml", "--diff=false", "--color=never", "render.yaml")
	assert.Equal(t, `remove DaemonSet/site/trust
  trustdistribution: removed: trust is
    distributed by other means
change Deployment/site/edge
  marker: recorded scenario trust

Scenario trust: 0 to add, 1 to change, 1 to remove.
`, got.out)
}

func TestNarrowListSaysTheSameOnce(t *testing.T) {
	var out bytes.Buffer
	rows := []row{
		{"remove", "A/a", "x", "gone"}, {"remove", "A/b", "x", "gone"}, {"remove", "A/c", "y", "gone"},
		{"change", "A/d", "x", "one"}, {"", "", "x", "two"}, {"add", "A/e", "x", "new"}, {"add", "A/f", "x", "new"},
	}
	style{width: 40}.printList(&out, rows)
	assert.Equal(t, `remove A/a
remove A/b
  x: gone
remove A/c
  y: gone
change A/d
  x: one
  x: two
add A/e
add A/f
  x: new
`, out.String())
}
