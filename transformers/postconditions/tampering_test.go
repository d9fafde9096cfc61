package postconditions_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/postconditions"
	"github.com/connected-registry/scenario/transformers/resource"
)

// authority signs with a CA of the release what good has.
const authority = `---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: authority, namespace: site}
spec: {isCA: true, secretName: authority, issuerRef: {name: self-signed}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self-signed, namespace: site}
spec: {selfSigned: {}}
`

// signer is the Issuer in good.
const signer = `---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: signer, namespace: site}
spec: {ca: {secretName: authority}}
`

// tampering is a change of a text, and what is said of it.
type tampering struct {
	// changes are pairs: what is replaced, and by what.
	changes []string
	// more is added at the end.
	more string
	// removed is a stream of what was in the render and was removed.
	removed string
	expect  func(*decision.Decision)
	// want is part of the error, or of the doubts if inDoubt; empty if all is well.
	want    string
	inDoubt bool
}

// check runs the conditions on a changed text. The first Deployment is the registry's
// workload, and the first DaemonSet its trust distribution.
func (c tampering) check(t *testing.T, text string, e decision.Decision) {
	t.Helper()
	for i := 0; i < len(c.changes); i += 2 {
		require.Contains(t, text, c.changes[i])
		text = strings.Replace(text, c.changes[i], c.changes[i+1], 1)
	}
	s, err := resource.ParseStream([]byte(text + c.more + "\n---\n" + c.removed))
	require.NoError(t, err)
	if c.removed != "" {
		all, err := s.Select(nil)
		require.NoError(t, err)
		for _, o := range all[len(all)-strings.Count(c.removed, "kind: "):] {
			s.Remove(o)
		}
	}
	first := func(kind string) *resource.Object {
		found, err := s.Select([]string{kind})
		require.NoError(t, err)
		if len(found) == 0 {
			return nil
		}
		return found[0]
	}
	e.Workload, e.Service, e.Trust = first("Deployment"), first("Service"), first("DaemonSet")
	if c.expect != nil {
		c.expect(&e)
	}
	if e.NoTrust {
		e.Trust = nil
	}
	doubts, err := postconditions.Check(s, e)
	var said []string
	for _, d := range doubts {
		said = append(said, d.Object.String()+": "+d.Message)
	}
	switch {
	case c.want == "":
		require.NoError(t, err)
		assert.Empty(t, said)
	case c.inDoubt:
		require.NoError(t, err)
		assert.Contains(t, strings.Join(said, "\n"), c.want)
	default:
		assert.ErrorContains(t, err, c.want)
	}
}

func (c tampering) checkGood(t *testing.T) {
	t.Helper()
	c.check(t, good+authority, decision.Decision{
		Container: "registry", CertificatePath: "/var/acr/certs", Namespace: "site", Instance: "edge", Release: "edge",
		TLSStated: true, Secret: "serving", CertManager: true,
	})
}

const (
	certificateMount  = "- {name: certs, mountPath: /var/acr/certs, readOnly: true}"
	certificateVolume = "secret: {secretName: serving}"
)

func TestCertificateMustArrive(t *testing.T) {
	volume := func(with string) []string { return []string{certificateVolume, with} }
	mounts := func(with string) []string { return []string{certificateMount, with} }
	const noKey = "does not find tls.key of Secret serving below /var/acr/certs"
	for name, c := range map[string]tampering{
		"as rendered":                      {},
		"one key only":                     {changes: volume("secret: {secretName: serving, items: [{key: tls.crt, path: tls.crt}]}"), want: noKey},
		"both keys":                        {changes: volume("secret: {secretName: serving, items: [{key: tls.key, path: tls.key}, {key: tls.crt, path: tls.crt}]}")},
		"both keys in a directory":         {changes: volume("secret: {secretName: serving, items: [{key: tls.key, path: a/tls.key}, {key: tls.crt, path: a/tls.crt}]}")},
		"both keys under other names":      {changes: volume("secret: {secretName: serving, items: [{key: tls.key, path: server.key}, {key: tls.crt, path: server.crt}]}")},
		"the keys swapped":                 {changes: volume("secret: {secretName: serving, items: [{key: tls.key, path: tls.crt}, {key: tls.crt, path: tls.key}]}"), want: noKey},
		"the CA as the certificate":        {changes: volume("secret: {secretName: serving, items: [{key: tls.key, path: tls.key}, {key: ca.crt, path: tls.crt}]}"), want: "does not find tls.crt"},
		"the CA only":                      {changes: volume("secret: {secretName: serving, items: [{key: ca.crt, path: ca.crt}]}"), want: "does not find tls.crt"},
		"projected":                        {changes: volume("projected: {sources: [{secret: {name: serving}}, {configMap: {name: cas}}]}")},
		"projected without the key":        {changes: volume("projected: {sources: [{secret: {name: serving, items: [{key: tls.crt, path: tls.crt}]}}]}"), want: noKey},
		"projected in two":                 {changes: volume("projected: {sources: [{secret: {name: serving, items: [{key: tls.crt, path: tls.crt}]}}, {secret: {name: serving, items: [{key: tls.key, path: tls.key}]}}]}")},
		"subPath of the certificate alone": {changes: mounts("- {name: certs, mountPath: /var/acr/certs, subPath: tls.crt, readOnly: true}"), want: noKey},
		"subPath of nothing":               {changes: mounts("- {name: certs, mountPath: /var/acr/certs, subPath: pki, readOnly: true}"), want: "does not find tls.crt"},
		"subPath of a directory": {changes: append(volume("secret: {secretName: serving, items: [{key: tls.key, path: pki/tls.key}, {key: tls.crt, path: pki/tls.crt}]}"),
			mounts("- {name: certs, mountPath: /var/acr/certs, subPath: pki, readOnly: true}")...)},
		"subPath with a variable": {changes: mounts("- {name: certs, mountPath: /var/acr/certs, subPathExpr: $(POD), readOnly: true}"), want: "does not find tls.crt"},
		"file by file": {changes: mounts(`- {name: certs, mountPath: /var/acr/certs/tls.crt, subPath: tls.crt, readOnly: true}
        - {name: certs, mountPath: /var/acr/certs/tls.key, subPath: tls.key, readOnly: true}`)},
		"one file of two": {changes: mounts("- {name: certs, mountPath: /var/acr/certs/tls.crt, subPath: tls.crt, readOnly: true}"), want: noKey},
		"the files swapped": {changes: mounts(`- {name: certs, mountPath: /var/acr/certs/tls.crt, subPath: tls.key, readOnly: true}
        - {name: certs, mountPath: /var/acr/certs/tls.key, subPath: tls.crt, readOnly: true}`), want: noKey},
		"another file beside them":   {changes: mounts(certificateMount + "\n        - {name: config, mountPath: /var/acr/certs/extra.conf, subPath: extra.conf, readOnly: true}")},
		"another file over the key":  {changes: mounts("- {name: config, mountPath: /var/acr/certs/tls.key, subPath: tls.key, readOnly: true}\n        " + certificateMount), want: noKey},
		"a path twice":               {changes: mounts(certificateMount + "\n        - {name: config, mountPath: /var/acr/certs/, readOnly: true}"), want: "container registry mounts more than one volume at /var/acr/certs/"},
		"a path twice elsewhere":     {changes: mounts(certificateMount + "\n        - {name: a, mountPath: /tmp}\n        - {name: b, mountPath: /tmp}"), want: "container registry mounts more than one volume at /tmp"},
		"a path twice at the start":  {changes: []string{"- {name: certs, mountPath: /certs}", "- {name: certs, mountPath: /certs}\n        - {name: b, mountPath: /certs}"}, want: "container wait mounts more than one volume at /certs"},
		"a volume that is not there": {changes: mounts(certificateMount + "\n        - {name: a, mountPath: /tmp}"), want: "mounts volume a, which the pod does not declare"},
	} {
		t.Run(name, c.checkGood)
	}
}

func TestProbesMustAgree(t *testing.T) {
	const ready, live, start = "{httpGet: {port: https, scheme: HTTPS}}", "{httpGet: {port: metrics}}", "{tcpSocket: {port: 8443}}"
	toHTTP := func(e *decision.Decision) { e.HTTP, e.CertManager = true, false }
	for name, c := range map[string]tampering{
		"a name that no port has":          {changes: []string{ready, "{httpGet: {port: web, scheme: HTTPS}}"}, want: "readinessProbe of container registry calls port web, which no container declares"},
		"a number that no port has":        {changes: []string{start, "{tcpSocket: {port: 8444}}"}, want: "startupProbe of container registry calls port 8444"},
		"gRPC at a number of no port":      {changes: []string{start, "{grpc: {port: 8444}}"}, want: "startupProbe of container registry calls port 8444"},
		"a name of another container":      {changes: []string{live, "{httpGet: {port: proxy}}", "      volumes:\n", "      - {name: proxy, ports: [{name: proxy, containerPort: 1}]}\n      volumes:\n"}, want: "calls port proxy"},
		"a number of another container":    {changes: []string{live, "{httpGet: {port: 1}}", "      volumes:\n", "      - {name: proxy, ports: [{name: proxy, containerPort: 1}]}\n      volumes:\n"}},
		"another host":                     {changes: []string{live, "{httpGet: {port: 1, host: example.com}}"}},
		"no port is declared":              {changes: []string{"        - {name: https, containerPort: 8443}\n        - {name: metrics, containerPort: 9000}\n", "          []\n", "port: https, scheme", "port: 8443, scheme", live, "{exec: {command: [a]}}", "targetPort: https", "targetPort: 8443"}},
		"no port is declared, and by HTTP": {changes: []string{"        - {name: https, containerPort: 8443}\n        - {name: metrics, containerPort: 9000}\n", "          []\n", "port: https, scheme: HTTPS", "port: 8443", live, "{exec: {command: [a]}}", "targetPort: https", "targetPort: 8443"}, want: "calls port 8443 by HTTP, expected HTTPS"},
		"by HTTP":                          {changes: []string{ready, "{httpGet: {port: https}}"}, want: "readinessProbe of container registry calls port https by HTTP, expected HTTPS"},
		"by HTTP and number":               {changes: []string{ready, "{httpGet: {port: 8443, scheme: HTTP}}"}, want: "calls port 8443 by HTTP, expected HTTPS"},
		"by HTTP at a port of another name": {changes: []string{"name: https, containerPort", "name: registry, containerPort", ready, "{httpGet: {port: registry}}", "targetPort: https", "targetPort: registry"},
			want: "calls port registry by HTTP, expected HTTPS"},
		"by HTTPS without TLS": {changes: []string{"name: https, port: 443", "name: http, port: 80", "        " + certificateMount, "          []"}, expect: toHTTP, want: "calls port https by HTTPS, expected HTTP"},
	} {
		t.Run(name, c.checkGood)
	}
}

func TestChainMustBeWhole(t *testing.T) {
	elsewhere := []string{signer, "", authority, ""}
	for name, c := range map[string]tampering{
		"the Issuer is gone":                     {changes: []string{signer, ""}, want: "Certificate/leaf: spec.issuerRef refers to Issuer signer, which is not in the manifests, and nothing uses Certificate/authority"},
		"another Issuer is meant":                {changes: []string{"issuerRef: {name: signer}", "issuerRef: {name: other}"}, want: "refers to Issuer other, which is not in the manifests, and nothing uses Issuer/signer"},
		"the CA's Certificate is gone":           {changes: []string{authority[:strings.Index(authority[4:], "---")+4], ""}, want: "Issuer/signer: spec.ca.secretName refers to Secret authority, which is not in the manifests, and nothing uses Issuer/self-signed"},
		"the CA writes elsewhere":                {changes: []string{"isCA: true, secretName: authority", "isCA: true, secretName: other"}, want: "Issuer/signer: spec.ca.secretName refers to Secret authority"},
		"the CA's own Issuer is gone":            {changes: []string{authority[strings.Index(authority[4:], "---")+4:], ""}},
		"the Issuer is in another namespace":     {changes: []string{"{name: signer, namespace: site}", "{name: signer, namespace: other}"}, want: "refers to Issuer signer"},
		"the Issuer is of another group":         {changes: []string{signer, "", "issuerRef: {name: signer}", "issuerRef: {name: signer, group: awspca.cert-manager.io}", "secretName: authority, items", "secretName: serving, items"}},
		"kustomize has changed its name":         {changes: []string{"{name: signer, namespace: site}", "{name: a-signer, namespace: site, annotations: {internal.config.kubernetes.io/previousNames: signer}}"}},
		"the scenario states it":                 {changes: []string{signer, "", "secretName: authority, items", "secretName: serving, items"}, expect: func(e *decision.Decision) { e.IssuerStated = true }},
		"all is in the cluster":                  {changes: append(elsewhere, "secretName: authority, items", "secretName: serving, items")},
		"all is gone and named after it":         {changes: append(elsewhere, "issuerRef: {name: signer}", "issuerRef: {name: edge-ca-issuer}"), want: "Certificate/leaf: spec.issuerRef refers to the release's Issuer edge-ca-issuer"},
		"all is gone of what this program added": {changes: append(elsewhere, "{name: leaf, namespace: site}", "{name: leaf, namespace: site, annotations: {connectedregistry.dev/added-by: certmanager}}"), want: "refers to the release's Issuer signer"},
		"a ClusterIssuer is the cluster's":       {changes: append(elsewhere, "issuerRef: {name: signer}", "issuerRef: {name: edge-ca, kind: ClusterIssuer}", "secretName: authority, items", "secretName: serving, items")},
		"an unused Issuer of another release": {changes: append(elsewhere, "secretName: authority, items", "secretName: serving, items"),
			more: "---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: a, namespace: site, labels: {app.kubernetes.io/instance: other}}\nspec: {}\n"},
		"a chain that goes round": {changes: []string{"isCA: true, secretName: authority, issuerRef: {name: self-signed}", "isCA: true, secretName: authority, issuerRef: {name: signer}"}},
	} {
		t.Run(name, c.checkGood)
	}
}

// What was removed although it issues the certificate is found by itself.
func TestChainOfTheRenderMustStay(t *testing.T) {
	s, err := resource.ParseStream([]byte(good + authority))
	require.NoError(t, err)
	issuer, err := s.Select([]string{"Issuer"}, "signer")
	require.NoError(t, err)
	s.Remove(issuer[0])
	_, err = postconditions.Check(s, decision.Decision{
		Workload: only(t, s, "Deployment"), Container: "registry", CertificatePath: "/var/acr/certs", Namespace: "site",
		TLSStated: true, Secret: "serving", CertManager: true, Chain: issuer,
	})
	assert.ErrorContains(t, err, "Issuer/signer: is gone, and the registry's certificate depends on it")
}

func TestNodesMustTrustTheCertificate(t *testing.T) {
	const ca = "secretName: authority, items"
	for name, c := range map[string]tampering{
		"another Secret":             {changes: []string{ca, "secretName: stale, items"}, want: "DaemonSet/trust: takes its CA from the Secrets [stale], expected one of [serving, authority]"},
		"the registry's":             {changes: []string{ca, "secretName: serving, items"}},
		"another one beside it":      {changes: []string{"serviceAccountName: trust\n", "serviceAccountName: trust\n      imagePullSecrets: [{name: pull}]\n"}},
		"only one to pull with":      {changes: []string{ca, "secretName: stale, items", "serviceAccountName: trust\n", "serviceAccountName: trust\n      imagePullSecrets: [{name: serving}]\n"}, want: "takes its CA from the Secrets [stale]"},
		"a ConfigMap":                {changes: []string{"secret: {secretName: authority, items", "configMap: {name: cas, items"}},
		"the CA of no Certificate":   {expect: func(e *decision.Decision) { e.CertManager = false }},
		"with HTTP it is not looked": {changes: []string{ca, "secretName: stale, items", "name: https, port: 443", "name: http, port: 80", "        " + certificateMount, "          []", ", scheme: HTTPS", ""}, expect: func(e *decision.Decision) { e.HTTP = true }},
	} {
		t.Run(name, c.checkGood)
	}
}

func TestTrustMustBeGone(t *testing.T) {
	const labels = ", labels: {app.kubernetes.io/instance: edge, helm.sh/chart: connected-registry-1.2.3}}\nspec:\n  template:\n    spec:\n      serviceAccountName"
	labelled := func(with string) []string {
		return []string{labels, with + "}\nspec:\n  template:\n    spec:\n      serviceAccountName", "secretName: authority, items", "secretName: own, items"}
	}
	disabled := func(e *decision.Decision) { e.NoTrust = true }
	for name, c := range map[string]tampering{
		"the release's":                   {want: "DaemonSet/trust: still mounts /etc/containerd of the nodes"},
		"of another chart":                {changes: labelled(", labels: {app.kubernetes.io/instance: edge, helm.sh/chart: spegel-0.1.0}")},
		"of another release":              {changes: labelled(", labels: {app.kubernetes.io/instance: spegel}")},
		"without labels":                  {changes: labelled("")},
		"of the documented name":          {changes: append(labelled(""), "{name: trust, namespace: site}\nspec:\n  template", "{name: edge-containerd-config, namespace: site}\nspec:\n  template"), want: "DaemonSet/edge-containerd-config: still mounts"},
		"of that name before kustomize":   {changes: append(labelled(", annotations: {internal.config.kubernetes.io/previousNames: edge-containerd-config}"), "{name: trust, namespace: site, annotations", "{name: edge-containerd-config-v2, namespace: site, annotations"), want: "still mounts"},
		"of that name and another chart":  {changes: append(labelled(", labels: {helm.sh/chart: mirror-1.0.0}"), "{name: trust, namespace: site, labels", "{name: edge-containerd-config, namespace: site, labels")},
		"it takes the registry's Secret":  {changes: append(labelled(", labels: {helm.sh/chart: mirror-1.0.0}"), "secretName: own, items", "secretName: serving, items"), want: "still mounts /etc/containerd"},
		"it takes what nothing writes":    {changes: append(labelled(""), "secretName: own, items", "secretName: old-ca, items"), removed: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: a, namespace: site}\nspec: {secretName: old-ca}\n", want: "still mounts /etc/containerd"},
		"in another namespace":            {changes: []string{"{name: trust, namespace: site, labels", "{name: trust, namespace: other, labels"}},
		"it only reads":                   {changes: []string{"mountPath: /etc/containerd}", "mountPath: /etc/containerd, readOnly: true}"}},
		"no container mounts it":          {changes: []string{"{name: containerd, mountPath", "{name: other, mountPath"}},
		"a start container writes":        {changes: []string{"serviceAccountName: trust\n", "serviceAccountName: trust\n      initContainers: [{name: i, volumeMounts: [{name: containerd, mountPath: /c}]}]\n", "mountPath: /etc/containerd}", "mountPath: /etc/containerd, readOnly: true}"}, want: "still mounts /etc/containerd"},
		"the configuration of k3s":        {changes: []string{"hostPath: {path: /etc/containerd}", "hostPath: {path: /var/lib/rancher/k3s/agent/etc/containerd/}"}, want: "still mounts /var/lib/rancher/k3s/agent/etc/containerd of"},
		"a directory above":               {changes: []string{"hostPath: {path: /etc/containerd}", "hostPath: {path: /etc}"}, want: "still mounts /etc of"},
		"a directory that is named alike": {changes: []string{"hostPath: {path: /etc/containerd}", "hostPath: {path: /etc/containerd-exporter}"}},
	} {
		if c.expect == nil {
			c.expect = disabled
		}
		t.Run(name, c.checkGood)
	}
}
