package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// kubectl stands in for one that asks a cluster, whose Secret has a CA. It knows one
// question, the one that the program tells people to ask.
const kubectl = `#!/usr/bin/env bash
[[ $* == "get secret k8secret -n connected-registry -o jsonpath={.data.ca\.crt}" ]] || { echo "asked $*" >&2; exit 1; }
base64 -w0 <cluster-ca.crt
`

// docs/trust.md from top to bottom: what begins with a file's name is written there,
// commands are run, and what follows one is what it wrote, or what it said in failing.
func TestTrustPage(t *testing.T) {
	dir, env := desk(t, []string{"", ""}, "")
	write(t, dir, "bin/kubectl", kubectl)
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "kubectl"), 0o700))
	tls := fixtures.Pairs["tls"]
	writeFiles(t, dir, map[string]string{
		"tls.crt": string(tls.Crt), "tls.key": string(tls.Key), "ca.crt": string(tls.CA), "cluster-ca.crt": string(tls.CA),
	})
	var stdout, stderr string
	var err error
	unread := false // a failure must be what the page shows next
	for _, b := range blocksOf(t, "docs/trust.md") {
		name, named := strings.CutPrefix(strings.SplitN(b.text, "\n", 2)[0], "# ")
		switch {
		case b.language == "sh":
			require.False(t, unread, "%s: %s", b.text, stderr)
			stdout, stderr, err = shell(t, dir, env, b.text)
			unread = err != nil
		case named:
			writeFiles(t, dir, map[string]string{name: b.text})
		case unread:
			assert.Equal(t, b.text, stderr)
			unread = false
		default:
			assert.Equal(t, b.text, stdout)
		}
	}
	require.False(t, unread, stderr)

	code, built, said := run(t, []byte(readText(t, dir, "site.yaml")), []byte(readText(t, dir, "rendered.yaml")), nil, "trust", "bundle", "--scenario", "scenario.yaml")
	require.Zero(t, code, said)
	assert.YAMLEq(t, built, readText(t, dir, "built.yaml"))
	assert.Equal(t, string(tls.CA), certificate.FindString(readText(t, dir, "node/certs.d/192.100.100.1/ca.crt"))+"\n")
}
