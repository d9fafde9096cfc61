package plugin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// trustCase is a scenario's spec, the chart values that it meets, and a call.
type trustCase struct {
	args   string
	spec   string
	values []string
	// documents are in the stream beside what the chart renders.
	documents string
	// edit replaces the first with the second in the render.
	edit [2]string
	// tls are the chart values of a certificate.
	tls *fixtures.Pair
}

const (
	address     = "service: {clusterIP: 192.100.100.1}\n"
	noDaemonSet = "trustDistribution: {enabled: false}\n"
	ownSecret   = address + noDaemonSet + "tls: {secret: k8secret}\n"
	ownFiles    = address + noDaemonSet + "tls: {crtFile: tls.crt, keyFile: tls.key, caCrtFile: tls.ca}\n"
	plainHTTP   = address + noDaemonSet + "httpEnabled: true\n"
	certManager = address + noDaemonSet + "certManager: {enabled: true, install: false}\n"
)

var selfSigned = fixtures.SelfSignedLeaf()

var trustCases = map[string]trustCase{
	"containerd":                        {args: "containerd", spec: ownFiles},
	"containerd-with-the-daemon-set":    {args: "containerd", spec: strings.Replace(ownFiles, noDaemonSet, "", 1)},
	"containerd-login-server":           {args: "containerd", spec: ownFiles + "registryLoginServer: registry.example.com\n"},
	"containerd-login-server-with-port": {args: "containerd", spec: ownFiles + "registryLoginServer: registry.example.com:8443\n"},
	"containerd-ipv6":                   {args: "containerd --ca ca.crt", spec: strings.Replace(ownSecret, "192.100.100.1", `"fd00:10::5"`, 1)},
	"containerd-dual-stack": {args: "containerd", spec: ownFiles, edit: [2]string{
		"type: ClusterIP\n", "type: ClusterIP\n  ipFamilyPolicy: RequireDualStack\n  clusterIPs: [192.100.100.1, \"fd00:10::5\"]\n",
	}},
	"containerd-no-address":              {args: "containerd", spec: strings.Replace(ownFiles, address, "", 1)},
	"containerd-name-but-no-address":     {args: "containerd", spec: strings.Replace(ownFiles, address, "registryLoginServer: registry.example.com\n", 1)},
	"containerd-http":                    {args: "containerd", spec: plainHTTP},
	"containerd-http-with-ca":            {args: "containerd --ca ca.crt", spec: plainHTTP},
	"containerd-self-signed":             {args: "containerd", spec: strings.NewReplacer("tls.crt", "self-signed.crt", "tls.key", "self-signed.key", ", caCrtFile: tls.ca", "").Replace(ownFiles)},
	"containerd-no-ca-stated":            {args: "containerd", spec: strings.Replace(ownFiles, ", caCrtFile: tls.ca", "", 1)},
	"containerd-secret-of-the-cluster":   {args: "containerd", spec: ownSecret},
	"containerd-ca-for-the-secret":       {args: "containerd --ca ca.crt", spec: ownSecret},
	"containerd-leaf-for-the-secret":     {args: "containerd --ca self-signed.crt", spec: ownSecret},
	"containerd-secret-in-the-render":    {args: "containerd", spec: ownSecret, documents: renderedSecret(fixtures.Leaf())},
	"containerd-secret-without-ca":       {args: "containerd", spec: ownSecret, documents: renderedSecret(fixtures.Pair{Crt: fixtures.Leaf().Crt, Key: fixtures.Leaf().Key})},
	"containerd-secret-of-the-chart":     {args: "containerd", spec: noDaemonSet, tls: &selfSigned, values: []string{"service.clusterIP=192.100.100.1", "cert-manager.enabled=false"}},
	"containerd-cert-manager":            {args: "containerd", spec: certManager},
	"containerd-ca-of-cert-manager":      {args: "containerd --ca ca.crt", spec: certManager},
	"containerd-ca-that-did-not-sign-it": {args: "containerd --ca self-signed.crt", spec: ownFiles},
	"containerd-ca-with-a-private-key":   {args: "containerd --ca ca.key", spec: ownSecret},
	"containerd-ca-is-a-leaf":            {args: "containerd --ca expired.crt", spec: ownSecret},
	"containerd-ca-is-not-there":         {args: "containerd --ca no.crt", spec: ownSecret},
	"containerd-render-of-nothing":       {args: "containerd no.yaml", spec: ownFiles},
	"k3s":                                {args: "k3s", spec: ownFiles},
	"k3s-ipv6":                           {args: "k3s --ca ca.crt", spec: strings.Replace(ownSecret, "192.100.100.1", `"fd00:10::5"`, 1)},
	"k3s-http":                           {args: "k3s", spec: plainHTTP},
	"k3s-secret-of-the-cluster":          {args: "k3s", spec: ownSecret},
	"bundle":                             {args: "bundle", spec: ownFiles},
	"bundle-http":                        {args: "bundle", spec: plainHTTP},
	"bundle-secret-of-the-cluster":       {args: "bundle", spec: ownSecret},
	"bundle-secret-by-reference":         {args: "bundle --trust-namespace connected-registry", spec: ownSecret},
	"bundle-cert-manager-by-reference":   {args: "bundle --trust-namespace connected-registry", spec: certManager},
	"nobody":                             {args: "", spec: ownFiles},
	"nobody-known":                       {args: "docker", spec: ownFiles},
}

func renderedSecret(pair fixtures.Pair) string {
	text := "---\napiVersion: v1\nkind: Secret\nmetadata: {name: k8secret, namespace: connected-registry}\ntype: kubernetes.io/tls\ndata:\n"
	for key, value := range map[string][]byte{"tls.crt": pair.Crt, "tls.key": pair.Key, "ca.crt": pair.CA} {
		if value != nil {
			text += "  " + key + ": " + base64.StdEncoding.EncodeToString(value) + "\n"
		}
	}
	return text
}

func (c trustCase) input(t *testing.T) (scenario, render []byte) {
	t.Helper()
	values := fixtures.Set(append([]string{"cert-manager.install=false"}, c.values...)...)
	if c.tls != nil {
		values = fixtures.Merge(values, c.tls.Values())
	}
	spec := "  " + strings.ReplaceAll(strings.TrimSpace(c.spec), "\n", "\n  ")
	if !strings.Contains(c.spec, "certManager:") && c.tls == nil {
		spec += "\n  certManager: {enabled: false}"
	}
	scenario = []byte("apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata: {name: site}\nspec:\n" + spec + "\n")
	text := strings.Replace(string(fixtures.Plain().Render(t, values)), c.edit[0], c.edit[1], 1)
	return scenario, []byte(text + c.documents)
}

func (c trustCase) run(t *testing.T, more ...string) (code int, stdout, stderr string) {
	t.Helper()
	scenario, render := c.input(t)
	args := append([]string{"trust"}, strings.Fields(c.args)...)
	if len(args) > 1 && args[1] != "docker" {
		args = append(args, "--scenario", "scenario.yaml")
	}
	return run(t, scenario, render, nil, append(args, more...)...)
}

var certificate = regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----`)

// What each call writes and says, in testdata/trust; certificates as digests.
func TestTrust(t *testing.T) {
	for name, c := range trustCases {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := c.run(t)
			again, same, _ := c.run(t)
			assert.Equal(t, code, again)
			assert.Equal(t, stdout, same, "it is the same every time")
			assert.Equal(t, code != 0, stdout == "", "all or nothing")
			assert.NotContains(t, stdout+stderr, "PRIVATE KEY")
			got := fmt.Sprintf("exit code %d\n== stdout\n%s== stderr\n%s", code, stdout, stderr)
			got = certificate.ReplaceAllStringFunc(got, func(crt string) string {
				sum := sha256.Sum256([]byte(strings.ReplaceAll(crt, " ", "")))
				return fmt.Sprintf("<certificate sha256:%x>", sum[:4])
			})
			golden := filepath.Join("testdata", "trust", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
	goldens, err := filepath.Glob("testdata/trust/*")
	require.NoError(t, err)
	assert.Len(t, goldens, len(trustCases), "a golden file of no case")
}

// A render that the scenario was applied to already says the same.
func TestTrustOfAPatchedRender(t *testing.T) {
	for _, who := range []string{"containerd", "k3s", "bundle"} {
		c := trustCases[who]
		scenario, render := c.input(t)
		code, patched, stderr := run(t, scenario, render, nil, "post-render", "--scenario", "scenario.yaml")
		require.Zero(t, code, stderr)
		_, want, _ := c.run(t)
		code, got, stderr := run(t, scenario, []byte(patched), nil, "trust", who, "--scenario", "scenario.yaml")
		assert.Zero(t, code, stderr)
		assert.Equal(t, want, got)
	}
}

// Files are written where they are said to be, once and again, and no file that is
// not ours is touched, not even together with others that are.
func TestTrustWritesFiles(t *testing.T) {
	c := trustCases["containerd"]
	dir := filepath.Join(t.TempDir(), "node")
	code, stdout, stderr := c.run(t, "--output-dir", dir)
	require.Zero(t, code, stderr)
	assert.Empty(t, stdout)
	files := filesIn(t, dir)
	assert.Equal(t, []string{
		"certs.d/192.100.100.1/ca.crt", "certs.d/192.100.100.1/hosts.toml",
		"certs.d/192.100.100.1:443/ca.crt", "certs.d/192.100.100.1:443/hosts.toml",
		"config-1.x.toml", "config-2.x.toml",
	}, slices.Sorted(maps.Keys(files)))
	assert.Equal(t, "wrote 6 files to "+dir+" for 192.100.100.1, 192.100.100.1:443\n"+
		"copy certs.d to /etc/containerd/certs.d on every node, and see that its config.toml has that config_path\n", stderr)

	code, _, stderr = c.run(t, "--output-dir", dir)
	require.Zero(t, code, stderr)
	assert.Equal(t, files, filesIn(t, dir))

	const foreign = "server = \"https://another.example.com\"\n"
	write(t, dir, "certs.d/192.100.100.1:443/hosts.toml", foreign)
	write(t, dir, "config-1.x.toml", foreign)
	require.NoError(t, os.Remove(filepath.Join(dir, "config-2.x.toml")))
	code, stdout, stderr = c.run(t, "--output-dir", dir)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Equal(t, fmt.Sprintf("error: %[1]s/certs.d/192.100.100.1:443/hosts.toml was not made by this command and would be replaced; give another --output-dir, move it away, or give --force [export-refused]\n"+
		"error: %[1]s/config-1.x.toml was not made by this command and would be replaced; give another --output-dir, move it away, or give --force [export-refused]\n", dir), stderr)
	assert.NoFileExists(t, filepath.Join(dir, "config-2.x.toml"))
	assert.Equal(t, foreign, filesIn(t, dir)["config-1.x.toml"])

	code, _, stderr = c.run(t, "--output-dir", dir, "--force")
	require.Zero(t, code, stderr)
	assert.Equal(t, files, filesIn(t, dir))
}

// A release or a login server that leads out of the directory is refused.
func TestTrustStaysInItsDirectory(t *testing.T) {
	c := trustCases["containerd"]
	scenario, render := c.input(t)
	for from, to := range map[string]string{
		`(instance: )connected-registry`:                   "${1}../../etc",
		`(?m)^( +)- (name: )ACR_REGISTRY_DATA_VOLUME\n.*$`: "${1}- ${2}ACR_REGISTRY_LOGIN_SERVER\n${1}  value: ../../etc",
	} {
		changed := regexp.MustCompile(from).ReplaceAllString(string(render), to)
		require.NotEqual(t, string(render), changed)
		code, stdout, stderr := run(t, scenario, []byte(changed), nil, "trust", "containerd", "--scenario", "scenario.yaml")
		assert.Equal(t, 1, code)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "../../etc")
	}
}
