package plugin

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheckText(t *testing.T) {
	w := at(t)
	got := w.run("check", "-s", "ip.yaml", "-s", "other.yaml")
	assert.Equal(t, "ok: scenario ip+other is valid\n", got.out)
	assert.Equal(t, "spec.service.clusterIP: other.yaml replaces ip.yaml\n", got.errOut)

	got = w.run("check", "-s", "trust.yaml", "--render", "render.yaml")
	assert.Equal(t, "ok: scenario trust can hold on the render: 2 changes to 2 objects\n", got.out)
	assert.Regexp(t, `^note: Deployment/edge: ACR_REGISTRY_CONNECTION_STRING: .* \[connection-string-incomplete\]\n$`, got.errOut)
	w.stdin = list("")
	assert.Equal(t, got.out, w.run("check", "-s", "trust.yaml", "--render", "-").out, "a ResourceList is a render too")
}

// Programs read this: names and types stay.
func TestCheckJSON(t *testing.T) {
	w := at(t)
	got := w.run("check", "-s", "ip.yaml", "-s", "other.yaml", "--render", "render.yaml", "--output", "json")
	assert.Equal(t, 0, got.code)
	assert.Empty(t, got.errOut)
	assert.JSONEq(t, `{
		"ok": true, "scenario": "ip+other", "problems": [], "warnings": [], "changes": 2, "objects": 2,
		"overrides": [{"path": "spec.service.clusterIP", "from": "ip.yaml", "to": "other.yaml"}],
		"notes": [{
			"code": "connection-string-incomplete", "object": "Deployment/site/edge",
			"resourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "edge", "namespace": "site"},
			"message": "ACR_REGISTRY_CONNECTION_STRING: SyncTokenName is missing in the connection string; write it as this prints it: az acr connected-registry get-settings --generate-password 1 --parent-protocol https"
		}]
	}`, got.out)

	got = w.run("check", "-s", "trust.yaml", "--output", "json")
	assert.JSONEq(t, `{"ok": true, "scenario": "trust", "problems": [], "warnings": [], "notes": [], "overrides": []}`, got.out)

	got = w.run("check", "-s", "broken.yaml", "--output", "json")
	assert.Equal(t, 1, got.code)
	assert.Empty(t, got.errOut)
	assert.JSONEq(t, `{"ok": false, "warnings": [], "notes": [], "overrides": [], "problems": [
		{"source": "broken.yaml", "line": 6, "path": "spec.mod", "code": "unknown-field", "message": "unknown field", "fix": "write mode"},
		{"source": "broken.yaml", "line": 7, "path": "spec.httpEnabled", "code": "wrong-type", "message": "found the string \"no\", expected true or false", "fix": "write httpEnabled: false"}
	]}`, got.out)
}

func TestCheckJSONOfAnObject(t *testing.T) {
	w := at(t)
	w.stdin = stream + "---\n# Source: b.yaml\n" + stream[len("---\n"):]
	got := w.run("check", "-s", "trust.yaml", "--render", "-", "--output", "json")
	assert.Equal(t, 1, got.code)
	var found checked
	require.NoError(t, json.Unmarshal([]byte(got.out), &found))
	require.NotEmpty(t, found.Problems)
	assert.Contains(t, found.Problems[0].Fix, "spec.targets.workload")
	assert.NotEmpty(t, found.Problems[0].Message)
	assert.Equal(t, "target-ambiguous", found.Problems[0].Code)

	got = w.run("check", "--output", "json")
	assert.Equal(t, 2, got.code, "a mistake in the call is no result")
	assert.Empty(t, got.out)
}
