package node

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docsPage is written by these tests with -update: it says what they saw, and nothing
// else.
const docsPage = "../../../docs/node.md"

const pageHead = `# On a real node

Each of the documented scenarios was installed with Helm %s through the post-renderer, and
run by kubelet %s with containerd %s and runc %s. The registry's image cannot
be had where this is developed: a program that serves the mounted certificate plays it, so
this shows what Kubernetes makes of the manifests, not what the registry does with them.
byoc and http were also run with a chart that names everything differently, has a
StatefulSet, and ports by number. Pods use the machine's network, and cert-manager's
controllers run beside the API server instead of in pods; nothing that a scenario
decides was altered.
` + "`test/e2e/node`" + ` runs it, and writes this page.

| scenario | seen |
|---|---|
`

// page collects what was seen.
type page struct {
	head string
	rows []string
}

func newPage(helm, kubelet, containerd, runc string) *page {
	return &page{head: fmt.Sprintf(pageHead, helm, kubelet, containerd, runc)}
}

// seen adds a row, once, unless the test has failed. Call it after the assertions.
func (p *page) seen(t *testing.T, scenario, what string) {
	t.Helper()
	row := fmt.Sprintf("| %s | %s |\n", scenario, what)
	if !t.Failed() && !slices.Contains(p.rows, row) {
		p.rows = append(p.rows, row)
	}
}

// compare holds docs/node.md against what was seen; with -run, which may leave rows
// out, only whether it has those that there are.
func (p *page) compare(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	text := p.head + strings.Join(p.rows, "")
	all := !strings.Contains(flag.Lookup("test.run").Value.String(), "/")
	if *update && all {
		require.NoError(t, os.WriteFile(docsPage, []byte(text), 0o644))
	}
	written, err := os.ReadFile(docsPage)
	require.NoError(t, err)
	if all {
		assert.Equal(t, text, string(written), "run the test with -update")
		return
	}
	for _, row := range p.rows {
		assert.Contains(t, string(written), row, "run all of the test with -update")
	}
}

func source(p promise) string {
	if p.issued {
		return "the certificate that cert-manager issued"
	}
	return "the certificate of the scenario"
}

func trust(p promise) string {
	if p.trust {
		return "the trust distribution's pod runs, and brings that CA to the node's `/etc/containerd`"
	}
	return "there is no trust distribution"
}
