package patch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/transformers/resource"
)

func objectsOf(t *testing.T, stream string) []*resource.Object {
	t.Helper()
	set, err := resource.ParseStream([]byte(stream))
	require.NoError(t, err)
	objects, err := set.Select(nil)
	require.NoError(t, err)
	return objects
}

// apply applies operations by the library that kustomize applies them with.
func apply(t *testing.T, operations []Operation, to any) (any, error) {
	t.Helper()
	asYAML := text(operations)
	asJSON, err := k8syaml.YAMLToJSON([]byte(asYAML)) // as kustomize does
	require.NoError(t, err)
	p, err := jsonpatch.DecodePatch(asJSON)
	require.NoError(t, err)
	result, err := p.Apply(raw(to))
	if err != nil {
		return nil, err
	}
	var value any
	require.NoError(t, json.Unmarshal(result, &value))
	return value, nil
}

// generator makes random trees of what manifests are made of.
type generator struct{ *rand.Rand }

func (g generator) value(depth int) any {
	kinds := 6
	if depth == 0 {
		kinds = 4
	}
	switch g.Intn(kinds) {
	case 0:
		return json.Number(fmt.Sprint(g.Intn(5)))
	case 1:
		return g.Intn(2) == 0
	case 2, 3:
		return []string{"a", "yes", "0420", "~1/x", "", "null", "1e3", "b: c", "multi\nline\n"}[g.Intn(9)]
	case 4:
		return g.fields(depth - 1)
	}
	items := []any{}
	for range g.Intn(5) {
		if g.Intn(2) == 0 {
			items = append(items, g.value(depth-1))
			continue
		}
		item := g.fields(depth - 1)
		item[[]string{"name", "key", "containerPort", "mountPath"}[g.Intn(4)]] = g.value(0)
		items = append(items, item)
	}
	return items
}

func (g generator) fields(depth int) map[string]any {
	fields := map[string]any{}
	for range g.Intn(4) {
		fields[[]string{"a", "b/c", "d~e", "volumeMounts", "env", "spec"}[g.Intn(6)]] = g.value(depth)
	}
	return fields
}

// edit changes a copy of a tree here and there.
func (g generator) edit(value any, depth int) any {
	if g.Intn(6) == 0 {
		return g.value(depth)
	}
	switch value := value.(type) {
	case map[string]any:
		edited := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if g.Intn(6) > 0 {
				edited[key] = g.edit(value[key], depth-1)
			}
		}
		return edited
	case []any:
		edited := []any{}
		for _, item := range value {
			switch g.Intn(6) {
			case 0:
			case 1:
				edited = append(edited, g.value(max(depth-1, 0)), item)
			default:
				edited = append(edited, g.edit(item, max(depth-1, 0)))
			}
		}
		g.Shuffle(len(edited)*g.Intn(2), func(i, j int) { edited[i], edited[j] = edited[j], edited[i] })
		return edited
	}
	return value
}

// Whatever is made of whatever, the operations do it, and nothing else.
func TestOperationsMakeOneOfTheOther(t *testing.T) {
	for seed := range int64(3000) {
		g := generator{rand.New(rand.NewSource(seed))}
		before := any(map[string]any{"apiVersion": "v1", "spec": g.value(4)})
		after := any(map[string]any{"apiVersion": "v1", "spec": g.edit(before.(map[string]any)["spec"], 4)})
		operations := Operations(before, after)
		if same(before, after) {
			require.Empty(t, operations)
			continue
		}
		got, err := apply(t, operations, before)
		require.NoError(t, err, "seed %d: %s\n%s", seed, raw(before), text(operations))
		require.JSONEq(t, string(raw(after)), string(raw(got)), "seed %d:\n%s", seed, text(operations))
	}
}

// What is done at a position follows a test of what stands there.
func TestOperationsByPositionAreTested(t *testing.T) {
	parse := func(text string) any {
		var value any
		require.NoError(t, k8syaml.Unmarshal([]byte(text), &value))
		return value
	}
	before := parse("env: [{name: a, value: x}, {name: b, value: y}]\nargs: [one, two]\nvolumes: [{name: v}]\n")
	after := parse("env: [{name: b, value: z}]\nargs: [one, two, three]\nvolumes: [{name: u}, {name: v}]\nnodeSelector: {a: b}\n")
	operations := Operations(before, after)
	assert.Equal(t, `- op: test
  path: /args/1
  value: two
`, text([]Operation{{Op: "test", Path: "/args/1", Value: raw("two")}}))
	for name, other := range map[string]string{
		"another item":          "env: [{name: a, value: x}, {name: c, value: y}]\nargs: [one, two]\nvolumes: [{name: v}]\n",
		"another order":         "env: [{name: b, value: y}, {name: a, value: x}]\nargs: [one, two]\nvolumes: [{name: v}]\n",
		"another value":         "env: [{name: a, value: x}, {name: b, value: q}]\nargs: [one, two]\nvolumes: [{name: v}]\n",
		"one in front":          "env: [{name: a, value: x}, {name: b, value: y}]\nargs: [one, two]\nvolumes: [{name: t}, {name: v}]\n",
		"none at all":           "env: []\nargs: [one, two]\nvolumes: [{name: v}]\n",
		"a mapping is there":    "env: [{name: a, value: x}, {name: b, value: y}]\nargs: [one, two]\nvolumes: [{name: v}]\nnodeSelector: {mine: yes}\n",
		"and the one it is for": "",
	} {
		t.Run(name, func(t *testing.T) {
			if other == "" {
				got, err := apply(t, operations, before)
				require.NoError(t, err)
				assert.Equal(t, after, got)
				return
			}
			_, err := apply(t, operations, parse(other))
			assert.Error(t, err, text(operations))
		})
	}
}

func TestTargets(t *testing.T) {
	service := Identity{APIVersion: "v1", Kind: "Service", Namespace: "a", Name: "edge.hub"}
	for name, c := range map[string]struct {
		others []Identity
		want   Target
	}{
		"alone":                {nil, Target{Kind: "Service", Name: `edge\.hub`}},
		"another name":         {[]Identity{{"v1", "Service", "a", "edgexhub"}}, Target{Kind: "Service", Name: `edge\.hub`}},
		"in another namespace": {[]Identity{{"v1", "Service", "b", "edge.hub"}}, Target{Kind: "Service", Name: `edge\.hub`, Namespace: "a"}},
		"in another group":     {[]Identity{{"serving.knative.dev/v1", "Service", "a", "edge.hub"}}, Target{Group: "^$", Kind: "Service", Name: `edge\.hub`}},
	} {
		assert.Equal(t, c.want, targetOf(service, append(c.others, service)), name)
	}
	role := Identity{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role", Name: "r"}
	assert.Equal(t, Target{Group: `rbac\.authorization\.k8s\.io`, Kind: "Role", Name: "r"}, targetOf(role, []Identity{role}))
	other := role
	other.Namespace = "kube-system"
	assert.Equal(t, "default", targetOf(role, []Identity{role, other}).Namespace)
}

const secret = `apiVersion: v1
kind: Secret
metadata:
  name: tls
  labels: {a: b}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
`

func TestSecretsAreNeverWritten(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		rendered      bool
	}{
		"added":   {"", fmt.Sprintf(secret, "Y3J0", "c2VjcmV0"), false},
		"changed": {fmt.Sprintf(secret, "b2xk", "b2xkIHNlY3JldA=="), fmt.Sprintf(secret, "Y3J0", "c2VjcmV0"), true},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := Between(objectsOf(t, c.before), objectsOf(t, c.after), nil)
			require.NoError(t, err)
			require.Len(t, made.Secrets, 1)
			assert.Equal(t, Secret{
				Identity: Identity{APIVersion: "v1", Kind: "Secret", Name: "tls"}, Type: "kubernetes.io/tls",
				Keys: []string{"tls.crt", "tls.key"}, Rendered: c.rendered,
			}, made.Secrets[0])
			everything := fmt.Sprintf("%+v", made)
			assert.NotContains(t, everything, "c2VjcmV0")
			assert.NotContains(t, everything, "b2xk")
			assert.Equal(t, c.rendered, made.Removed() == 1)
		})
	}
	// One whose labels change only is patched as anything else is.
	before := fmt.Sprintf(secret, "b2xk", "b2xkIHNlY3JldA==")
	made, err := Between(objectsOf(t, before), objectsOf(t, before+"immutable: true\n"), nil)
	require.NoError(t, err)
	assert.Empty(t, made.Secrets)
	assert.NotContains(t, fmt.Sprintf("%+v", made), "b2xk")
	assert.Equal(t, 1, made.Changed())
}

func TestObjectsOfOneIdentityAreRefused(t *testing.T) {
	one := "---\n# Source: a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	_, err := Between(objectsOf(t, one+one), nil, nil)
	assert.ErrorContains(t, err, "ConfigMap/a is in the render twice")
}
