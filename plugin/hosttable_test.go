package plugin_test

import (
	"testing"

	"github.com/connected-registry/scenario/fixtures"
)

// ran records, for docs/hosts.md, that a test called the program through a host.
func ran(t *testing.T, host, version, way string) {
	t.Helper()
	fixtures.Ran(t, *update, host, version, way)
}
