package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every block of docs/settings.md is run, or compared with what the one before it
// wrote: text with stderr, yaml with stdout.
func TestSettingsPage(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(program(t), filepath.Join(bin, "connected-registry-scenario")))

	var stdout, stderr string
	for _, b := range blocksOf(t, "docs/settings.md") {
		switch b.language {
		case "json":
			require.NoError(t, os.WriteFile(filepath.Join(dir, "protected-settings-extension.json"), []byte(b.text), 0o600))
		case "sh":
			cmd := exec.Command("bash", "-uo", "pipefail", "-c", b.text)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			stdout, stderr, _ = command(t, cmd) // its errors are on the page
		case "text":
			assert.Equal(t, b.text, stderr)
		case "yaml":
			assert.Equal(t, b.text, stdout)
		default:
			assert.Failf(t, "a block that no test looks at", "%s:\n%s", b.language, b.text)
		}
	}
}
