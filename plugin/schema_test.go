package plugin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// printedSchema is what the command prints, in a validator of JSON Schema.
func printedSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	got := at(t).run("schema")
	require.Equal(t, 0, got.code, got.errOut)
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(got.out))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("scenario.json", parsed))
	compiled, err := compiler.Compile("scenario.json")
	require.NoError(t, err)
	return compiled
}

// Reasons for which a schema cannot judge a scenario.
const (
	byTheRender      = "needs the rendered chart"
	byTheCertificate = "needs to read the certificate or the key"
	byTheYAML        = "is about the file's YAML, which a language server judges itself"
	byComparison     = "compares two fields"
)

// beyondSchema are the cases of fixtures/errors whose scenarios the schema takes.
var beyondSchema = map[string]string{
	"anchor-that-helm-4-dropped":                  byTheRender,
	"invisible-character":                         byTheRender,
	"kind-not-closed":                             byTheRender,
	"kind-twice":                                  byTheRender,
	"merge-below-a-key":                           byTheRender,
	"separator-beside-a-comment":                  byTheRender,
	"separator-beside-a-key":                      byTheRender,
	"separator-beside-a-key-of-the-last-document": byTheRender,
	"bundle-without-marks":                        byTheRender,
	"issuer-that-was-renamed":                     byTheRender,
	"old-certificate":                             byTheRender,
	"alias-bomb-in-a-manifest":                    byTheRender,
	"bundle-that-is-not-used":                     byTheRender,
	"certificate-writes-the-named-secret":         byTheRender,
	"dangling-reference":                          byTheRender,
	"ca-certificate-gone":                         byTheRender,
	"certificate-mount-by-sub-path":               byTheRender,
	"certificate-mount-without-the-key":           byTheRender,
	"issuer-gone":                                 byTheRender,
	"mount-path-twice":                            byTheRender,
	"nodes-trust-another-secret":                  byTheRender,
	"port-that-others-use":                        byTheRender,
	"probes-of-another-port-and-scheme":           byTheRender,
	"duplicate-key-in-a-manifest":                 byTheRender,
	"enforce-without-a-service":                   byTheRender,
	"enforce-with-two-secrets":                    byTheRender,
	"enforce-recorded-read-write":                 byTheRender,
	"enforce-of-a-port-that-is-not-there":         byTheRender,
	"enforce-beside-another-port":                 byTheRender,
	"enforce-beside-a-host-port":                  byTheRender,
	"enforce-beside-a-sidecars-host-port":         byTheRender,
	"enforce-of-an-init-containers-port":          byTheRender,
	"enforce-on-the-host-network":                 byTheRender,
	"enforce-beside-a-container-of-that-name":     byTheRender,
	"http-with-trust":                             byTheRender,
	"https-from-nowhere":                          byTheRender,
	"https-of-an-http-chart":                      byTheRender,
	"install-without-a-bundle":                    byTheRender,
	"namespace-not-known":                         byTheRender,
	"no-ca-for-the-nodes":                         byTheRender,
	"no-ca-taken-from-a-secret":                   byTheRender,
	"no-registry":                                 byTheRender,
	"node-selector-without-a-daemon-set":          byTheRender,
	"rendered-secret-without-the-address":         byTheRender,
	"secret-encoded-twice":                        byTheRender,
	"secret-not-encoded":                          byTheRender,
	"secret-of-another-type":                      byTheRender,
	"secret-type-under-metadata":                  byTheRender,
	"secret-with-a-mismatched-pair":               byTheRender,
	"secret-without-a-type":                       byTheRender,
	"settings-of-no-certificate":                  byTheRender,
	"several-rules-at-once":                       byTheRender,
	"target-missing":                              byTheRender,
	"target-twice":                                byTheRender,
	"target-without-the-container":                byTheRender,
	"truncated-manifest":                          byTheRender,
	"trust-without-a-daemon-set":                  byTheRender,
	"two-registries":                              byTheRender,
	"certificate-without-the-address":             byTheCertificate,
	"certificate-without-the-login-server":        byTheCertificate,
	"encrypted-key":                               byTheCertificate,
	"expired":                                     byTheCertificate,
	"incomplete-chain":                            byTheCertificate,
	"legacy-encrypted-key":                        byTheCertificate,
	"missing-certificate-file":                    byTheCertificate,
	"not-yet-valid":                               byTheCertificate,
	"other-ca":                                    byTheCertificate,
	"text-after-the-pem":                          byTheCertificate,
	"wrong-key-for-certificate":                   byTheCertificate,
	"alias-bomb":                                  byTheYAML,
	"duplicate-key":                               byTheYAML,
	"truncated-yaml":                              byTheYAML,
	"two-documents":                               byTheYAML,
	"renew-before-longer-than-duration":           byComparison,
}

// judge says what the schema has against a case's scenario; the reason is byTheYAML
// for one that no schema gets to see.
func judge(t *testing.T, schema *jsonschema.Schema, text []byte) (reason string, refused error) {
	t.Helper()
	var documents []any
	for decoder := yaml.NewDecoder(strings.NewReader(string(text))); ; {
		var document any
		if err := decoder.Decode(&document); err != nil {
			if err.Error() != "EOF" {
				return byTheYAML, nil
			}
			break
		}
		documents = append(documents, document)
	}
	if len(documents) != 1 {
		return byTheYAML, nil
	}
	encoded, err := json.Marshal(documents[0])
	require.NoError(t, err)
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encoded)))
	require.NoError(t, err)
	return "", schema.Validate(instance)
}

// The scenarios that are right pass, those that are wrong do not: exactly as far as
// beyondSchema says.
func TestSchemaJudgesTheFixtures(t *testing.T) {
	schema := printedSchema(t)
	for _, pattern := range []string{"scenarios/*", "transformers/*/*"} {
		for _, c := range fixtures.Cases(t, pattern) {
			reason, refused := judge(t, schema, c.Read(t, "scenario.yaml"))
			assert.NoError(t, refused, c.Name)
			assert.Empty(t, reason, c.Name)
		}
	}
	seen := 0
	for _, c := range fixtures.Cases(t, "errors/*") {
		name := strings.TrimPrefix(c.Name, "errors/")
		reason, refused := judge(t, schema, c.Read(t, "scenario.yaml"))
		if beyond, ok := beyondSchema[name]; ok {
			seen++
			assert.NoError(t, refused, "%s: no longer beyond the schema", name)
			assert.Equal(t, beyond == byTheYAML, reason == byTheYAML, name)
			continue
		}
		assert.Error(t, refused, "%s: the schema takes it, and beyondSchema does not say why", name)
	}
	assert.Len(t, beyondSchema, seen, "beyondSchema names cases that are not there")
}

// The line that the help tells to write is the one that the language server reads.
func TestSchemaHelpNamesTheModeline(t *testing.T) {
	assert.Contains(t, at(t).run("schema", "--help").out, "\n  # yaml-language-server: $schema=./connected-registry-scenario.json\n")
	assert.True(t, strings.HasPrefix(at(t).run("schema").out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"$id\": \"urn:"))
}
