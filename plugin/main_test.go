package plugin_test

import (
	"os"
	"testing"

	"github.com/connected-registry/scenario/fixtures"
)

func TestMain(m *testing.M) {
	code := m.Run()
	fixtures.RemoveBuilt()
	os.Exit(code)
}
