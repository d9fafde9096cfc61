package plugin_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// docs/inspect.md from top to bottom, on a render of a documented scenario.
func TestInspectPage(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"rendered.yaml": string(fixtures.Plain().Render(t, fixtures.Rows()[1].Values))})
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(program(t), filepath.Join(dir, "bin", "connected-registry-scenario")))
	r := &reader{t: t, dir: dir, env: append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))}
	for _, s := range sectionsOf(t, "docs/inspect.md") {
		r.follow(s)
	}
	assert.Empty(t, r.written, "files that no command names")
	assertLinks(t, "docs/inspect.md")
}
