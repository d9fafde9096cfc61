package scenario_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/scenario"
)

func TestDigestForm(t *testing.T) {
	assert.Equal(t, "v1.2.3@sha256:c0b7f00b670fe81e188345a9740754267d42a44e7bce22138a47af5d0b7b2917",
		spec(t, "a", "{mode: ReadOnly}").Digest("v1.2.3"), "a digest that changes makes every verify say stale")
}

func TestDigestEqual(t *testing.T) {
	want := decode(t, "a.yaml", header+"metadata: {name: a}\nspec:\n  mode: ReadOnly\n  service: {clusterIP: 10.0.0.1}\n").Digest("v1")
	for name, text := range map[string]string{
		"other name, order and comments": "metadata: {name: b, labels: {a: b}, annotations: {c: d}}\nspec: # here\n  service: {clusterIP: '10.0.0.1'}\n  mode: ReadOnly # there\n",
		"empty objects":                  "metadata: {name: a}\nspec: {service: {clusterIP: 10.0.0.1}, mode: ReadOnly, tls: {}, pvc: {}, targets: {service: {labels: {}}}}\n",
	} {
		assert.Equal(t, want, decode(t, "b.yaml", header+text).Digest("v1"), name)
	}
	m, _ := merge(t, spec(t, "a", "{mode: ReadWrite}"), spec(t, "b", "{service: {clusterIP: 10.0.0.1}}"), spec(t, "c", "{mode: ReadOnly}"))
	assert.Equal(t, want, m.Digest("v1"), "layers")
}

func TestDigestDiffers(t *testing.T) {
	seen := map[string]string{}
	add := func(name, digest string) {
		assert.Empty(t, seen[digest], name)
		seen[digest] = name
	}
	add("version", spec(t, "a", "{}").Digest("v2"))
	add("namespace", decode(t, "a.yaml", header+"metadata: {name: a, namespace: n}\n").Digest("v1"))
	for _, s := range []string{
		"{}", "{mode: ReadOnly}", "{mode: ReadWrite}", "{httpEnabled: false}", "{readOnly: {writablePaths: []}}",
		"{readOnly: {writablePaths: [/a, /b]}}", "{readOnly: {writablePaths: [/b, /a]}}", "{tls: {secret: a}}",
	} {
		add(s, spec(t, "a", s).Digest("v1"))
	}
}

func TestDigestOfCertificates(t *testing.T) {
	resolved := func(crt, key, ca string) string {
		l := withTLS(t, map[string]string{"crt": b64(crt), "key": b64(key), "caCrt": b64(ca)})
		unresolved := l.Digest("v1")
		require.NoError(t, l.Resolve(nil))
		assert.Equal(t, unresolved, l.Digest("v1"))
		return l.Digest("v1")
	}
	want := resolved(crtPEM, keyPEM, caPEM)
	assert.Equal(t, want, resolved(crtPEM, keyPEM+keyPEM, caPEM), "the key never enters")
	assert.NotEqual(t, want, resolved(caPEM, keyPEM, caPEM))
	assert.NotEqual(t, want, resolved(crtPEM, keyPEM, crtPEM))

	l := withTLS(t, map[string]string{"crtFile": "tls/server.crt", "keyFile": "tls/server.key", "caCrtFile": "tls/ca.crt"})
	paths := l.Digest("v1")
	require.NoError(t, l.Resolve(files.ReadFile))
	assert.Equal(t, want, l.Digest("v1"), "a file is what it holds")
	assert.NotEqual(t, paths, l.Digest("v1"))

	m, _, err := scenario.Merge(l)
	require.NoError(t, err)
	assert.Equal(t, want, m.Digest("v1"))
	assert.NotContains(t, fmt.Sprint(l.Scenario.Spec.TLS.Material()), "secret")
}
