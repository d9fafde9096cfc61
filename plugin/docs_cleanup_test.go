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

// docs/cleanup.md from top to bottom: every command is run, and every text is in the
// script that the command before it wrote. Of helm, what a cluster would answer is what
// the scenario makes of the chart.
func TestCleanupPage(t *testing.T) {
	s := documented(t)
	row := fixtures.Rows()[1]
	scenario := s[row.Name+".yaml"]
	dir, env := desk(t, []string{scenario, scenario}, "resources: [rendered.yaml]\ntransformers: [scenario.yaml]\n")
	lists := map[bool]string{}
	for document := range strings.SplitSeq(installed(t, s, fixtures.Plain(), row), "\n---\n") {
		lists[strings.Contains(document, "helm.sh/hook")] += document + "\n---\n"
	}
	writeFiles(t, dir, map[string]string{
		"deployed.yaml": lists[false], "hooks.yaml": lists[true],
		"bin/helm": "#!/usr/bin/env bash\n[[ $1 == get ]] && case $2 in manifest) cat deployed.yaml ;; hooks) cat hooks.yaml ;; esac\n",
	})
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "helm"), 0o700))
	plugins := filepath.Join(dir, "plugins", "connectedregistry.dev", "v1alpha1", "connectedregistryscenario")
	require.NoError(t, os.MkdirAll(plugins, 0o700))
	require.NoError(t, os.Symlink(program(t), filepath.Join(plugins, "ConnectedRegistryScenario")))
	for _, b := range blocksOf(t, "docs/cleanup.md") {
		if b.language == "text" {
			assert.Contains(t, written(t, dir), b.text)
			continue
		}
		require.Equal(t, "sh", b.language)
		_, stderr, err := shell(t, dir, env, b.text)
		require.NoError(t, err, "%s\n%s", b.text, stderr)
	}
	for _, name := range []string{"cleanup-arc.sh", "cleanup-kubectl.sh", "cleanup-flux.sh"} {
		assert.Contains(t, readText(t, dir, name), "set -euo pipefail\n", name)
	}
}

// written is what the scripts of a directory hold.
func written(t *testing.T, dir string) string {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join(dir, "cleanup*.sh"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	text := ""
	for _, script := range scripts {
		text += readText(t, script)
	}
	return text
}

// docs/live.md: the command that it shows is the one that the program prints, and the
// answer one that the program gives. What kubectl prints is the fixture's; test/e2e has
// a cluster.
func TestLivePage(t *testing.T) {
	blocks := blocksOf(t, "docs/live.md")
	require.Len(t, blocks, 3)
	_, printed, _ := site{}.call(t, "", "check", "--live-command")
	assert.Equal(t, printed, blocks[2].text)

	c := fixtures.Case{Name: "live/secret-without-a-ca", Dir: filepath.Join("..", "fixtures", "live", "secret-without-a-ca")}
	dir, env := desk(t, []string{string(c.Read(t, "scenario.yaml")), ""}, "")
	writeFiles(t, dir, map[string]string{
		"rendered.yaml": string(fixtures.Plain().Render(t, nil)), "cluster.yaml": clusterOf(t, c),
		"bin/kubectl": "#!/usr/bin/env bash\n[[ \"$*\" != *namespaces,* ]] || cat cluster.yaml\n",
	})
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin", "kubectl"), 0o700))
	_, stderr, err := shell(t, dir, env, blocks[0].text)
	require.Error(t, err)
	assert.Contains(t, stderr, blocks[1].text)
}
