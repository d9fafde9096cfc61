package patch

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func TestDifferences(t *testing.T) {
	const pod = "spec: {containers: [{name: a, env: [{name: X, value: x}, {name: Y, value: y}], args: [one]}, {name: b}]}"
	for name, c := range map[string]struct {
		before, after string
		want          []Difference
	}{
		"styles and keys":         {"{a: 1, b: 'x'} # text", "b: \"x\"\na: 1\n", nil},
		"null is missing":         {"{a: null, metadata: {labels: {}}}", "metadata: {annotations: {}}", nil},
		"octal is a number":       {"mode: 0420", "mode: 272", nil},
		"text is no number":       {"a: '1'", "a: 1", []Difference{{"a", "1", json.Number("1")}}},
		"a field":                 {"a: {b: x}", "a: {b: y}", []Difference{{"a.b", "x", "y"}}},
		"a field more":            {"a: {}", "a: {b: [x]}", []Difference{{"a.b", nil, []any{"x"}}}},
		"an empty map is not":     {"v: {emptyDir: {}}", "v: {}", []Difference{{"v.emptyDir", map[string]any{}, nil}}},
		"names with dots":         {"data: {tls.crt: x}", "data: {tls.crt: y}", []Difference{{"data[tls.crt]", "x", "y"}}},
		"items by name":           {pod, "spec: {containers: [{name: b}, {name: a, env: [{name: Y, value: z}, {name: X, value: x}], args: [one]}]}", []Difference{{"spec.containers[a].env[Y].value", "y", "z"}}},
		"items without names":     {"args: [one, two]", "args: [two, one]", []Difference{{"args[0]", "one", "two"}, {"args[1]", "two", "one"}}},
		"names twice":             {"env: [{name: X, value: a}, {name: X, value: b}]", "env: [{name: X, value: b}, {name: X, value: a}]", []Difference{{"env[0].value", "a", "b"}, {"env[1].value", "b", "a"}}},
		"order of init":           {"initContainers: [{name: a}, {name: b}]", "initContainers: [{name: b}, {name: a}]", []Difference{{"initContainers (order)", "a, b", "b, a"}}},
		"order of references":     {"c: {env: [{name: X}, {name: Y, value: $(X)}]}", "c: {env: [{name: Y, value: $(X)}, {name: X}]}", []Difference{{"c.env (order)", "X, Y", "Y, X"}}},
		"a mount twice":           {"c: {volumeMounts: [{name: v, mountPath: /a}]}", "c: {volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /b}]}", []Difference{{"c.volumeMounts[/b]", nil, map[string]any{"name": "v", "mountPath": "/b"}}}},
		"an item less, one other": {"p: [{name: a}, {name: b}]", "p: [{name: b, x: y}]", []Difference{{"p[a]", map[string]any{"name": "a"}, nil}, {"p[b].x", nil, "y"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Differences(yaml.MustParse(c.before), yaml.MustParse(c.after))
			assert.Equal(t, fmt.Sprint(c.want), fmt.Sprint(got))
		})
	}
}

// Trees that differ in a value have a difference, and those that do not have none.
func TestDifferencesAreComplete(t *testing.T) {
	for seed := range int64(1000) {
		g := generator{rand.New(rand.NewSource(seed))}
		before := map[string]any{"spec": g.value(4)}
		after := map[string]any{"spec": g.edit(before["spec"], 4)}
		d := Differences(yaml.MustParse(text(before)), yaml.MustParse(text(after)))
		require.Empty(t, Differences(yaml.MustParse(text(after)), yaml.MustParse(string(raw(after)))))
		if len(d) == 0 { // nothing but the order of items with names is another one
			require.Equal(t, sortedBytes(before), sortedBytes(after), "seed %d", seed)
			continue
		}
		require.NotEqual(t, string(raw(before)), string(raw(after)), "seed %d: %v", seed, d)
	}
}

func sortedBytes(value any) string {
	b := []byte(raw(value))
	slices.Sort(b)
	return string(b)
}
