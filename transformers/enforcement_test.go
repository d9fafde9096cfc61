package transformers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
)

const (
	enforceText = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: enforced}
spec:
  mode: ReadOnly
  readOnly: {enforce: true}
`
	releaseText = `
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata: {name: enforced}
spec:
  readOnly: {enforce: false}
`
)

// enforced is a documented scenario that keeps pushes out, too.
func enforced(t testing.TB, row string) *scenario.Layer {
	t.Helper()
	both, _, err := scenario.Merge(load(t, row), decode(t, enforceText))
	require.NoError(t, err)
	return both
}

// With every documented scenario, on every chart: settled, the same every time,
// whatever the order of the documents.
func TestEnforcementOnEveryChart(t *testing.T) {
	for _, v := range fixtures.Variants() {
		for _, row := range rows() {
			t.Run(v.Name+"/"+row, func(t *testing.T) {
				input, layer := v.Render(t, nil), enforced(t, row)
				once, _, err := apply(t, layer, input)
				if err != nil {
					assert.True(t, v.HTTPOnly, "only the early chart lacks what a scenario needs: %v", err)
					return
				}
				assert.Contains(t, string(once), "connected-registry-proxy")
				twice, report, err := apply(t, layer, once)
				require.NoError(t, err)
				assert.Empty(t, report.Changes)
				assert.Equal(t, string(once), string(twice))
				reversed := strings.Split(strings.TrimPrefix(strings.TrimSuffix(string(input), "\n"), "---\n"), "\n---\n")
				for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
					reversed[i], reversed[j] = reversed[j], reversed[i]
				}
				assert.Equal(t, sorted(t, once), sorted(t, mustApply(t, layer, []byte("---\n"+strings.Join(reversed, "\n---\n")+"\n"))))
			})
		}
	}
}

var modeLines = regexp.MustCompile(`(?m)^ *connectedregistry\.dev/mode: .*\n`)

// withoutRecords is a stream without what only says what was done.
func withoutRecords(stream []byte) string {
	text := modeLines.ReplaceAllString(withoutMarker(stream), "")
	// What the records are in was not there before them.
	return regexp.MustCompile(`(?m)^ *annotations:( \{\})?\n(  name|  namespace|spec:)`).ReplaceAllString(text, "$2")
}

// What is put in can be taken out: no byte of the chart's objects is another then.
func TestEnforcementLeavesNothingBehind(t *testing.T) {
	for _, v := range fixtures.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			input := v.Render(t, nil)
			released := decode(t, releaseText)
			put := mustApply(t, decode(t, enforceText), input)
			assert.NotEqual(t, withoutRecords(mustApply(t, released, input)), withoutRecords(put))
			assert.Equal(t, withoutRecords(mustApply(t, released, input)), withoutRecords(mustApply(t, released, put)))
			readWrite := decode(t, strings.Replace(releaseText, "readOnly: {enforce: false}", "mode: ReadWrite", 1))
			assert.Equal(t, withoutRecords(mustApply(t, readWrite, input)), withoutRecords(mustApply(t, readWrite, put)))
		})
	}
}

// A scenario with enforcement over the result of another with it gives what it gives
// on the fresh render: the ports, the probes, the certificate and the proxy follow.
func TestEnforcementFollowsAnotherScenario(t *testing.T) {
	for _, v := range []fixtures.Variant{fixtures.Plain(), fixtures.Lookalike()} {
		input := v.Render(t, nil)
		for _, pair := range [][2]string{
			{"byoc", "kubernetes-secret"}, {"kubernetes-secret", "byoc"}, {"preinstalled-cert-manager", "byoc"},
			{"kubernetes-secret", "http"}, {"secure-by-default", "http"},
		} {
			t.Run(v.Name+"/"+pair[0]+" then "+pair[1], func(t *testing.T) {
				first := mustApply(t, enforced(t, pair[0]), input)
				fresh := mustApply(t, enforced(t, pair[1]), input)
				assert.Equal(t, sortedText(t, fresh), sortedText(t, mustApply(t, enforced(t, pair[1]), first)))
				// Said nothing of, it stays.
				assert.Equal(t, sortedText(t, fresh), sortedText(t, mustApply(t, load(t, pair[1]), first)))
			})
		}
	}
}

var proxyDigest = regexp.MustCompile(`(?m)^ *connectedregistry\.dev/proxy-digest: (sha256:\S+)\n`)

// sortedText leaves the order of documents out, and that of the pod's annotations:
// what is added stands where the first run added it.
func sortedText(t testing.TB, stream []byte) string {
	digest := proxyDigest.FindString(string(stream))
	require.NotEmpty(t, digest)
	text := proxyDigest.ReplaceAllString(withoutMarker(stream), "")
	return strings.Join(append(sorted(t, []byte(text)), digest), "\n---\n")
}

// Runs in a row compose: what one says nothing of, the next does not take back.
func TestProxySettingsOutliveOtherRuns(t *testing.T) {
	input := fixtures.Plain().Render(t, nil)
	first := decode(t, strings.Replace(enforceText, "enforce: true", "enforce: true, proxyImage: 'registry.example.com/nginx:1', tokenPath: /token", 1))
	output := string(mustApply(t, decode(t, trustLayer), mustApply(t, first, input)))
	assert.Contains(t, output, "image: registry.example.com/nginx:1\n")
	assert.Contains(t, output, "location = /token {")
	// Stated anew without them, they are what they are when left out.
	output = string(mustApply(t, decode(t, enforceText), []byte(output)))
	assert.Contains(t, output, "image: "+scenario.DefaultProxyImage+"\n")
	assert.Contains(t, output, "location = "+scenario.DefaultTokenPath+" {")
}

// Another configuration rolls the pod.
func TestProxyDigestFollowsTheConfiguration(t *testing.T) {
	input := fixtures.Plain().Render(t, nil)
	one := proxyDigest.FindSubmatch(mustApply(t, decode(t, enforceText), input))
	other := proxyDigest.FindSubmatch(mustApply(t, decode(t, strings.Replace(enforceText, "enforce: true", "enforce: true, tokenPath: /token", 1)), input))
	require.NotNil(t, one)
	require.NotNil(t, other)
	assert.NotEqual(t, string(one[1]), string(other[1]))
}

var nginxConf = regexp.MustCompile(`(?s)  nginx\.conf: \|\n(.*)$`)

// FuzzTokenPath: whatever validation takes for a token path, nginx's configuration
// differs from the usual one in the two places where the path belongs, and there in
// nothing but the path.
func FuzzTokenPath(f *testing.F) {
	for _, path := range []string{"/acr/oauth2/token", "/a.b-c~d_e", "/;", "/a{}", "/a\"", "/a'b", "/a$b", "/a\\b", "/a\nb", "/..", "/v2/x", "/v2", "/oauth2/v2.0/token", "/v2.0/token", "/v20", "/token/v2/x", "/a b", "/a#b", "/é", "/%41"} {
		f.Add(path)
	}
	input, err := os.ReadFile(filepath.Join("..", "fixtures", "transformers", "enforcement", "https", "input.yaml"))
	require.NoError(f, err)
	usual := nginxConf.FindSubmatch(mustApply(f, decode(f, enforceText), input))
	require.NotNil(f, usual)
	f.Fuzz(func(t *testing.T, path string) {
		layer := decode(t, enforceText)
		layer.Scenario.Spec.ReadOnly.TokenPath = &path
		if layer.Validate() != nil {
			return
		}
		output, _, err := apply(t, layer, input)
		require.NoError(t, err)
		got := nginxConf.FindSubmatch(output)
		require.NotNil(t, got)
		quoted := regexp.QuoteMeta(path)
		text := strings.Replace(string(got[1]), "POST) "+quoted+`(`, "POST) "+scenario.DefaultTokenPath+`(`, 1)
		text = strings.Replace(text, "location = "+path+" {", "location = "+scenario.DefaultTokenPath+" {", 1)
		assert.Equal(t, string(usual[1]), text)
	})
}
