package scenario_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

func merge(t *testing.T, layers ...*scenario.Layer) (*scenario.Layer, []scenario.Override) {
	t.Helper()
	l, overrides, err := scenario.Merge(layers...)
	require.NoError(t, err)
	return l, overrides
}

func TestMergeFieldByField(t *testing.T) {
	base := decode(t, "base.yaml", header+`metadata: {name: base, namespace: n, labels: {a: "1", b: "1"}}
spec:
  mode: ReadOnly
  service: {clusterIP: 10.0.0.1}
  certManager: {enabled: true, install: true, dnsNames: [a, b, c]}
  targets: {service: {labels: {x: "1", y: "1"}}}
`)
	over := decode(t, "over.yaml", header+`metadata: {name: over, labels: {b: "2"}}
spec:
  mode: ReadOnly
  certManager: {install: false, dnsNames: [d]}
  targets: {service: {labels: {y: "2", z: "2"}}}
  httpEnabled: ~
`)
	m, overrides := merge(t, base, over)
	want := decode(t, "want.yaml", header+`metadata: {name: base+over, namespace: n, labels: {a: "1", b: "2"}}
spec:
  mode: ReadOnly
  service: {clusterIP: 10.0.0.1}
  certManager: {enabled: true, install: false, dnsNames: [d]}
  targets: {service: {labels: {x: "1", y: "2", z: "2"}}}
`)
	assert.Equal(t, want.Scenario, m.Scenario)
	assert.Equal(t, "base.yaml + over.yaml", m.Source)
	assert.Equal(t, []scenario.Override{
		{"spec.certManager.install", "base.yaml", "over.yaml"},
		{"spec.certManager.dnsNames", "base.yaml", "over.yaml"},
		{"spec.targets.service.labels[y]", "base.yaml", "over.yaml"},
	}, overrides, "an equal value overrides nothing")
	for path, at := range map[string]string{
		"spec.service.clusterIP":         "base.yaml:6",
		"spec.certManager.install":       "over.yaml:6",
		"spec.certManager.enabled":       "base.yaml:7",
		"spec.certManager.dnsNames[0]":   "over.yaml:6",
		"spec.certManager.dnsNames[2]":   "over.yaml:6",
		"spec.targets.service.labels[x]": "base.yaml:8",
		"spec.tls":                       "over.yaml:4",
		"status":                         "base.yaml + over.yaml",
	} {
		assert.EqualError(t, m.At(codes.NoEffect, path, "m", ""), at+": "+path+": m")
	}
}

func TestMergeCopies(t *testing.T) {
	base := decode(t, "base.yaml", full)
	m, _ := merge(t, base)
	assert.Equal(t, base.Scenario, m.Scenario)
	assert.Equal(t, base.Source, m.Source)
	m.Scenario.Spec.CertManager.DNSNames[0] = "changed"
	*m.Scenario.Spec.Mode = "changed"
	m.Scenario.Spec.Targets.Workload.Labels["changed"] = "changed"
	assert.Equal(t, decode(t, "base.yaml", full).Scenario, base.Scenario)
	assert.EqualError(t, m.At(codes.NoEffect, "status", "m", ""), "base.yaml:1: status: m")
}

func TestMergeEmptyListTakesBack(t *testing.T) {
	m, overrides := merge(t, spec(t, "base", "{certManager: {dnsNames: [a]}}"), spec(t, "over", "{certManager: {dnsNames: []}}"))
	assert.Equal(t, []string{}, m.Scenario.Spec.CertManager.DNSNames)
	assert.Equal(t, []scenario.Override{{"spec.certManager.dnsNames", "base.yaml", "over.yaml"}}, overrides)
}

func TestMergeTLSIsAChoice(t *testing.T) {
	value := func(name string) *scenario.Layer {
		l := spec(t, name, fmt.Sprintf("{tls: {crt: %s, key: %s, caCrt: %s}}", b64(crtPEM), b64(keyPEM), b64(caPEM)))
		require.NoError(t, l.Resolve(nil))
		return l
	}
	secret := spec(t, "secret", "{tls: {secret: a}}")
	key := spec(t, "key", "{tls: {key: "+b64(keyPEM+keyPEM)+"}}")
	file := spec(t, "file", "{tls: {crtFile: tls/server.crt, keyFile: tls/server.key}}")
	require.NoError(t, file.Resolve(files.ReadFile))

	m, overrides := merge(t, value("value"), secret)
	assert.Equal(t, &scenario.TLS{Secret: new("a")}, m.Scenario.Spec.TLS, "neither fields nor material are left")
	assert.Equal(t, []scenario.Override{
		{"spec.tls.crt", "value.yaml", "secret.yaml"},
		{"spec.tls.key", "value.yaml", "secret.yaml"},
		{"spec.tls.caCrt", "value.yaml", "secret.yaml"},
	}, overrides)
	require.NoError(t, m.Validate())

	m, overrides = merge(t, secret, file)
	require.NoError(t, m.Validate())
	assert.Equal(t, []scenario.Override{{"spec.tls.secret", "secret.yaml", "file.yaml"}}, overrides)
	assert.Equal(t, &scenario.Material{Crt: []byte(crtPEM), Key: []byte(keyPEM)}, m.Scenario.Spec.TLS.Material())

	m, overrides = merge(t, value("value"), key)
	assert.Equal(t, []scenario.Override{{"spec.tls.key", "value.yaml", "key.yaml"}}, overrides)
	assert.Nil(t, m.Scenario.Spec.TLS.Material(), "the key was not resolved: the old one must not pass for it")
	require.NoError(t, key.Resolve(nil))
	m, _ = merge(t, value("value"), key)
	assert.Equal(t, &scenario.Material{Crt: []byte(crtPEM), Key: []byte(keyPEM + keyPEM), CaCrt: []byte(caPEM)}, m.Scenario.Spec.TLS.Material())

	m, overrides = merge(t, secret, spec(t, "empty", "{tls: {}}"))
	assert.Empty(t, overrides)
	assert.Equal(t, "a", *m.Scenario.Spec.TLS.Secret, "nothing stated, nothing dropped")
}

func TestMergeSettingsThatWereNotDecoded(t *testing.T) {
	settings := &scenario.Layer{Source: "--config", Scenario: scenario.Scenario{
		Metadata: scenario.Metadata{Name: "settings"},
		Spec:     scenario.Spec{Mode: new(scenario.ReadWriteMode), Service: &scenario.Service{ClusterIP: new("10.0.0.256")}},
	}}
	m, overrides := merge(t, spec(t, "base", "{mode: ReadOnly}"), settings)
	assert.Equal(t, []scenario.Override{{"spec.mode", "base.yaml", "--config"}}, overrides)
	assert.EqualError(t, m.Validate(), `--config: spec.service.clusterIP: Invalid value: "10.0.0.256": expected an IPv4 or IPv6 address`)
	assert.Equal(t, "base+settings", m.Scenario.Metadata.Name)
}

func TestMergeNothing(t *testing.T) {
	for _, layers := range [][]*scenario.Layer{{}, {nil}} {
		_, _, err := scenario.Merge(layers...)
		assert.EqualError(t, err, "there is no scenario to merge")
	}
}

// randomSpec states a random part of a spec.
func randomSpec(t *testing.T, r *rand.Rand, name string) *scenario.Layer {
	pick := func(choices ...string) string {
		if i := r.IntN(len(choices) + 1); i < len(choices) {
			return choices[i]
		}
		return "~"
	}
	return spec(t, name, fmt.Sprintf(`{mode: %s, httpEnabled: %s, service: %s, readOnly: {writablePaths: %s},
 certManager: {enabled: %s, issuerRef: %s, dnsNames: %s}, tls: %s, targets: {service: {kind: %s, labels: %s}}}`,
		pick("ReadOnly", "ReadWrite"), pick("true", "false"), pick("{}", "{clusterIP: 10.0.0.1}", "{clusterIP: 10.0.0.2}"),
		pick("[]", "[/a]", "[/a, /b]"), pick("true", "false"), pick("{name: a}", "{name: b, kind: ClusterIssuer}", "{kind: Issuer}"),
		pick("[]", "[a]", "[b, c]"), pick("{}", "{secret: a}", "{crt: a}", "{crt: b, key: b}", "{caCrt: c}", "{crtFile: a, keyFile: b}", "{secret: a, crt: c}"),
		pick("Service"), pick("{}", "{a: b}", "{a: c, d: e}", "{d: f}")))
}

func TestMergeIsLeftAssociative(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		a, b, c := randomSpec(t, r, "a"), randomSpec(t, r, "b"), randomSpec(t, r, "c")
		ab, first := merge(t, a, b)
		abThenC, second := merge(t, ab, c)
		abc, all := merge(t, a, b, c)
		require.Equal(t, abc, abThenC, "seed %d", seed)
		require.Equal(t, all, append(first, second...), "seed %d", seed)
		require.Equal(t, "a+b+c", abc.Scenario.Metadata.Name)

		// A layer that comes again changes nothing more, and the last one wins.
		twice, _ := merge(t, abc, c)
		require.Equal(t, abc.Scenario.Spec, twice.Scenario.Spec, "seed %d", seed)
		if mode := c.Scenario.Spec.Mode; mode != nil {
			require.Equal(t, *mode, *abc.Scenario.Spec.Mode)
		}
		alone, overrides := merge(t, c)
		require.Equal(t, c.Scenario, alone.Scenario)
		require.Empty(t, overrides)
	}
}

func TestMergeOrderMatters(t *testing.T) {
	a, b := spec(t, "a", "{mode: ReadOnly}"), spec(t, "b", "{mode: ReadWrite}")
	ab, _ := merge(t, a, b)
	ba, _ := merge(t, b, a)
	assert.Equal(t, scenario.ReadWriteMode, *ab.Scenario.Spec.Mode)
	assert.Equal(t, scenario.ReadOnlyMode, *ba.Scenario.Spec.Mode)
}
