package plugin_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

var initTrace = regexp.MustCompile(`(?m)^init (\S+) @.* ms, ([\d.]+) ms clock`)

// Every helm and kustomize call of a pipeline pays for what packages do before main.
// The fastest of several runs counts, as everything else is the machine's.
func TestNoPackageTakesAMillisecondToInitialise(t *testing.T) {
	dir := scenarioDir(t, "kubernetes-secret")
	input := fixtures.Plain().Render(t, fixtures.Set("cert-manager.install=false"))
	took := map[string][]float64{}
	for range 7 {
		c := exec.Command(program(t), "post-render", "--quiet", "--scenario", dir+"/scenario.yaml")
		c.Stdin, c.Env = bytes.NewReader(input), append(os.Environ(), "GODEBUG=inittrace=1")
		_, trace, err := command(t, c)
		require.NoError(t, err, trace)
		for _, m := range initTrace.FindAllStringSubmatch(trace, -1) {
			ms, err := strconv.ParseFloat(m[2], 64)
			require.NoError(t, err)
			took[m[1]] = append(took[m[1]], ms)
		}
	}
	require.Contains(t, took, "runtime")
	for name, times := range took {
		slices.Sort(times)
		assert.LessOrEqual(t, times[0], 1.0, "%s took %v ms", name, times)
	}
}
