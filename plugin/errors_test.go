package plugin

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/fixtures"
)

// call is a way to call the program that it refuses, or warns of.
type call struct {
	code codes.Code
	// spec is what scenario.yaml states, empty for a scenario without a use.
	spec string
	// render are pairs: what is replaced in the render, and by what.
	render []string
	// patched says that the scenario was applied to the render before.
	patched bool
	files   map[string]string
	stdin   string
	args    []string // check of the scenario on the render, if none
	out     io.Writer
}

// The codes that no case of fixtures shows.
func refusedCalls(t *testing.T) []call {
	const own = "tls: {crtFile: own.crt, keyFile: own.key}"
	const fromIssuer = "certManager: {enabled: true}"
	leaf, ca := fixtures.Leaf(), fixtures.Authority()
	pair := func(crt, key []byte) map[string]string {
		return map[string]string{"own.crt": string(crt), "own.key": string(key)}
	}
	inline := func(crt string) string { return "tls: {crt: " + crt + ", key: " + crt + "}" }
	connection := func(text string) []string { return []string{"check", "--config", "connectionString=" + text} }
	return []call{
		{code: codes.Base64Cut, spec: inline("LS0tLS1CRUdJTiBDRVJ")},
		{code: codes.Base64InAFile, spec: own, files: pair([]byte(base64.StdEncoding.EncodeToString(leaf.Crt)), leaf.Key)},
		{code: codes.NotPEM, spec: own, files: pair([]byte("no certificate\n"), leaf.Key)},
		{code: codes.PEMDamaged, spec: own, files: pair(leaf.Crt[:len(leaf.Crt)/2], leaf.Key)},
		{code: codes.KeyUnsupported, spec: own, files: pair(leaf.Crt, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n"))},
		{code: codes.CertificateUsage, spec: own, files: pair(ca.Crt, ca.Key)},
		{code: codes.CertificateOrder, spec: own, files: pair(slices.Concat(leaf.CA, leaf.Crt), leaf.Key)},
		{code: codes.CertificateExpiresSoon, spec: own, files: certificateFiles(t, 2048, fixtures.Now.AddDate(0, 0, 7))},
		{code: codes.WeakCryptography, spec: own, files: certificateFiles(t, 1024, fixtures.Now.AddDate(1, 0, 0))},
		{code: codes.NotACA, spec: "tls: {crtFile: own.crt, keyFile: own.key, caCrtFile: own.crt}", files: pair(leaf.Crt, leaf.Key)},

		{code: codes.ConnectionStringIncomplete, args: connection("ConnectedRegistryName=edgeregistry")},
		{code: codes.ConnectionStringMalformed, args: connection("edgeregistry")},
		{code: codes.ParentProtocol, args: connection("ConnectedRegistryName=edgeregistry;SyncTokenName=edgeregistry;SyncTokenPassword=not/a+real=password==;ParentGatewayEndpoint=example.westeurope.data.azurecr.io;ParentEndpointProtocol=http")},
		{code: codes.RepeatedSetting, args: []string{"check", "--config", "service.clusterIP=192.100.100.1", "--config", "service.clusterIP=192.100.100.2"}},
		{code: codes.InvalidJSON, files: map[string]string{"p.json": "tls.secret: k8secret\n"}, args: []string{"check", "--config-protected-file", "p.json"}},

		{code: codes.FileTooLarge, spec: "mode: ReadOnly #" + strings.Repeat("x", 3<<20)},
		{code: codes.NoManifests, spec: "mode: ReadOnly", stdin: "# nothing\n", args: []string{"post-render", "-s", "scenario.yaml"}},
		{code: codes.InvalidResourceList, stdin: "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: none\n", args: []string{"function", "-s", "scenario.yaml"}},
		{code: codes.FunctionConfig, stdin: "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\nfunctionConfig: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {mode: ReadOnly}}\n", args: []string{"function"}},
		{code: codes.ObjectTwice, spec: "mode: ReadOnly", render: []string{"---\napiVersion: v1\nkind: Secret", "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\napiVersion: v1\nkind: Secret"}, args: []string{"export", "kustomize", "-s", "scenario.yaml", "input.yaml"}},
		{code: codes.NothingToExport, spec: "mode: ReadOnly", patched: true, args: []string{"export", "kustomize", "-s", "scenario.yaml", "input.yaml"}},
		{code: codes.ExportRefused, spec: "mode: ReadOnly", files: map[string]string{"hooks.yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {helm.sh/hook: test}\n"}, args: []string{"export", "kustomize", "-s", "scenario.yaml", "hooks.yaml"}},

		{code: codes.MountMismatch, spec: "tls: {secret: k8secret}", render: []string{"      volumes:\n", "      volumes:\n      - {name: data, emptyDir: {}}\n      - {name: certs, secret: {secretName: another}}\n"}},
		{code: codes.PortMismatch, spec: "tls: {secret: k8secret}", render: []string{"targetPort: 8443}", "targetPort: 8443}\n  - {name: metrics, port: 9000, targetPort: 9000}"}},
		{code: codes.ObjectUnwritable, spec: "tls: {secret: k8secret}", render: []string{"  - {name: https, port: 443, targetPort: 8443}", "  - {name: https, port: four-four-three, targetPort: 8443}"}},
		{code: codes.NameTaken, spec: fromIssuer, render: []string{"---\napiVersion: v1\nkind: Secret", "---\n{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: edge1-ca-issuer, namespace: factory-floor}, spec: {selfSigned: {}}}\n---\napiVersion: v1\nkind: Secret"}},
		{code: codes.CertificateWriters, spec: fromIssuer + "\n  targets: {certificate: {name: one}}", render: []string{"---\napiVersion: v1\nkind: Secret", "---\n{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: one, namespace: factory-floor}, spec: {secretName: edge1-tls}}\n---\n{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: two, namespace: factory-floor}, spec: {secretName: edge1-tls}}\n---\napiVersion: v1\nkind: Secret"}},
		{code: codes.TrustRemains, spec: "trustDistribution: {enabled: false}\n  targets: {trustDistribution: {name: one}}", render: []string{"---\napiVersion: v1\nkind: Secret", daemonSet("one") + daemonSet("two-containerd-config") + "---\napiVersion: v1\nkind: Secret"}},
		{code: codes.ConnectionStringLost, files: map[string]string{"p.json": `{"connectionString": "ConnectedRegistryName=edgeregistry;SyncTokenName=edgeregistry;SyncTokenPassword=another/password==;ParentGatewayEndpoint=example.westeurope.data.azurecr.io;ParentEndpointProtocol=https"}`},
			render: []string{"        ports:\n        - {name", "        - {name: ACR_REGISTRY_CONNECTION_STRING, value: another}\n        ports:\n        - {name"}, args: []string{"check", "--config-protected-file", "p.json", "--render", "input.yaml"}},

		{code: codes.CommandLine, args: []string{"chekc"}},
		{code: codes.NoScenario, args: []string{"check"}},
		{code: codes.StreamFailed, spec: "mode: ReadOnly", out: brokenPipe{}},
		{code: codes.InstallRefused, args: []string{"install", "kustomize-plugin"}},
	}
}

func daemonSet(name string) string {
	return "---\n{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: " + name + ", namespace: factory-floor}, spec: {template: {spec: {containers: [{name: a, image: a, volumeMounts: [{name: a, mountPath: /a}]}], volumes: [{name: a, hostPath: {path: /etc/containerd}}]}}}}\n"
}

// certificateFiles are a certificate of its own CA, and its key.
func certificateFiles(t *testing.T, bits int, until time.Time) map[string]string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "edge1"},
		NotBefore: fixtures.Now.AddDate(0, -1, 0), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.ParseIP(fixtures.ClusterIP)},
	}
	crt, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	require.NoError(t, err)
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return map[string]string{"own.crt": encode("CERTIFICATE", crt), "own.key": encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))}
}

// Each code that no case of fixtures shows is what some call leads to. What the
// program says then is kept in testdata/errors.
func TestRefusedCalls(t *testing.T) {
	render, err := os.ReadFile("../fixtures/mistakes/render.yaml")
	require.NoError(t, err)
	for _, c := range refusedCalls(t) {
		t.Run(c.code.String(), func(t *testing.T) {
			w := &world{dir: t.TempDir(), stdin: c.stdin, env: map[string]string{}, out: c.out}
			input := string(render)
			for i := 0; i < len(c.render); i += 2 {
				require.Contains(t, input, c.render[i])
				input = strings.Replace(input, c.render[i], c.render[i+1], 1)
			}
			files := map[string]string{"input.yaml": input, "scenario.yaml": scenarioHead + "site\nspec:\n  " + c.spec + "\n"}
			for file, text := range c.files {
				files[file] = text
			}
			for file, text := range files {
				require.NoError(t, os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0o600))
			}
			if c.patched {
				first := (&world{dir: w.dir, stdin: input}).run("post-render", "-s", "scenario.yaml")
				require.NoError(t, os.WriteFile(filepath.Join(w.dir, "input.yaml"), []byte(first.out), 0o600))
			}
			args := c.args
			if len(args) == 0 {
				args = []string{"check", "-s", "scenario.yaml", "--render", "input.yaml"}
			}
			got := w.run(args...)
			require.Contains(t, got.errOut, "["+c.code.String()+"]\n")
			assert.NotContains(t, got.errOut, "password==")
			var told bytes.Buffer
			for line := range strings.Lines(got.errOut) {
				if strings.HasSuffix(line, "["+c.code.String()+"]\n") {
					told.WriteString(line)
				}
			}
			golden := filepath.Join("testdata", "errors", c.code.String()+".txt")
			if updating() {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, told.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), told.String())
		})
	}
}
