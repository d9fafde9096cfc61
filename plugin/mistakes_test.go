package plugin

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers/resource"
)

// knownMistakes are what deployments of the connected registry are known to fail
// for, as its documentation, support pages and runbooks have it, and the case that
// shows that check sees it beforehand. Cases of mistakes/ have a golden check.txt.
var knownMistakes = []struct {
	failure, fixture string
	code             codes.Code
}{
	{"422 at deployment: the clusterIP is no address", "errors/every-value-wrong", codes.InvalidAddress},
	{"the extension stays Running: 500Gi of no class", "mistakes/default-storage", codes.DefaultStorage},
	{"Incorrect Password: none was generated", "mistakes/password-never-generated", codes.PasswordNotGenerated},
	{"the same, rendered by the chart", "mistakes/rendered-password-never-generated", codes.PasswordNotGenerated},
	{"<parent gateway endpoint> was not replaced", "mistakes/parent-never-named", codes.Placeholder},
	{"token and managed identity mixed", "mistakes/token-and-identity", codes.ConnectionStringMixed},
	{"0/1 Ready, the TLS Secret stays empty: no cert-manager", "mistakes/no-cert-manager", codes.CertManagerNeeded},
	{"a second cert-manager: the bundle is not used", "errors/bundle-that-is-not-used", codes.InstallWithoutEnabled},
	{"install=true with enabled=false", "errors/install-without-enabled", codes.InstallWithoutEnabled},
	{"the same as settings", "mistakes/settings-install-without-enabled", codes.InstallWithoutEnabled},
	{"server gave HTTP response to HTTPS client", "mistakes/plain-http", codes.InsecureRegistry},
	{"the certificate lacks the Service's address", "errors/certificate-without-the-address", codes.SANMissing},
	{"the same in a Secret of the render", "errors/rendered-secret-without-the-address", codes.SANMissing},
	{"no clusterIP for cert-manager's certificate", "mistakes/no-cluster-ip", codes.NoClusterIP},
	{"no clusterIP for a certificate of one's own", "mistakes/no-cluster-ip-for-a-certificate", codes.NoClusterIP},
	{"base64 without -w0", "errors/base64-wrapped", codes.Base64Wrapped},
	{"the same as a setting", "mistakes/settings-base64-wrapped", codes.Base64Wrapped},
	{"PEM that was not encoded", "errors/pem-in-the-place-of-base64", codes.Base64Missing},
	{"the same as a setting", "mistakes/settings-not-encoded", codes.Base64Missing},
	{"the same in a Secret of the render", "errors/secret-not-encoded", codes.SecretKey},
	{"PEM that was encoded twice", "errors/base64-twice", codes.Base64Twice},
	{"the same as a setting", "mistakes/settings-encoded-twice", codes.Base64Twice},
	{"the same in a Secret of the render", "errors/secret-encoded-twice", codes.Base64Twice},
	{"a carriage return in the connection string", "mistakes/settings-carriage-return", codes.CarriageReturn},
	{"a byte order mark before the settings", "mistakes/settings-byte-order-mark", codes.ByteOrderMark},
	{"type under the Secret's metadata", "errors/secret-type-under-metadata", codes.SecretType},
	{"a Secret without a namespace", "mistakes/secret-without-a-namespace", codes.SecretNamespace},
	{"a Secret of another namespace", "mistakes/secret-in-another-namespace", codes.SecretNamespace},
	{"curly quotes in the settings' JSON", "mistakes/settings-curly-quotes", codes.CurlyQuotes},
	{"curly quotes in a scenario", "mistakes/curly-quotes", codes.CurlyQuotes},
	{"$TLS_CRT without quotes in the settings' JSON", "mistakes/settings-unquoted-variable", codes.UnquotedVariable},
	{"\"$TLS_CRT\" that no shell has read", "mistakes/settings-unexpanded-variable", codes.Placeholder},
	{"service-clusterIP and pvc-storageClassName", "mistakes/settings-typing-mistake", codes.UnknownSetting},
	{"service.clusterIP==", "mistakes/settings-double-equals", codes.MalformedSetting},
}

// The other known failures cannot be seen in a scenario, settings or a render. They
// are in the last section of docs/errors.md:
//
//   - 422 for an address outside of the service range or in use: the cluster knows;
//   - claims that stay Pending for another reason, and volumes that deny writing: the
//     storage does;
//   - passwords that were replaced, ALREADY_ACTIVATED, roles and federated identities
//     of a managed identity: Azure does;
//   - CRDs and webhooks of another cert-manager, names in use, a namespace that is
//     being terminated: the cluster does;
//   - --version and image: whether a chart or an image of it exists, its registry does;
//   - subjectAltName given twice: openssl has dropped one of them by the time that
//     there is a certificate, and what it lacks is seen above.

func TestCheckSeesTheKnownMistakes(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range knownMistakes {
		require.False(t, seen[m.fixture], "twice in the table: %s", m.fixture)
		seen[m.fixture] = true
		t.Run(m.failure, func(t *testing.T) {
			w, args := mistake(t, m.fixture)
			got := w.run(append(args, "--output", "json")...)
			var found checked
			require.NoError(t, json.Unmarshal([]byte(got.out), &found), got.errOut)
			var fix, all []string
			for _, p := range found.Problems {
				all = append(all, p.Code)
				if p.Code == m.code.String() {
					fix = append(fix, p.Fix)
				}
			}
			for _, warned := range append(found.Warnings, found.Notes...) {
				all = append(all, warned.Code)
				if warned.Code == m.code.String() {
					fix = append(fix, warned.Message) // a warning says all in one
				}
			}
			require.NotEmpty(t, fix, "found were %s", all)
			assert.NotEmpty(t, fix[0], "it says what to do")
			assert.NotContains(t, got.out, "not/a+real=password")
		})
	}
	for _, c := range fixtures.Cases(t, "mistakes/*") {
		assert.True(t, seen[c.Name], "%s is not in the table", c.Name)
	}
}

// What a person reads of each, word for word.
func TestCheckOfTheKnownMistakesInWords(t *testing.T) {
	for _, c := range fixtures.Cases(t, "mistakes/*") {
		t.Run(c.Name, func(t *testing.T) {
			w, args := mistake(t, c.Name)
			got := w.run(args...)
			golden := filepath.Join(c.Dir, "check.txt")
			if updating() {
				require.NoError(t, os.WriteFile(golden, []byte(got.out+got.errOut), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.out+got.errOut)
			assert.Regexp(t, regexp.MustCompile(`(?m) \[[a-z0-9-]+\]$`), got.errOut)
		})
	}
}

// mistake is a case's files in a directory, and how to check them.
func mistake(t *testing.T, name string) (*world, []string) {
	t.Helper()
	c := fixtures.Cases(t, name)[0]
	w := &world{dir: t.TempDir()}
	for pair := range fixtures.Pairs {
		for _, part := range []string{".crt", ".key", ".ca"} {
			if pem, err := fixtures.Material(pair + part); err == nil {
				require.NoError(t, os.WriteFile(filepath.Join(w.dir, pair+part), pem, 0o600))
			}
		}
	}
	has := func(file string) bool {
		if _, err := os.Stat(filepath.Join(c.Dir, file)); errors.Is(err, fs.ErrNotExist) {
			return false
		}
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, file), c.Read(t, file), 0o600))
		return true
	}
	args := []string{"check"}
	if has("scenario.yaml") {
		args = append(args, "--scenario", "scenario.yaml")
	}
	if has("settings.txt") {
		for line := range strings.Lines(string(c.Read(t, "settings.txt"))) {
			args = append(args, "--config", strings.TrimSuffix(line, "\n"))
		}
	}
	if has("settings.json") {
		args = append(args, "--config-protected-file", "settings.json")
	}
	if !has("input.yaml") {
		render, err := os.ReadFile(filepath.Join(c.Dir, "..", "render.yaml"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, "input.yaml"), render, 0o600))
	}
	return w, append(args, "--render", "input.yaml")
}

func TestCheckJSONNamesTheObject(t *testing.T) {
	w, args := mistake(t, "errors/secret-type-under-metadata")
	var found checked
	require.NoError(t, json.Unmarshal([]byte(w.run(append(args, "--output", "json")...).out), &found))
	require.Len(t, found.Problems, 1)
	assert.Equal(t, "Secret/k8secret", found.Problems[0].Object)
	assert.Equal(t, &resource.Ref{APIVersion: "v1", Kind: "Secret", Name: "k8secret"}, found.Problems[0].Ref)

	w, args = mistake(t, "errors/dangling-reference")
	require.NoError(t, json.Unmarshal([]byte(w.run(append(args, "--output", "json")...).out), &found))
	require.Len(t, found.Problems, 1, "of a post-condition too")
	assert.Equal(t, codes.DanglingReference.String(), found.Problems[0].Code)
	assert.Equal(t, "Ingress", found.Problems[0].Ref.Kind)
	assert.Contains(t, found.Problems[0].Fix, "chart values")
}
