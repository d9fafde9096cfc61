package scenario_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/scenario"
)

// validator is a real implementation of JSON Schema with ours in it. It refuses
// one that is no valid schema itself.
func validator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := scenario.Schema()
	require.NoError(t, err)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertVocabs()
	require.NoError(t, compiler.AddResource("scenario.json", parsed))
	compiled, err := compiler.Compile("scenario.json")
	require.NoError(t, err)
	return compiled
}

// instance is what an editor's language server makes of a YAML text; false where
// it is not JSON in YAML's clothes, which is the server's own to report.
func instance(text string) (any, bool) {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil, false
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	return parsed, err == nil
}

// docs/schema.json is what the command prints, for those who fetch it without the
// program.
func TestSchemaOfTheDocs(t *testing.T) {
	const path = "../docs/schema.json"
	want, err := scenario.Schema()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, want, 0o666))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run make update")
}

func TestSchemaTakesEveryField(t *testing.T) {
	value, ok := instance(full)
	require.True(t, ok)
	assert.NoError(t, validator(t).Validate(value))
}

// What is wrong and a schema cannot say, with the reason.
var beyondSchema = map[string]string{
	"durations too short":             "a sum: 59m59s is less than 1h, 59m60s is not",
	"renewal as long as life":         "compares two fields",
	"renewal longer than the default": "a sum, too",
	"storage in thousandths":          "a division: 500m is no whole number, 1000m is",
	"several documents":               "a schema judges one document",
}

// The schema refuses what Decode and Validate refuse, and nothing else: each case of
// their tests is judged by both.
func TestSchemaJudgesAsValidateDoes(t *testing.T) {
	if *update {
		t.Skip("the cases are TestValidateErrors' and TestDecodeErrors' to write")
	}
	judge := validator(t)
	beyond := map[string]bool{}
	for _, file := range []string{"validate.txt", "decode.txt"} {
		cases(t, file, func(t *testing.T, in string) string {
			layer, err := scenario.Decode("site.yaml", []byte(expand(in)))
			if err == nil {
				err = layer.Validate()
			}
			value, ok := instance(expand(in))
			if !ok {
				return errText(err)
			}
			switch bad := judge.Validate(value); {
			case err == nil:
				assert.NoError(t, bad)
			case bad == nil:
				name := strings.ReplaceAll(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:], "_", " ")
				beyond[name] = true
				assert.Contains(t, beyondSchema, name, "the schema takes it")
			}
			return errText(err)
		})
	}
	assert.Len(t, beyond, len(beyondSchema), "the schema says more than beyondSchema has it")
}
