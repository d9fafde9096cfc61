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
	"github.com/connected-registry/scenario/scenario"
)

// block is a fenced block of a Markdown page.
type block struct{ language, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func blocksOf(t *testing.T, page string) []block {
	t.Helper()
	var blocks []block
	for _, s := range sectionsOf(t, page) {
		blocks = append(blocks, s.blocks...)
	}
	require.NotEmpty(t, blocks)
	return blocks
}

const publicChart = "oci://mcr.microsoft.com/acr/connected-registry/chart"

// desk is a directory as a reader of the README has it: the program, helm and
// kustomize on the PATH, the chart where it is published, the page's own files.
func desk(t *testing.T, scenarios []string, kustomization string) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	chart := fixtures.Plain().ChartDir(t)
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
	}
	// The chart cannot be fetched here: the stand-in takes its place.
	write("bin/helm", `#!/usr/bin/env bash
args=()
for arg in "$@"; do args+=("${arg/#`+strings.ReplaceAll(publicChart, "/", `\/`)+`/`+chart+`}"); done
exec `+fixtures.Tool(t, "helm")+` "${args[@]}" --kube-version `+fixtures.KubeVersion+"\n", 0o700)
	require.NoError(t, os.Symlink(fixtures.Tool(t, "kustomize"), filepath.Join(dir, "bin", "kustomize")))
	require.NoError(t, os.Symlink(program(t), filepath.Join(dir, "bin", "connected-registry-scenario")))
	write("values.yaml", "connectionString: "+fixtures.ConnectionString+"\n", 0o600)
	write("scenario.yaml", scenarios[0], 0o600)
	for name, text := range map[string]string{"overlay": scenarios[0], "overlay-exec": scenarios[1]} {
		write(name+"/scenario.yaml", text, 0o600)
		write(name+"/kustomization.yaml", kustomization, 0o600)
		write(name+"/rendered.yaml", string(fixtures.Plain().Render(t, nil)), 0o600)
	}
	return dir, append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "KUSTOMIZE_PLUGIN_HOME="+filepath.Join(dir, "plugins"))
}

// Every block of the README is decoded or run, as a reader would.
func TestReadme(t *testing.T) {
	var scenarios, scripts []string
	var kustomization string
	for _, b := range blocksOf(t, "README.md") {
		switch {
		case b.language == "sh":
			scripts = append(scripts, b.text)
		case strings.Contains(b.text, "kind: "+scenario.Kind):
			scenarios = append(scenarios, b.text)
			layer, err := scenario.Decode("README.md", []byte(b.text))
			require.NoError(t, err)
			require.NoError(t, layer.Validate())
		case strings.Contains(b.text, "kind: Kustomization"):
			kustomization = b.text
		default:
			assert.Failf(t, "a block that no test looks at", "%s:\n%s", b.language, b.text)
		}
	}
	dir, env := desk(t, scenarios, kustomization)
	for _, script := range scripts {
		if strings.HasPrefix(script, "make") {
			assertCIRuns(t, script)
			continue
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = dir, env
		stdout, stderr, err := command(t, cmd)
		require.NoError(t, err, "%s\n%s", script, stderr)
		if strings.Contains(script, " check ") || strings.Contains(script, " verify ") {
			assert.NotEmpty(t, stdout+stderr)
			continue
		}
		assert.Contains(t, stdout, "connectedregistry.dev/scenario: own-", script)
	}
}

// assertCIRuns: make's commands are too large for a test, and are what CI runs on a
// machine that has nothing else.
func assertCIRuns(t *testing.T, script string) {
	t.Helper()
	ci := readText(t, "..", ".ci", "bare")
	for line := range strings.Lines(script) {
		assert.Contains(t, ci, "\n"+line)
	}
}

// Links between the project's own pages lead somewhere, to headings too.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "kustomization-examples/*.md", "kustomization-examples/*/*.md"} {
		pages, err := filepath.Glob(filepath.Join("..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, pages, pattern)
		for _, page := range pages {
			assertLinks(t, strings.TrimPrefix(page, "../"))
		}
	}
}
