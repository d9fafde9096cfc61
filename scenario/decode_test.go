package scenario_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

var update = flag.Bool("update", false, "write the expected errors in testdata anew")

const header = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\n"

// full states every field there is.
const full = header + `metadata:
  name: site
  namespace: connected-registry
  labels: {team: edge}
  annotations:
    config.kubernetes.io/function: |
      exec: {path: ./connected-registry-scenario}
    internal.config.kubernetes.io/index: '0'
spec:
  mode: ReadOnly
  readOnly:
    enforce: true
    rootFilesystem: true
    writablePaths: [/tmp, /var/log]
  service:
    clusterIP: 192.100.100.1
  certManager:
    enabled: true
    install: false
    issuerRef: {name: ca, kind: AWSPCAIssuer, group: awspca.cert-manager.io}
    duration: 2160h
    renewBefore: 1h30m
    privateKey: {algorithm: RSA, size: 4096, rotationPolicy: Always}
    dnsNames: [registry.example.com, "*.edge.example.com"]
    ipAddresses: [10.0.0.1, "2001:db8::1"]
  trustDistribution:
    enabled: true
    useNodeSelector: false
  httpEnabled: false
  registryLoginServer: registry.example.com:8443
  pvc: {storageClassName: local-path, storageRequest: 500Gi}
  targets:
    workload: {kind: Deployment, name: r, namespace: n, labels: {app.kubernetes.io/name: connected-registry}}
    service: {kind: Service, name: r}
    pvc: {kind: PersistentVolumeClaim}
    trustDistribution: {labels: {a: b}}
    certificate: {name: r}
`

// cases runs the cases of a file in testdata: "== name", the scenario, "--" and
// the errors that it gives, none for a scenario that is right.
func cases(t *testing.T, file string, run func(t *testing.T, in string) string) {
	t.Helper()
	path := "testdata/" + file
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	parts := strings.Split(string(data), "\n== ")
	var out strings.Builder
	out.WriteString(parts[0])
	for _, part := range parts[1:] {
		name, rest, ok := strings.Cut(part, "\n")
		require.True(t, ok)
		in, want, ok := strings.Cut("\n"+rest, "\n--\n")
		require.True(t, ok, "%s: no expectation", name)
		var got string
		t.Run(name, func(t *testing.T) {
			got = run(t, strings.TrimPrefix(in, "\n")+"\n")
			if !*update {
				assert.Equal(t, strings.TrimSpace(want), got)
			}
		})
		fmt.Fprintf(&out, "\n== %s%s\n--\n%s", name, in, got)
		if got != "" {
			out.WriteString("\n")
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(strings.TrimSpace(out.String())+"\n"), 0o666))
	}
}

// expand spares cases the lines that all of them share.
func expand(in string) string {
	in = strings.ReplaceAll(in, "HEADER\n", header+"metadata: {name: site}\n")
	for from, to := range map[string]string{`\BOM`: "\ufeff", `\r`: "\r", `\x00`: "\x00", `\xff`: "\xff", `\xfe`: "\xfe"} {
		in = strings.ReplaceAll(in, from, to)
	}
	return in
}

func errText(err error) string {
	return codes.Text(err)
}

func TestDecodeErrors(t *testing.T) {
	cases(t, "decode.txt", func(t *testing.T, in string) string {
		l, err := scenario.Decode("site.yaml", []byte(expand(in)))
		assert.Equal(t, err == nil, l != nil)
		return errText(err)
	})
}

func TestDecodeEveryField(t *testing.T) {
	l, err := scenario.Decode("site.yaml", []byte(full))
	require.NoError(t, err)
	require.NoError(t, l.Validate())
	assert.Equal(t, scenario.ReadOnlyMode, *l.Scenario.Spec.Mode)
	assert.Equal(t, 4096, *l.Scenario.Spec.CertManager.PrivateKey.Size)
	assert.False(t, *l.Scenario.Spec.CertManager.Install)
	assert.Equal(t, []string{"10.0.0.1", "2001:db8::1"}, l.Scenario.Spec.CertManager.IPAddresses)
	assert.Equal(t, "connected-registry", l.Scenario.Spec.Targets.Workload.Labels["app.kubernetes.io/name"])
	assert.Nil(t, l.Scenario.Spec.TLS)
	again(t, l.Scenario)
}

func TestDecodeNullIsLeftOut(t *testing.T) {
	l, err := scenario.Decode("site.yaml", []byte(header+`
metadata: {name: site, labels: ~, annotations: {a: null}}
spec:
  mode: null
  service:
  tls: {crt: , key: ~}
  certManager: {dnsNames: [], ipAddresses: null}
`))
	require.NoError(t, err)
	s := l.Scenario.Spec
	assert.Nil(t, s.Mode)
	assert.Nil(t, s.Service)
	assert.Equal(t, &scenario.TLS{}, s.TLS)
	assert.Equal(t, []string{}, s.CertManager.DNSNames, "an empty list is stated")
	assert.Nil(t, s.CertManager.IPAddresses)
	assert.Nil(t, l.Scenario.Metadata.Annotations)
}

func TestDecodeTexts(t *testing.T) {
	for name, text := range map[string]string{
		"BOM and CRLF":      "\ufeff" + strings.ReplaceAll(full, "\n", "\r\n"),
		"JSON":              `{"apiVersion":"connectedregistry.dev/v1alpha1","kind":"ConnectedRegistryScenario","metadata":{"name":"site"},"spec":{"mode":"ReadOnly"}}`,
		"empty documents":   "---\n---\n" + full + "---\n# no more\n",
		"aliases":           header + "metadata: {name: &n site, namespace: *n}\nspec: {mode: ReadOnly}\n",
		"comments and tags": "# a site\n" + header + "metadata: {name: !!str site} # named\nspec: {mode: ReadOnly}\n",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := scenario.Decode("site.yaml", []byte(text))
			require.NoError(t, err)
			assert.Equal(t, "site", l.Scenario.Metadata.Name)
			assert.Equal(t, scenario.ReadOnlyMode, *l.Scenario.Spec.Mode)
		})
	}
}

func TestDecodeBounds(t *testing.T) {
	_, err := scenario.Decode("site.yaml", make([]byte, 4<<20))
	assert.EqualError(t, err, "site.yaml: the file has 4194304 bytes, expected at most 3145728")

	many := header + "metadata: {name: site}\nspec: {certManager: {dnsNames: [" + strings.Repeat("a,", 20_000) + "]}}\n"
	_, err = scenario.Decode("site.yaml", []byte(many))
	assert.ErrorContains(t, err, "the file holds more than 10000 values, aliases followed")
	assert.Equal(t, 1, strings.Count(err.Error(), "10000"), "said once")
}

func TestDecodeNode(t *testing.T) {
	l, err := scenario.DecodeNode("functionConfig", yaml.MustParse(full))
	require.NoError(t, err)
	assert.Equal(t, "site", l.Scenario.Metadata.Name)
	assert.Equal(t, "functionConfig: spec.mode: found; write", l.At(codes.NoEffect, "spec.mode", "found", "write").Error(),
		"kustomize wrote this text: its lines are not the user's")

	l, err = scenario.DecodeNode("site.yaml", yaml.MustParse(header+"metadata: {name: site}\nspec: {mode: ReadOnly}\n"))
	require.NoError(t, err)
	assert.Equal(t, "site.yaml:4: spec.mode: found", l.At(codes.NoEffect, "spec.mode", "found", "").Error())

	_, err = scenario.DecodeNode("functionConfig", yaml.MustParse(header+"metadata: {name: x}\nspec: {mod: ReadOnly}\n"))
	assert.EqualError(t, err, "functionConfig:4: spec.mod: unknown field; write mode")
	for _, n := range []*yaml.RNode{nil, yaml.NewRNode(nil), yaml.MakeNullNode()} {
		_, err = scenario.DecodeNode("functionConfig", n)
		assert.EqualError(t, err, "functionConfig: there is no scenario; write apiVersion: connectedregistry.dev/v1alpha1 and kind: ConnectedRegistryScenario")
	}
}

func TestDecodeNodeOfAnotherShape(t *testing.T) {
	for _, text := range []string{"- a", "a", "metadata: x", "metadata: {annotations: [a]}", "metadata: {annotations: {a: [b]}}", "kind: [a]"} {
		_, err := scenario.DecodeNode("functionConfig", yaml.MustParse(text))
		assert.Error(t, err, text)
	}
}

func TestDecodeNeverShowsKeyMaterial(t *testing.T) {
	const secret = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNENBUUF3QlFZREsyVndCQ0lFSUhTRUNSRVQK"
	for _, spec := range []string{
		"tls: " + secret,
		"tls: [" + secret + "]",
		"tls: {key: [" + secret + "]}",
		"tls: {key: {" + secret + ": 1}}",
		"tls: {key: !!binary " + secret + "}",
		"tls: {" + secret + ": x}",
		"tls: {" + secret + ": x, " + secret + ": y}",
		"tls: {key: *" + secret + "}",
		"tls: {secret: {a: " + secret + "}}",
		"service: {clusterIP: [" + secret + "]}",
		"httpEnabled: " + secret,
		"certManager: {dnsNames: " + secret + "}",
		"mode: 'a\x01" + secret + "'",
		"tls:\n    key: |\n   " + secret + ": x\n",
		secret,
	} {
		_, err := scenario.Decode("site.yaml", []byte(header+"metadata: {name: site}\nspec:\n  "+spec+"\n"))
		require.Error(t, err, spec)
		assert.NotContains(t, err.Error(), secret[:16], spec)
	}
}

// again checks that a scenario decodes to itself once marshalled.
func again(t *testing.T, s scenario.Scenario) {
	t.Helper()
	data, err := json.Marshal(s)
	require.NoError(t, err)
	l, err := scenario.Decode("again.json", data)
	require.NoError(t, err, "%s", data)
	require.Equal(t, s, l.Scenario)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("\ufeff" + strings.ReplaceAll(full, "\n", "\r\n")))
	f.Add([]byte(header + "metadata: {name: &a \"\\u2028\\U0001F600\"}\nspec: {tls: {crt: *a, key: '', secret: !!str 1}, readOnly: {writablePaths: []}}\n"))
	for _, file := range []string{"decode.txt", "validate.txt"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "\n== ") {
			_, rest, _ := strings.Cut(part, "\n")
			in, _, _ := strings.Cut(rest, "\n--\n")
			f.Add([]byte(expand(in)))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := scenario.Decode("site.yaml", data)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again(t, l.Scenario)
		_ = l.Resolve(nil)
		_ = l.Validate()
		require.NotEmpty(t, l.Digest("v1"))
		merged, _, err := scenario.Merge(l, l)
		require.NoError(t, err)
		require.Equal(t, l.Scenario.Spec, merged.Scenario.Spec)
		require.Equal(t, l.Digest("v1"), merged.Digest("v1"))
	})
}
