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

// Helm 4's SDK has the strategies "separate" (hooks by themselves, then the rest) and
// "nohooks" (the rest only): hooks by themselves stay as they are, with a warning,
// and of the two together every object is there once.
func TestHelm4Strategies(t *testing.T) {
	for _, v := range fixtures.Variants() {
		if v.HTTPOnly {
			continue // its chart has no hooks
		}
		hooks, rest := fixtures.SplitHooks(t, v.Render(t, nil, fixtures.Helm4()))
		for _, row := range fixtures.Rows() {
			t.Run(v.Name+"/"+row.Name, func(t *testing.T) {
				scenario, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row.Name, "scenario.yaml"))
				require.NoError(t, err)
				code, stdout, stderr := run(t, scenario, hooks, nil, "post-render", "--scenario", "scenario.yaml")
				require.Zero(t, code, stderr)
				assert.Equal(t, string(hooks), stdout)
				assert.Equal(t, "warning: the stream holds Helm hooks only; it is passed on unchanged\n", stderr)

				code, stdout, stderr = run(t, scenario, rest, nil, "post-render", "--scenario", "scenario.yaml")
				require.Zero(t, code, stderr)
				assert.Equal(t, strings.Count("\n"+stdout, "\nkind:"), len(objectsOf(t, stdout)), "an object is there twice")
				assert.NotContains(t, stdout, "helm.sh/hook:")
			})
		}
	}
}
