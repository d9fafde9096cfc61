package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// The render that make demo shows a plan on is what the stand-in renders by default.
func TestDemoRender(t *testing.T) {
	file := filepath.Join("..", "fixtures", "demo.yaml")
	want := string(fixtures.Plain().Render(t, nil))
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
	}
	assert.True(t, want == readText(t, file), "run go test ./plugin -run TestDemoRender -update")
}

var demoCounts = regexp.MustCompile(`^(v\d)\S+: 62 objects in, (\d+) out\n`)

// make demo, through a helm of each major, with what it says to do next.
func TestDemo(t *testing.T) {
	helm4 := helm4Binary(t, helm4Versions[0])
	for name, c := range map[string]struct{ helm, major, scenario, out, removed string }{
		"Helm 3":              {fixtures.Tool(t, "helm"), "v3", "own-trust-distribution", "5", "DaemonSet/connected-registry/connected-registry-containerd-config"},
		"Helm 4":              {helm4, "v4", "own-trust-distribution", "5", "DaemonSet/connected-registry/connected-registry-containerd-config"},
		"another certificate": {fixtures.Tool(t, "helm"), "v3", "byoc", "13", "46 objects"},
	} {
		t.Run(name, func(t *testing.T) {
			demo, leaf := t.TempDir(), fixtures.Leaf()
			writeFiles(t, demo, map[string]string{"tls.crt": string(leaf.Crt), "tls.key": string(leaf.Key), "ca.crt": string(leaf.CA)})
			cmd := exec.Command(filepath.Join("..", "fixtures", "demo.sh"), program(t), c.scenario)
			cmd.Env = append(os.Environ(), "HELM="+c.helm, "CHART="+fixtures.Plain().ChartDir(t), "DEMO="+demo)
			stdout, stderr, err := command(t, cmd)
			require.NoError(t, err, stdout+stderr)
			assert.Contains(t, stdout, "patched: Deployment/connected-registry/connected-registry, scenario "+c.scenario+"\n")
			_, achieved, found := strings.Cut(stdout, "\n== helm ")
			require.True(t, found, stdout)
			counts := demoCounts.FindStringSubmatch(achieved)
			require.NotNil(t, counts, achieved)
			assert.Equal(t, []string{c.major, c.out}, counts[1:])
			assert.Contains(t, achieved, "  remove  "+c.removed)

			_, next, found := strings.Cut(achieved, "; next:\n")
			require.True(t, found)
			require.Equal(t, 3, strings.Count(next, "\n"), next)
			for script := range strings.Lines(next) {
				_, stderr, err := shell(t, "..", os.Environ(), script)
				assert.NoError(t, err, "%s%s", script, stderr)
			}
		})
	}
}

// The demo names the scenarios that it knows.
func TestDemoOfAnUnknownScenario(t *testing.T) {
	_, stderr, err := command(t, exec.Command(filepath.Join("..", "fixtures", "demo.sh"), program(t), "no-such"))
	require.Error(t, err)
	assert.Contains(t, stderr, "expected SCENARIO to be one of: byoc http kubernetes-secret ")
}
