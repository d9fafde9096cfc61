package plugin_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// clusterOf is what kubectl would print for a case: what every cluster has and
// cluster.yaml, or all.yaml alone.
func clusterOf(t *testing.T, c fixtures.Case) string {
	t.Helper()
	if all, err := os.ReadFile(filepath.Join(c.Dir, "all.yaml")); err == nil {
		return string(all)
	}
	return readText(t, "..", "fixtures", "live", "base.yaml") + string(c.Read(t, "cluster.yaml"))
}

// liveSite is a case's scenario, and the plain chart as helm renders it.
func liveSite(t *testing.T, c fixtures.Case) site {
	t.Helper()
	render := string(fixtures.Plain().Render(t, nil))
	if strings.HasSuffix(c.Name, "/connection-string-from-nowhere") {
		render = strings.ReplaceAll(render, "kind: Secret\n", "kind: ConfigMap\n")
	}
	return site{"scenario.yaml": string(c.Read(t, "scenario.yaml")), "rendered.yaml": render}
}

// Each case is one thing that a cluster would refuse, or one that it would not.
func TestCheckLive(t *testing.T) {
	for _, c := range fixtures.Cases(t, "live/*") {
		t.Run(c.Name, func(t *testing.T) {
			s, cluster := liveSite(t, c), clusterOf(t, c)
			args := []string{"check", "-s", "scenario.yaml", "-r", "rendered.yaml", "--live", "-"}
			code, stdout, stderr := s.call(t, cluster, args...)
			got := stdout + stderr
			path := filepath.Join(c.Dir, "expected.txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			assert.Equal(t, readText(t, path), got)
			assert.Equal(t, code == 0, strings.HasPrefix(stdout, "ok: "))
			assert.Equal(t, code == 0, !strings.Contains(stderr, "error: "))

			_, stdout, _ = s.call(t, cluster, append(args, "--output", "json")...)
			var found struct {
				OK       bool
				Problems []struct{ Message, Fix string }
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &found))
			assert.Equal(t, code == 0, found.OK)
			for _, p := range found.Problems {
				assert.True(t, p.Fix != "" || strings.HasSuffix(c.Name, "/not-a-cluster"), "a problem without a way out: %s", p.Message)
			}
		})
	}
}

// The result is compared, and not what the chart rendered: the same cluster refuses
// the render as it is.
func TestCheckLiveIsOfTheResult(t *testing.T) {
	c := fixtures.Case{Name: "live/preinstalled-cert-manager", Dir: filepath.Join("..", "fixtures", "live", "preinstalled-cert-manager")}
	s := liveSite(t, c)
	s["empty.yaml"] = scenarioText("empty", "{}")
	code, _, stderr := s.call(t, clusterOf(t, c), "check", "-s", "empty.yaml", "-r", "rendered.yaml", "--live", "-")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "the render brings a second one")
}

// Whoever hands in Secrets with their data gets none of it back.
func TestCheckLiveShowsNoSecret(t *testing.T) {
	s := site{"own.yaml": scenarioText("own", "{certManager: {enabled: false, install: false}, tls: {secret: k8secret}, trustDistribution: {enabled: false}}")}
	s["rendered.yaml"] = string(fixtures.Plain().Render(t, nil))
	cluster := readText(t, "..", "fixtures", "live", "base.yaml") +
		"---\napiVersion: v1\nkind: Secret\nmetadata: {name: k8secret, namespace: connected-registry}\ntype: Opaque\ndata: {tls.crt: bm90IGEgcmVhbCBvbmU=, password: aHVudGVyMg==}\n"
	code, stdout, stderr := s.call(t, cluster, "check", "-s", "own.yaml", "-r", "rendered.yaml", "--live", "-")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "data[tls.key]")
	assert.NotContains(t, stdout+stderr, "aHVudGVyMg")
	assert.NotContains(t, stdout+stderr, "bm90IGEg")
}

func TestCheckLiveCall(t *testing.T) {
	s := site{"own.yaml": scenarioText("own", "{}"), "rendered.yaml": string(fixtures.Plain().Render(t, nil))}
	for says, args := range map[string][]string{
		"--live needs --render":             {"--live", "-"},
		"stdin can be one of them":          {"--live", "-", "-r", "-"},
		"cannot read the render none.yaml":  {"--live", "none.yaml", "-r", "rendered.yaml"},
		"stdin holds no manifests":          {"--live", "-", "-r", "rendered.yaml"},
		"make it with the command that":     {"--live", "rendered.yaml", "-r", "rendered.yaml"},
		"cannot read the render nowhere.y:": {"--live", "-", "-r", "nowhere.y"},
	} {
		code, stdout, stderr := s.call(t, "", append([]string{"check", "-s", "own.yaml"}, args...)...)
		assert.NotZero(t, code)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, says)
	}
}

// The command is one that bash can read; a real cluster answers it in test/e2e.
func TestLiveCommand(t *testing.T) {
	code, stdout, stderr := site{}.call(t, "", "check", "--live-command")
	require.Zero(t, code, stderr)
	check := exec.Command("bash", "-n")
	check.Stdin = strings.NewReader(stdout)
	out, err := check.CombinedOutput()
	assert.NoError(t, err, string(out))
	assert.NotContains(t, stdout, "get secrets --output yaml", "nor with their data in any other form")
}
