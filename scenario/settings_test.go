package scenario

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// settled makes a layer of settings as a command line has them.
func settled(t *testing.T, pairs ...string) (*Layer, error) {
	t.Helper()
	var settings []Setting
	for _, pair := range pairs {
		setting, err := ParseSetting(pair)
		if err != nil {
			return nil, err
		}
		settings = append(settings, setting)
	}
	return NewSettings("--config", settings, false)
}

// Every key that was ever documented, in the letter cases of the documentation.
func TestSettings(t *testing.T) {
	cases := map[string]struct{ spec, note string }{
		"service.clusterIP=192.100.100.1":          {"service: {clusterIP: 192.100.100.1}", ""},
		"service.clusterIP=fd00::1":                {"service: {clusterIP: \"fd00::1\"}", ""},
		"service.type=ClusterIP":                   {"{}", "has no effect"},
		"cert-manager.enabled=true":                {"certManager: {enabled: true}", ""},
		"cert-manager.install=false":               {"certManager: {install: false}", ""},
		"trustDistribution.enabled=True":           {"trustDistribution: {enabled: true}", ""},
		"trustDistribution.useNodeSelector=true":   {"trustDistribution: {useNodeSelector: true}", ""},
		"trustDistribution.skipNodeSelector=true":  {"trustDistribution: {useNodeSelector: false}", "its opposite"},
		"trustDistribution.skipNodeSelector=false": {"trustDistribution: {useNodeSelector: true}", "its opposite"},
		"httpEnabled=true":                         {"httpEnabled: true", ""},
		"HttpsEnabled=false":                       {"httpEnabled: true", "taken as httpEnabled=true"},
		"httpsEnabled=true":                        {"httpEnabled: false", "taken as httpEnabled=false"},
		"registryLoginServer=registry.example.com": {"registryLoginServer: registry.example.com", ""},
		"pvc.storageClassName=standard":            {"pvc: {storageClassName: standard}", ""},
		"pvc.storageRequest=250Gi":                 {"pvc: {storageRequest: 250Gi}", ""},
		"tls.secret=k8secret":                      {"tls: {secret: k8secret}", ""},
		"connectionString=" + byToken:              {"{}", "use --config-protected-file"},
		"image=x:1":                                {"{}", "is a value of the chart"},
		"sync.chunkSizeInMb=1":                     {"{}", "is a value of the chart"},
		"registry.replicas=2":                      {"{}", "is a value of the chart"},
		"registry.uploadSecret=verySecret":         {"{}", "is a value of the chart"},
	}
	documented := map[string]bool{}
	for text, c := range cases {
		key, _, _ := strings.Cut(text, "=")
		canonical, _, _, ok := CanonicalSetting(key)
		require.True(t, ok, key)
		documented[canonical] = true

		l, err := settled(t, text)
		require.NoError(t, err, text)
		require.NoError(t, l.Validate(), text)
		want, err := Decode("x", []byte("apiVersion: "+APIVersion+"\nkind: "+Kind+"\nmetadata: {name: settings}\nspec:\n  "+c.spec+"\n"))
		require.NoError(t, err)
		assert.Equal(t, want.Digest(""), withoutConnection(l).Digest(""), text)
		notes := fmt.Sprint(l.Notes())
		assert.Equal(t, c.note == "", len(l.Notes()) == 0, text)
		assert.Contains(t, notes, c.note, text)
		assert.NotContains(t, notes, "password")
		assert.NotContains(t, notes, "verySecret")
	}
	for _, key := range []string{"tls.crt", "tls.key", "tls.cacrt"} {
		documented[key] = true // in TestProtectedSettings
	}
	for _, known := range knownSettings() {
		assert.True(t, documented[known.key], known.key)
	}
}

func withoutConnection(l *Layer) *Layer {
	without := *l
	without.connection = nil
	return &without
}

func TestSettingErrors(t *testing.T) {
	for text, says := range map[string]string{
		"service-clusterIP=192.1.1.1":                "--config: service-clusterIP: unknown setting; write service.clusterIP",
		"pvc-storageClassName=x":                     "write pvc.storageClassName",
		"service.clusterIP==192.1.1.1":               `found "==", expected one "="; write service.clusterIP=192.1.1.1`,
		"connectionString==Secret1234":               `write connectionString=VALUE`,
		"pvc.storageRequest=“5Gi”":                   "curly quotes",
		"\ufeffhttpEnabled=true":                     "byte order mark",
		"httpEnabled=true\r":                         "carriage return",
		"httpEnabled=\xff":                           "not UTF-8",
		"httpEnabled":                                `found no "="; write httpEnabled=value`,
		"Secret1234":                                 "expected key=value",
		"=Secret1234":                                "expected key=value",
		"httpEnabled=true cert-manager.install=true": "",
		"a b=c":                                "write --config once for each setting",
		"httpEnabled=yes":                      "write httpEnabled=true",
		"httpEnabled=maybe":                    "write httpEnabled=true or httpEnabled=false",
		"httpEnabled=":                         "a variable that was not set",
		"httpEnabled=$HTTP":                    `found "$HTTP", which is a placeholder or a variable`,
		"pvc.storageRequest=$(cat Secret1234)": `found $(…)`,
		"service.clusterIP=<my ip>":            "placeholder",
		"service.type=NodePort":                "write service.type=ClusterIP",
		"clusterIP=1.2.3.4":                    "write service.clusterIP",
		"nothing.like.it=1":                    "write one of service.clusterIP",
		strings.Repeat("x", 60) + "=1":         "expected key=value",
		"connectionString=hello Secret1234":    `has no "="`,
	} {
		_, err := settled(t, text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), says, text)
		assert.NotContains(t, err.Error(), "Secret1234", text)
	}
	_, err := settled(t, "httpEnabled=true", "httpsEnabled=true")
	assert.ErrorContains(t, err, "each other's opposite")
	_, err = settled(t, "httpEnabled=true", "httpsEnabled=false")
	assert.NoError(t, err)
}

func TestSettingsTogether(t *testing.T) {
	l, err := settled(t, "pvc.storageRequest=1Gi", "PVC.storageRequest=2Gi",
		"trustDistribution.enabled=false", "trustDistribution.skipNodeSelector=false")
	require.NoError(t, err)
	assert.Equal(t, "2Gi", *l.Scenario.Spec.PVC.StorageRequest)
	assert.Nil(t, l.Scenario.Spec.TrustDistribution.UseNodeSelector)
	assert.Len(t, l.Notes(), 2)
	l, err = settled(t, "service.clusterIP=192.1.1")
	require.NoError(t, err)
	assert.ErrorContains(t, l.Validate(), "--config: spec.service.clusterIP: ")
}

func TestProtectedSettings(t *testing.T) {
	crt := "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t" // -----BEGIN CERTIFICATE-----
	for _, text := range []string{
		`{"connectionString": "` + byToken + `", "tls.crt": "` + crt + `", "tls.key": "` + crt + `", "tls.cacrt": "` + crt + `"}`,
		"{\r\n \"tls\": {\"crt\": \"" + crt + "\", \"key\": \"" + crt + "\", \"cacrt\": \"" + crt + "\"},\r\n \"connectionString\": \"" + byToken + "\"}\r\n",
	} {
		settings, err := ReadSettings("p.json", []byte(text))
		require.NoError(t, err)
		l, err := NewSettings("p.json", settings, true)
		require.NoError(t, err)
		require.NoError(t, l.Resolve(nil))
		require.NoError(t, l.Validate())
		assert.Empty(t, l.Notes())
		assert.NotNil(t, l.Scenario.Spec.TLS.Material().CaCrt)
		assert.Equal(t, byToken, l.ConnectionString().Reveal())
	}
}

func TestSettingsFileErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                                   "p.json: the file is empty",
		"\ufeff{}":                           "byte order mark",
		"\xff\xfe{\x00}\x00":                 "UTF-16",
		"{\"a\": \"\xff\"}":                  "p.json:1: the file is not UTF-8",
		"[1]":                                "p.json:1: column 1: found no JSON object",
		"{} {}":                              "p.json:1: column 4: found more after",
		"{\n \"tls.secret\": “k8secret” }":   "p.json:2: column 16: found the curly quote “",
		"{\n \"tls.crt\": $TLS_CRT }":        "p.json:2: column 13: found a shell variable outside",
		"{\n# TLS settings\n}":               "p.json:2: column 1: found a comment",
		"{\"tls.secret\": 'x'}":              "p.json:1: column 16: found a single quote",
		"{\"tls.secret\": \"x\",}":           "remove the comma",
		"{\"tls.secret\": \"Secret1234\n\"}": "found a line break",
		"{\"tls.secret\" \"Secret1234\"}":    "the file is not JSON here",
		"{\"tls.secret\": \"x\"":             "ends within the JSON object",
		"{\"tls\": {\"secret\": [\"Secret1234\"]}}":       "p.json:1: tls.secret: column 20: found a list or an object",
		"{\"tls.secret\": null}":                          "tls.secret: column 16: found null",
		"{\"tls.secret\":\"x\",\n\"tls.secret\":\"y\"}":   "p.json:2: tls.secret: column 1: stated twice",
		"{\"" + strings.Repeat("Secret1234", 9) + "\":1}": "found a key of 90 characters",
	} {
		_, err := ReadSettings("p.json", []byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), says)
		assert.NotContains(t, err.Error(), "Secret1234")
		for _, e := range listed(t, err) {
			assert.NotEmpty(t, e.Fix, text)
		}
	}
	settings, err := ReadSettings("p.json", []byte("{\n  \"tls.secrt\": \"x\",\n  \"connectionString\": \"[connection string here]\"}"))
	require.NoError(t, err)
	_, err = NewSettings("p.json", settings, true)
	assert.ErrorContains(t, err, "p.json:2: tls.secrt: column 3: unknown setting; write tls.secret")
	assert.ErrorContains(t, err, "p.json:3: connectionString: column 3: the connection string is a placeholder")
}

// Settings lie over files, and have a name of their own only where they are alone.
func TestSettingsAsLayers(t *testing.T) {
	file, err := Decode("site.yaml", []byte("apiVersion: "+APIVersion+"\nkind: "+Kind+"\nmetadata: {name: site}\nspec: {service: {clusterIP: 10.0.0.1}, tls: {secret: a}}\n"))
	require.NoError(t, err)
	one, err := settled(t, "service.clusterIP=10.0.0.2", "tls.secret=b")
	require.NoError(t, err)
	two, err := NewSettings("p.json", []Setting{{Key: "connectionString", Value: byToken}}, true)
	require.NoError(t, err)

	merged, overrides, err := Merge(file, one, two)
	require.NoError(t, err)
	require.NoError(t, merged.Validate())
	assert.Equal(t, "site", merged.Scenario.Metadata.Name)
	assert.Equal(t, "10.0.0.2", *merged.Scenario.Spec.Service.ClusterIP)
	assert.Equal(t, []Override{
		{"spec.service.clusterIP", "site.yaml", "--config"}, {"spec.tls.secret", "site.yaml", "--config"},
	}, overrides)
	assert.Equal(t, byToken, merged.ConnectionString().Reveal())

	alone, _, err := Merge(one, two)
	require.NoError(t, err)
	require.NoError(t, alone.Validate())
	assert.Equal(t, SettingsName, alone.Scenario.Metadata.Name)

	other, err := NewSettings("q.json", []Setting{{Key: "connectionString", Value: byIdentity}}, true)
	require.NoError(t, err)
	last, overrides, err := Merge(two, other)
	require.NoError(t, err)
	assert.Equal(t, []Override{{"connectionString", "p.json", "q.json"}}, overrides)
	assert.True(t, last.ConnectionString().ManagedIdentity())
	// Another password of the same registry is the same scenario.
	assert.Equal(t, two.Digest("v"), other.Digest("v"))
	assert.NotEqual(t, one.Digest("v"), alone.Digest("v"))
}

func TestScenarioAsYAML(t *testing.T) {
	text := `apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata:
  name: all
  labels:
    a: "1"
spec:
  readOnly:
    writablePaths:
    - /tmp
  certManager:
    enabled: true
    privateKey:
      size: 256
  pvc:
    storageClassName: "true"
`
	l, err := Decode("x", []byte(text))
	require.NoError(t, err)
	got, err := l.Scenario.YAML()
	require.NoError(t, err)
	assert.Equal(t, text, string(got))
}

func FuzzReadSettings(f *testing.F) {
	for _, seed := range []string{`{"a": {"b": true, "c": 1.5}}`, "{“", `{"tls.crt": $X}`, `{"connectionString":"` + byToken + `"}`, "{}{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		settings, err := ReadSettings("p.json", data)
		if err != nil {
			assert.NotEmpty(t, listed(t, err))
			return
		}
		if l, err := NewSettings("p.json", settings, true); err == nil {
			_ = l.Validate()
			_, err := l.Scenario.YAML()
			assert.NoError(t, err)
		}
	})
}
