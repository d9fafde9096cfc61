package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// install runs the real program: it installs itself.
func install(t *testing.T, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(program(t), append([]string{"install", "kustomize-plugin"}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	return command(t, cmd)
}

// Wherever it is installed, the real kustomize finds it there.
func TestInstallKustomizePlugin(t *testing.T) {
	kustomize := fixtures.Tool(t, "kustomize")
	v := fixtures.Plain()
	c := hostCase{variant: v, dir: scenarioDir(t, "kubernetes-secret"), input: v.Render(t, nil)}
	overlay(t, c)
	for _, place := range []struct {
		name string
		env  func(dir string) []string
		want string
	}{
		{"KUSTOMIZE_PLUGIN_HOME", func(dir string) []string {
			return []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/xdg", "KUSTOMIZE_PLUGIN_HOME=" + dir + "/plugins"}
		}, "plugins"},
		{"XDG_CONFIG_HOME", func(dir string) []string { return []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir + "/xdg"} }, "xdg/kustomize/plugin"},
		{"HOME", func(dir string) []string { return []string{"HOME=" + dir} }, ".config/kustomize/plugin"},
	} {
		t.Run(place.name, func(t *testing.T) {
			dir := t.TempDir()
			env := place.env(dir)
			target := filepath.Join(dir, place.want, legacyPath)
			stdout, stderr, err := install(t, env)
			require.NoError(t, err, stderr)
			assert.Equal(t, "Installed "+target+" (test).\nkustomize runs it with: kustomize build --enable-alpha-plugins DIR\n", stdout)
			assert.Empty(t, stderr)

			stdout, stderr, err = install(t, env)
			require.NoError(t, err, stderr)
			assert.Equal(t, target+" is installed already, in this version (test).\n", stdout)

			build := exec.Command(kustomize, "build", "--enable-alpha-plugins", c.dir)
			build.Env = env
			stdout, stderr, err = command(t, build)
			require.NoError(t, err, stderr)
			assert.Contains(t, stdout, "connectedregistry.dev/scenario: kubernetes-secret")

			stdout, stderr, err = install(t, env, "--uninstall")
			require.NoError(t, err, stderr)
			assert.Equal(t, "Removed "+target+".\n", stdout)
			left, err := os.ReadDir(filepath.Join(dir, place.want))
			require.NoError(t, err, "kustomize's own folder stays")
			assert.Empty(t, left)

			stdout, stderr, err = install(t, env, "--uninstall")
			require.NoError(t, err, stderr)
			assert.Equal(t, target+" is not there; nothing was removed.\n", stdout)
		})
	}
}

// What somebody else put there stays, byte for byte.
func TestInstallLeavesForeignFilesAlone(t *testing.T) {
	home := t.TempDir()
	env := []string{"HOME=" + home, "KUSTOMIZE_PLUGIN_HOME=" + home}
	target := filepath.Join(home, legacyPath)
	writeFiles(t, home, map[string]string{legacyPath: "#!/bin/sh\ncat\n"})
	for _, args := range [][]string{nil, {"--uninstall"}} {
		_, stderr, err := install(t, env, args...)
		require.Error(t, err)
		assert.Contains(t, stderr, target+" is there and is not connected-registry-scenario: it is not touched; move it away")
		text, err := os.ReadFile(target)
		require.NoError(t, err)
		assert.Equal(t, "#!/bin/sh\ncat\n", string(text))
	}

	require.NoError(t, os.Remove(target))
	require.NoError(t, os.Symlink("nowhere", target))
	_, stderr, err := install(t, env)
	require.Error(t, err)
	assert.Contains(t, stderr, "a link that leads nowhere")

	// A folder that holds something else stays as well.
	require.NoError(t, os.Remove(target))
	_, stderr, err = install(t, env)
	require.NoError(t, err, stderr)
	writeFiles(t, home, map[string]string{"connectedregistry.dev/other": "x"})
	_, stderr, err = install(t, env, "--uninstall")
	require.NoError(t, err, stderr)
	left, err := os.ReadDir(filepath.Join(home, "connectedregistry.dev"))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// Another version, or the link that make build leaves, is brought up to date.
func TestInstallBringsUpToDate(t *testing.T) {
	home := t.TempDir()
	env := []string{"HOME=" + home, "KUSTOMIZE_PLUGIN_HOME=" + home}
	target := filepath.Join(home, legacyPath)
	require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o700))
	require.NoError(t, os.Symlink(program(t), target))
	stdout, stderr, err := install(t, env)
	require.NoError(t, err, stderr)
	assert.Equal(t, "Brought up to date: "+target+" (test).\nkustomize runs it with: kustomize build --enable-alpha-plugins DIR\n", stdout)
	info, err := os.Lstat(target)
	require.NoError(t, err)
	assert.True(t, info.Mode().IsRegular())
	left, err := os.ReadDir(filepath.Dir(target))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file is left")

	require.NoError(t, os.Chmod(target, 0o600))
	stdout, stderr, err = install(t, env)
	require.NoError(t, err, stderr)
	assert.Contains(t, stdout, "Brought up to date: ")
}

// kustomize takes its plugins from one folder only.
func TestInstallSaysWhatItHides(t *testing.T) {
	home := t.TempDir()
	usual := filepath.Join(home, ".config", "kustomize", "plugin")
	require.NoError(t, os.MkdirAll(usual, 0o700))
	stated := filepath.Join(home, "stated")
	_, stderr, err := install(t, []string{"HOME=" + home, "KUSTOMIZE_PLUGIN_HOME=" + stated})
	require.NoError(t, err)
	assert.Equal(t, "warning: kustomize takes its plugins from "+stated+" from now on, and no longer from "+usual+"\n", stderr)
}

func TestInstallUsage(t *testing.T) {
	for _, args := range [][]string{{"install"}, {"install", "nonsense"}, {"install", "kustomize-plugin", "x"}, {"install", "kustomize-plugin", "--no"}} {
		code, stdout, stderr := run(t, nil, nil, nil, args...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "error: ")
	}
}
