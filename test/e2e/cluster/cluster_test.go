// Package cluster_test runs every documented scenario against a real API server, real
// controllers and the real cert-manager, through real helms.
package cluster_test

import (
	"os"
	"testing"

	"github.com/connected-registry/scenario/test/e2e/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

func TestParts(t *testing.T) {
	c := parts.SharedCluster(t)
	c.StartCertManager(t)
	c.Kubectl(t, "create", "namespace", "parts")
	c.Apply(t, []byte(issuer))
	c.Kubectl(t, "wait", "--namespace", "parts", "--for=condition=Ready", "certificate/own", "--timeout=60s")
	t.Log(c.Kubectl(t, "version"))
}

const issuer = `apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: own, namespace: parts}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: own, namespace: parts}
spec: {secretName: own, dnsNames: [example.com], issuerRef: {name: own}}
`
