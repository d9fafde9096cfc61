package plugin_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table of docs/hosts.md is what the tests ran, and nothing else: a row for
// each host, version and way of calling that a test reported with ran.
const (
	hostsPage  = "../docs/hosts.md"
	tableStart = "<!-- what the tests ran: begin -->\n"
	tableEnd   = "<!-- what the tests ran: end -->\n"
)

var hostRows struct {
	sync.Mutex
	rows map[string]bool
}

// ran records, for docs/hosts.md, that a test called the program through a host.
// Call it after the assertions. With -update the row is written into the page;
// without, a row that the page lacks is a failure.
func ran(t *testing.T, host, version, way string) {
	t.Helper()
	if t.Failed() {
		return
	}
	row := fmt.Sprintf("| %s | %s | %s |\n", host, version, way)
	hostRows.Lock()
	defer hostRows.Unlock()
	if hostRows.rows[row] {
		return
	}
	if hostRows.rows == nil {
		hostRows.rows = map[string]bool{}
	}
	hostRows.rows[row] = true
	page, err := os.ReadFile(hostsPage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), tableStart)
	require.True(t, found, "docs/hosts.md has lost its table")
	table, after, found := strings.Cut(rest, tableEnd)
	require.True(t, found, "docs/hosts.md has lost its table")
	if strings.Contains(table, row) {
		return
	}
	require.True(t, *update, "docs/hosts.md lacks %q; run the test with -update", row)
	const head = "| host | version | way of calling |\n|---|---|---|\n"
	rows := strings.SplitAfter(strings.TrimPrefix(table, head), "\n")
	rows = slices.DeleteFunc(append(rows, row), func(r string) bool { return r == "" })
	slices.Sort(rows)
	text := before + tableStart + head + strings.Join(slices.Compact(rows), "") + tableEnd + after
	require.NoError(t, os.WriteFile(hostsPage, []byte(text), 0o644))
}
