package scenario_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

func decode(t *testing.T, source, text string) *scenario.Layer {
	t.Helper()
	l, err := scenario.Decode(source, []byte(text))
	require.NoError(t, err)
	return l
}

// spec is a layer that states only the lines of a spec, in flow style.
func spec(t *testing.T, name, flow string) *scenario.Layer {
	t.Helper()
	return decode(t, name+".yaml", header+"metadata: {name: "+name+"}\nspec: "+flow+"\n")
}

func TestValidateErrors(t *testing.T) {
	cases(t, "validate.txt", func(t *testing.T, in string) string {
		l, err := scenario.Decode("site.yaml", []byte(expand(in)))
		require.NoError(t, err)
		return errText(l.Validate())
	})
}

func TestValidateMergedNamesTheFileOfEachField(t *testing.T) {
	base := decode(t, "base.yaml", header+"metadata:\n  name: Base\nspec:\n  mode: ReadWrite\n  certManager:\n    enabled: true\n    duration: 1h\n")
	overlay := decode(t, "overlay.yaml", header+"metadata:\n  name: over\nspec:\n  readOnly:\n    enforce: true\n  certManager:\n    renewBefore: 2h\n  tls:\n    secret: a\n")
	merged, _, err := scenario.Merge(base, overlay)
	require.NoError(t, err)
	assert.Equal(t, `base.yaml:4: metadata.name: Invalid value: "Base": expected a name of at most 63 lower-case letters, digits and "-", with a letter or digit at both ends; write base [invalid-name]
overlay.yaml:7: spec.readOnly.enforce: Forbidden: true contradicts mode: ReadWrite; write enforce: false, or mode: ReadOnly [contradiction]
overlay.yaml:9: spec.certManager.renewBefore: Invalid value: "2h": expected less than the duration of 1h [invalid-duration]
overlay.yaml:10: spec.tls: Forbidden: a certificate of one's own contradicts certManager.enabled: true; write certManager.enabled: false, or remove tls [certificate-sources]`,
		errText(merged.Validate()))
}

func TestValidateNil(t *testing.T) {
	assert.True(t, spec(t, "a", "{}").Validate() == nil, "no typed nil")
	assert.NoError(t, (&scenario.Layer{Source: "settings", Scenario: scenario.Scenario{Metadata: scenario.Metadata{Name: "a"}}}).Validate())
}

func TestErrors(t *testing.T) {
	for want, e := range map[string]scenario.Error{
		"site.yaml:7: spec.tls.secret: not there; write a Secret": {Source: "site.yaml", Line: 7, Path: "spec.tls.secret", Message: "not there", Fix: "write a Secret"},
		"site.yaml: not there":       {Source: "site.yaml", Message: "not there"},
		"spec.mode: not there":       {Path: "spec.mode", Line: 3, Message: "not there"},
		"not there; write it anyway": {Message: "not there", Fix: "write it anyway"},
	} {
		assert.EqualError(t, e, want)
	}
	es := scenario.Errors{{Message: "a"}, {Message: "b"}}
	assert.EqualError(t, es, "a\nb")
	assert.ErrorIs(t, es, scenario.Error{Message: "b"})
	var e scenario.Error
	assert.True(t, errors.As(es, &e))
}

func TestAt(t *testing.T) {
	l := decode(t, "site.yaml", full)
	for path, want := range map[string]string{
		"spec.mode":                                                 "site.yaml:12",
		"spec.readOnly.writablePaths[1]":                            "site.yaml:16",
		"spec.readOnly.writablePaths[7]":                            "site.yaml:16",
		"spec.certManager.issuerRef.name":                           "site.yaml:22",
		"spec.tls.secret":                                           "site.yaml:11",
		"spec.targets.workload.labels[a.b/c]":                       "site.yaml:35",
		"spec.targets.workload.labels[a[b].c]":                      "site.yaml:35",
		"metadata.annotations[internal.config.kubernetes.io/index]": "site.yaml:10",
		"status":   "site.yaml:1",
		"":         "site.yaml:1",
		"[":        "site.yaml:1",
		"]":        "site.yaml:1",
		"a.b[c].d": "site.yaml:1",
	} {
		e := l.At(codes.NoEffect, path, "m", "")
		got := strings.TrimSuffix(e.Error(), ": m")
		if path != "" {
			got = strings.TrimSuffix(got, ": "+path)
		}
		assert.Equal(t, want, got, path)
	}
	assert.EqualError(t, (&scenario.Layer{Source: "settings"}).At(codes.NoEffect, "spec.mode", "m", "f"), "settings: spec.mode: m; f")
}

func TestTranslate(t *testing.T) {
	l := spec(t, "site", "{tls: {secret: a}}")
	es := l.Translate(field.ErrorList{
		field.NotFound(field.NewPath("spec", "tls", "secret"), "a"),
		field.Invalid(field.NewPath("spec", "tls", "crt"), field.OmitValueType{}, "no good; run this; write that"),
	})
	assert.Equal(t, scenario.Errors{
		{Source: "site.yaml", Line: 4, Path: "spec.tls.crt", Message: "Invalid value: no good", Fix: "run this; write that"},
		{Source: "site.yaml", Line: 4, Path: "spec.tls.secret", Message: `Not found: "a"`},
	}, es)
}

func TestSplitLoginServer(t *testing.T) {
	for in, want := range map[string][2]string{
		"a.example.com":      {"a.example.com", ""},
		"a.example.com:8443": {"a.example.com", "8443"},
	} {
		host, port := scenario.SplitLoginServer(in)
		assert.Equal(t, want, [2]string{host, port})
	}
}
