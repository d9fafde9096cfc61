package plugin

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// keyMarkers are pieces of a private key, as it is and in base64, of which none
// may be seen.
func keyMarkers(key []byte) []string {
	body := strings.Split(strings.TrimSpace(string(key)), "\n")[1]
	encoded := base64.StdEncoding.EncodeToString(key)
	return []string{"PRIVATE KEY", body, body[len(body)-20:], encoded[:40], encoded[40:80], encoded[len(encoded)-30:]}
}

func assertNoKey(t *testing.T, text string, key []byte) {
	t.Helper()
	for _, marker := range keyMarkers(key) {
		assert.NotContains(t, text, marker)
	}
}

// Whatever is asked for and however it fails, the key is in nothing that is shown.
func TestNoKeyIsEverShown(t *testing.T) {
	leaf := fixtures.Leaf()
	crt, key := base64.StdEncoding.EncodeToString(leaf.Crt), base64.StdEncoding.EncodeToString(leaf.Key)
	spec := func(tls string) string {
		return scenarioHead + "keys\nspec:\n  certManager: {enabled: false, install: false}\n  trustDistribution: {enabled: false}\n  tls:\n" + tls
	}
	cases := map[string]string{
		"inline":             spec("    crt: " + crt + "\n    key: " + key + "\n"),
		"PEM as it is":       spec("    crt: " + crt + "\n    key: |\n" + indented(string(leaf.Key), "      ")),
		"twice in base64":    spec("    crt: " + crt + "\n    key: " + base64.StdEncoding.EncodeToString([]byte(key)) + "\n"),
		"cut short":          spec("    crt: " + crt + "\n    key: " + key[:len(key)-3] + "\n"),
		"in crt's place":     spec("    crt: " + key + "\n    key: " + crt + "\n"),
		"as a path":          spec("    crtFile: certs/tls.crt\n    keyFile: " + key + "\n"),
		"as a Secret's name": spec("    secret: " + key + "\n"),
		"as a key":           spec("    " + key + ": a\n"),
		"of another":         spec("    crt: " + crt + "\n    key: " + base64.StdEncoding.EncodeToString(fixtures.MismatchedPair().Key) + "\n"),
		"as the name":        strings.Replace(spec("    secret: a\n"), "name: keys", "name: "+key, 1),
		"as the mode":        scenarioHead + "keys\nspec:\n  mode: " + key + "\n",
		"as the address":     scenarioHead + "keys\nspec:\n  service: {clusterIP: " + key + "}\n",
		"broken YAML":        spec("    key: " + key + "\n   crt: [\n"),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			w := at(t)
			require.NoError(t, os.WriteFile(filepath.Join(w.dir, "keys.yaml"), []byte(text), 0o600))
			for _, args := range []string{
				"plan -s keys.yaml render.yaml", "plan -s keys.yaml --output json render.yaml", "plan -s keys.yaml --output markdown render.yaml",
				"check -s keys.yaml", "check -s keys.yaml --render render.yaml", "check -s keys.yaml --render render.yaml --output json",
			} {
				got := w.run(strings.Fields(args)...)
				assertNoKey(t, got.out+got.errOut, leaf.Key)
			}
			w.stdin = stream
			assertNoKey(t, w.run("post-render", "-s", "keys.yaml").errOut, leaf.Key)
			if name != "broken YAML" {
				w.stdin = list(text)
				assertNoKey(t, w.run("function").errOut, leaf.Key)
			}
		})
	}
}

// A plan shows that a secret changes, and nothing else of it.
func TestPlanRedactsSecrets(t *testing.T) {
	for _, format := range []string{"table", "json", "markdown"} {
		t.Run(format, func(t *testing.T) { assertPlanRedacts(t, format) })
	}
}

func assertPlanRedacts(t *testing.T, format string) {
	leaf := fixtures.Leaf()
	w := at(t)
	w.stdin = stream
	got := w.run("plan", "-s", "byoc.yaml", "--output", format)
	require.Equal(t, 0, got.code, got.errOut)
	assert.Regexp(t, `\+  tls\.key: <redacted sha256:[0-9a-f]{8}>`, got.out)
	assertNoKey(t, got.out, leaf.Key)

	w.stdin = w.run("post-render", "-s", "byoc.yaml").out
	renewed := fixtures.RenewedLeaf()
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "certs/tls.crt"), renewed.Crt, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "certs/tls.key"), renewed.Key, 0o600))
	got = w.run("plan", "-s", "byoc.yaml", "--output", format)
	require.Equal(t, 0, got.code, got.errOut)
	assert.Regexp(t, `-  tls\.key: <redacted sha256:[0-9a-f]{8}>`, got.out)
	assert.Regexp(t, `\+  tls\.key: <redacted sha256:[0-9a-f]{8}>`, got.out)
	assertNoKey(t, got.out, leaf.Key)
	assertNoKey(t, got.out, renewed.Key)
}

func TestPlanRedactsTheConnectionString(t *testing.T) {
	w := at(t)
	for _, format := range []string{"table", "json", "markdown"} {
		got := w.run("plan", "-s", "trust.yaml", "-s", "byoc.yaml", "--output", format, "render.yaml")
		assert.NotContains(t, got.out, "notARealPassword")
	}
}

func TestRedactPair(t *testing.T) {
	key := string(fixtures.Leaf().Key)
	encoded := base64.StdEncoding.EncodeToString([]byte(key))
	secret := "apiVersion: v1\nkind: Secret\n"
	cases := map[string]struct{ kind, text string }{
		"data":               {"Secret", secret + "data:\n  a: aHVudGVyMg==\n"},
		"stringData":         {"Secret", secret + "stringData:\n  a: hunter2\n  b: |\n    hunter2\n    and hunter2\n"},
		"no mapping":         {"Secret", secret + "data: hunter2\n"},
		"misspelt":           {"Secret", secret + "Data:\n  a: hunter2\n"},
		"nested":             {"Secret", secret + "data:\n  a:\n    b: hunter2\n"},
		"a comment":          {"Secret", secret + "# hunter2\ndata:\n  a: b # hunter2\n"},
		"last applied":       {"Secret", secret + "metadata:\n  annotations:\n    " + lastApplied + ": '{\"data\":\"hunter2\"}'\n"},
		"an item":            {"Secret", "- apiVersion: v1\n  kind: Secret\n  data:\n    a: hunter2\n"},
		"an item, no kind":   {"Secret", "- data:\n    a: hunter2\n"},
		"one line of a list": {"Deployment", `{"kind":"List","items":[{"apiVersion":"v1","kind":"Secret","data":{"a":"hunter2"}}]}`},
		"half a line":        {"Deployment", `"items":[{"apiVersion":"v1","kind":"Secret","data":{"a":"hunter2"}}]}`},
		"broken":             {"Secret", secret + "data: [hunter2\n"},
		"a variable":         {"Deployment", "env:\n- name: A_PASSWORD\n  value: hunter2\n"},
		"a connection":       {"Deployment", "args: ['--to=A=b;SyncTokenPassword=hunter2;C=d']\n"},
		"a key":              {"ConfigMap", "data:\n  a: |\n    hunter2\n" + indented(key, "    ")},
		"a key in base64":    {"ConfigMap", "data:\n  a: " + encoded + "hunter2\n"},
		"a folded key":       {"ConfigMap", "data:\n  a: >\n    " + encoded[:76] + "\n    " + encoded[76:] + "\n"},
		"a key in a comment": {"ConfigMap", "# " + encoded + "\ndata: {}\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, after := redactPair(c.kind, []byte(c.text), nil)
			assert.NotContains(t, before, "hunter2")
			assert.NotContains(t, before, "aHVudGVyMg")
			assertNoKey(t, before, []byte(key))
			assert.Empty(t, after)
		})
	}
	const plain = "# a comment\nkind:  ConfigMap\ndata: {a: 'b', c: \"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\"}\n"
	before, after := redactPair("ConfigMap", []byte(plain), []byte(plain+"b: c\n"))
	assert.Equal(t, plain, before, "without a secret a manifest stays as it is written")
	assert.Equal(t, plain+"b: c\n", after)
}

func TestScrub(t *testing.T) {
	key := string(fixtures.Leaf().Key)
	for _, text := range []string{
		key, "cannot read " + key, strings.ReplaceAll(key, "\n", `\n`), key[:len(key)/2],
		base64.StdEncoding.EncodeToString([]byte(key)), base64.StdEncoding.EncodeToString(append(fixtures.Leaf().Crt, key...)),
	} {
		assertNoKey(t, scrub(text), []byte(key))
		assert.Contains(t, scrub(text), "<redacted sha256:")
	}
	for _, text := range []string{"a: b", base64.StdEncoding.EncodeToString(fixtures.Leaf().Crt), string(fixtures.Leaf().Crt)} {
		assert.Equal(t, text, scrub(text))
	}
}
