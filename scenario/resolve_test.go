package scenario_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/scenario"
)

// Parts that look like PEM; Resolve looks no closer.
const (
	crtPEM = "-----BEGIN CERTIFICATE-----\nY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
	keyPEM = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n"
	caPEM  = "-----BEGIN CERTIFICATE-----\nYXV0aG9yaXR5\n-----END CERTIFICATE-----\n"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// wrapped is what base64 prints without -w0.
func wrapped(s string) string {
	s = b64(s)
	return s[:32] + "\n" + s[32:] + "\n"
}

func withTLS(t *testing.T, tls map[string]string) *scenario.Layer {
	t.Helper()
	flow, err := json.Marshal(map[string]any{"tls": tls})
	require.NoError(t, err)
	return spec(t, "site", string(flow))
}

var files = fstest.MapFS{
	"tls/server.crt": {Data: []byte(crtPEM)},
	"tls/server.key": {Data: []byte(keyPEM)},
	"tls/ca.crt":     {Data: []byte(caPEM)},
	"empty.crt":      {Data: []byte("\n")},
	"base64.crt":     {Data: []byte(wrapped(crtPEM))},
	"der.crt":        {Data: append([]byte{0x30, 0x82, 1, 2}, make([]byte, 300)...)},
	"der.key":        {Data: append([]byte{0x30, 46}, make([]byte, 46)...)},
	"readme.crt":     {Data: []byte("see the wiki")},
}

func TestResolve(t *testing.T) {
	want := &scenario.Material{Crt: []byte(crtPEM), Key: []byte(keyPEM), CaCrt: []byte(caPEM)}

	l := withTLS(t, map[string]string{"crt": b64(crtPEM), "key": b64(keyPEM) + "\n", "caCrt": b64(caPEM)})
	assert.Nil(t, l.Scenario.Spec.TLS.Material(), "not resolved yet")
	require.NoError(t, l.Resolve(nil), "no file is named")
	assert.Equal(t, want, l.Scenario.Spec.TLS.Material())

	l = withTLS(t, map[string]string{"crtFile": "tls/server.crt", "keyFile": "tls/server.key", "caCrtFile": "tls/ca.crt"})
	require.NoError(t, l.Resolve(files.ReadFile))
	assert.Equal(t, want, l.Scenario.Spec.TLS.Material())

	for _, l := range []*scenario.Layer{withTLS(t, map[string]string{"secret": "a"}), spec(t, "a", "{}")} {
		require.NoError(t, l.Resolve(nil))
		assert.Nil(t, l.Scenario.Spec.TLS.Material())
	}
	assert.Equal(t, "<redacted> <redacted> <redacted>", fmt.Sprintf("%v %+v %#v", want, *want, want))
}

func TestResolveErrors(t *testing.T) {
	const encode = "write the output of base64 -w0 key.pem, or the file's path as keyFile"
	for name, c := range map[string]struct {
		field, value, want string
	}{
		"empty":          {"key", "", "empty, expected PEM in base64; " + encode},
		"blank":          {"key", " \n", "empty, expected PEM in base64; " + encode},
		"padding only":   {"key", "====", "not base64, expected PEM in base64 (letters, digits, +, / and = only); " + encode},
		"wrapped":        {"key", wrapped(keyPEM), "base64 wrapped over several lines, expected one line; " + encode},
		"folded":         {"key", strings.ReplaceAll(wrapped(keyPEM), "\n", " "), "base64 wrapped over several lines, expected one line; " + encode},
		"as it is":       {"key", keyPEM, "holds PEM as it is, expected PEM in base64; " + encode},
		"one line":       {"key", strings.ReplaceAll(keyPEM, "\n", `\n`), "holds PEM as it is, expected PEM in base64; " + encode},
		"twice":          {"key", b64(b64(keyPEM)), "PEM encoded in base64 twice, expected once; write what base64 -d makes of it"},
		"twice, wrapped": {"key", b64(wrapped(keyPEM)), "PEM encoded in base64 twice, expected once; write what base64 -d makes of it"},
		"not base64":     {"key", "my key!", "not base64, expected PEM in base64 (letters, digits, +, / and = only); " + encode},
		"URL base64":     {"key", base64.URLEncoding.EncodeToString([]byte("\xff\xff\xff" + keyPEM)), "not base64, expected PEM in base64 (letters, digits, +, / and = only); " + encode},
		"cut short":      {"key", b64(keyPEM)[:61], "base64 that is cut short: 61 characters are no multiple of 4; " + encode},
		"variable":       {"key", "$TLS_KEY", "holds a shell variable that was not expanded, expected PEM in base64; " + encode},
		"DER":            {"key", b64(string(files["der.key"].Data)), "base64 of something that is DER, expected PEM; write the output of openssl pkey -inform DER -in key.der"},
		"other base64":   {"key", b64("secret"), `base64 of something that is not PEM, expected "-----BEGIN …"`},

		"no path":         {"keyFile", "", "empty, expected the path of a PEM file; write keyFile: key.pem"},
		"PEM as path":     {"keyFile", keyPEM, "holds PEM, expected the path of a PEM file; write the PEM to a file and its path here, or write its base64 as key (base64 -w0)"},
		"base64 as path":  {"keyFile", b64(keyPEM), "holds base64, expected the path of a PEM file; write it as key"},
		"DER as path":     {"keyFile", strings.Repeat("MIIE", 20), "cannot read the path of 80 characters: file does not exist; write a path relative to the scenario file (in kustomize, to the kustomization)"},
		"two lines":       {"keyFile", "a\nb", "expected the path of a PEM file, on one line"},
		"no such file":    {"crtFile", "tls/none.crt", `cannot read "tls/none.crt": file does not exist; write a path relative to the scenario file (in kustomize, to the kustomization)`},
		"a folder":        {"crtFile", "tls", `cannot read "tls": invalid argument; write a path relative to the scenario file (in kustomize, to the kustomization)`},
		"empty file":      {"crtFile", "empty.crt", `"empty.crt" is empty, expected PEM`},
		"base64 file":     {"crtFile", "base64.crt", `"base64.crt" holds base64, expected PEM; write the output of base64 -d "base64.crt" to the file`},
		"DER certificate": {"crtFile", "der.crt", `"der.crt" is DER, expected PEM; write the output of openssl x509 -inform DER -in "der.crt"`},
		"DER key":         {"keyFile", "der.key", `"der.key" is DER, expected PEM; write the output of openssl pkey -inform DER -in "der.key"`},
		"another file":    {"crtFile", "readme.crt", `"readme.crt" is not PEM, expected "-----BEGIN …"`},
	} {
		t.Run(name, func(t *testing.T) {
			l := withTLS(t, map[string]string{c.field: c.value})
			err := l.Resolve(func(path string) ([]byte, error) {
				if data, err := files.ReadFile(path); err == nil {
					return data, nil
				} else if path == "tls" {
					return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrInvalid}
				} else {
					return nil, err
				}
			})
			assert.EqualError(t, err, "site.yaml:4: spec.tls."+c.field+": "+c.want)
			assert.Nil(t, l.Scenario.Spec.TLS.Material())
			if len(c.value) > 20 {
				assert.NotContains(t, err.Error(), c.value[:20])
			}
		})
	}
}

func TestResolveReportsAllAtOnce(t *testing.T) {
	l := withTLS(t, map[string]string{"crt": "!", "key": "", "caCrt": crtPEM})
	err := l.Resolve(nil)
	var es scenario.Errors
	require.ErrorAs(t, err, &es)
	assert.Len(t, es, 3)
}

func TestResolveWithoutFiles(t *testing.T) {
	l := withTLS(t, map[string]string{"crtFile": "a.crt"})
	assert.EqualError(t, l.Resolve(nil), "site.yaml:4: spec.tls.crtFile: files cannot be read here; write the file's base64 as crt (base64 -w0)")
}
