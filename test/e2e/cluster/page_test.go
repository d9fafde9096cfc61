package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// page is docs/cluster.md.
func page(t *testing.T) string {
	t.Helper()
	return readFile(t, filepath.Join("..", "..", "..", "docs", "cluster.md"))
}

// documented asserts that a server says something, and that docs/cluster.md shows it.
func documented(t *testing.T, want, got string) {
	t.Helper()
	assert.Contains(t, got, want)
	assert.Contains(t, lines(blocks(t, "text")), want, "docs/cluster.md does not tell")
	shown.Store(want, true)
}

// shown are the lines of the page that a test has seen a server say.
var shown sync.Map

// lines are the lines of all blocks.
func lines(blocks []string) []string { return strings.Split(strings.Join(blocks, "\n"), "\n") }

// blocks are the page's fenced blocks in a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var all []string
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)\n```$").FindAllStringSubmatch(page(t), -1) {
		require.Contains(t, []string{"sh", "text"}, m[1], "a block that no test looks at")
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	require.NotEmpty(t, all)
	return all
}

const publicChart = "oci://mcr.microsoft.com/acr/connected-registry/chart"

// runPage runs the page's commands as a reader would who has the documentation's
// release in mind: helm, kubectl and our program on the PATH, and the stand-in where
// the chart is published.
func runPage(t *testing.T, c *parts.Cluster) {
	t.Helper()
	dir, v := t.TempDir(), fixtures.Plain()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700))
	}
	write("bin/helm", "#!/usr/bin/env bash\nargs=()\nfor arg in \"$@\"; do args+=(\"${arg/#"+strings.ReplaceAll(publicChart, "/", `\/`)+"/"+v.ChartDir(t)+"}\"); done\n"+
		"exec "+fixtures.Tool(t, "helm")+" \"${args[@]}\"\n")
	require.NoError(t, os.Symlink(parts.Tool(t, "kubectl"), filepath.Join(dir, "bin", "kubectl")))
	require.NoError(t, os.Symlink(fixtures.Program(t), filepath.Join(dir, "bin", "connected-registry-scenario")))
	write("scenario.yaml", readFile(t, filepath.Join("..", "..", "..", "fixtures", "scenarios", "secure-by-default", "scenario.yaml")))
	// The Job that waits for the webhook would wait for a node.
	write("values.yaml", "connectionString: "+fixtures.ConnectionString+"\ncert-manager: {startupapicheck: {enabled: false}}\n")
	t.Cleanup(func() { (&release{cluster: c, variant: v}).clean(t) })
	for _, script := range blocks(t, "sh") {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "KUBECONFIG="+c.Kubeconfig, "HOME="+dir)
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", script, output)
	}
}
