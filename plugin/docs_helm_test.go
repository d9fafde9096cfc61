package plugin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// helmPage is docs/helm.md by its sections of the second level.
func helmPage(t *testing.T) map[string][]block {
	t.Helper()
	sections := map[string][]block{}
	title := ""
	for _, s := range sectionsOf(t, "docs/helm.md") {
		if s.level == 2 {
			title = s.title
		}
		if len(s.blocks) > 0 {
			sections[title] = append(sections[title], s.blocks...)
		}
	}
	return sections
}

// helmDesk is a directory and a home as a reader of the page has them, with one helm.
func helmDesk(t *testing.T, helm string) func(script string) (stdout, stderr string, err error) {
	t.Helper()
	dir, env := desk(t, []string{ownTrust, ownTrust}, "")
	wrapper := filepath.Join(dir, "bin", "helm")
	text, err := os.ReadFile(wrapper)
	require.NoError(t, err)
	text = []byte(strings.ReplaceAll(string(text), fixtures.Tool(t, "helm"), helm))
	// Only template knows the flag that desk appends.
	text = []byte(strings.Replace(string(text), "exec ", "[[ $1 == template ]] || exec "+helm+" \"${args[@]}\"\nexec ", 1))
	require.NoError(t, os.WriteFile(wrapper, text, 0o700))
	require.NoError(t, os.Symlink(pluginDist(t), filepath.Join(dir, "dist")))
	for _, name := range []string{"HELM_DATA_HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_PLUGINS", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		env = without(env, name)
	}
	env = append(without(env, "HOME"), "HOME="+filepath.Join(dir, "home"))
	return func(script string) (string, string, error) {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = dir, env
		return command(t, cmd)
	}
}

func without(env []string, name string) []string {
	var kept []string
	for _, variable := range env {
		if !strings.HasPrefix(variable, name+"=") {
			kept = append(kept, variable)
		}
	}
	return kept
}

const ownTrust = "apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: own-trust\n" +
	"spec:\n  certManager: {enabled: false, install: false}\n  tls: {secret: k8secret}\n  trustDistribution: {enabled: false}\n"

// Every command of docs/helm.md is run by the helm that its section is about.
func TestHelmPage(t *testing.T) {
	sections := helmPage(t)
	assert.Len(t, sections, 2, "a section with blocks that no test looks at")

	run3 := helmDesk(t, fixtures.Tool(t, "helm"))
	for _, b := range sections["Helm 3"] {
		require.Equal(t, "sh", b.language)
		stdout, stderr, err := run3(b.text)
		require.NoError(t, err, "%s\n%s", b.text, stderr)
		assert.Contains(t, stdout, "connectedregistry.dev/scenario: own-trust", b.text)
		assert.Equal(t, strings.Contains(b.text, " plan "), strings.Contains(stdout, "warning: helm: Helm 3 gives no hooks"), b.text)
	}

	run4 := helmDesk(t, helm4Binary(t, helm4Versions[0]))
	seen := map[string]bool{}
	for _, b := range sections["Helm 4"] {
		if b.language == "text" {
			assertHelm4Says(t, run4, b.text)
			continue
		}
		if b.text == "make plugin\n" {
			continue // that is how pluginDist makes dist/
		}
		script := b.text
		if strings.Contains(script, "--verify=false") {
			script = "helm plugin uninstall connected-registry-scenario\n" + script // it is the other way of the two
		}
		stdout, stderr, err := run4(script)
		require.NoError(t, err, "%s\n%s", script, stderr)
		for says, command := range map[string]string{
			"Installed plugin: connected-registry-scenario": "helm plugin install",
			"connectedregistry.dev/scenario: own-trust":     "helm template",
			"outcome:   ":               "cat ",
			"postrenderer/v1\tv1":       "helm plugin list",
			"Skipping plugin signature": "--verify=false",
		} {
			if strings.Contains(script, command) {
				assert.Contains(t, stdout+stderr, says, script)
				seen[command] = true
			}
		}
	}
	assert.Len(t, seen, 5)
}

// assertHelm4Says: what the page shows of a failure is what Helm 4 says.
func assertHelm4Says(t *testing.T, run func(string) (string, string, error), text string) {
	t.Helper()
	_, stderr, err := run(`mkdir -p failing && cd failing
printf 'apiVersion: connectedregistry.dev/v1alpha1\nkind: ConnectedRegistryScenario\nmetadata:\n  name: x\nspec:\n  mod: ReadOnly\n' >scenario.yaml
helm template connected-registry ` + publicChart + ` --values ../values.yaml --post-renderer connected-registry-scenario --post-renderer-args=--scenario=scenario.yaml`)
	require.Error(t, err)
	assert.Contains(t, stderr, text)
}
