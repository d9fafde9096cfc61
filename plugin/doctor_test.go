package plugin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin"
)

// machine is one as doctor sees it: files below dir, and what programs answer.
type machine struct {
	dir     string
	answers map[string]string // by path below dir and arguments; "!" before an error
	width   int
}

func newMachine(t *testing.T) *machine {
	return &machine{dir: t.TempDir(), answers: map[string]string{}}
}

// program puts a program on the PATH.
func (m *machine) program(t *testing.T, name string, answers map[string]string) {
	t.Helper()
	path := filepath.Join(m.dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, nil, 0o700))
	for args, answer := range answers {
		m.answers[path+" "+args] = answer
	}
}

func (m *machine) doctor(t *testing.T, args ...string) (code int, stdout string) {
	t.Helper()
	plugin.Version = testVersion
	env := map[string]string{"PATH": filepath.Join(m.dir, "bin") + ":" + filepath.Join(m.dir, "bin2"), "HOME": m.dir}
	var out, errOut bytes.Buffer
	code = plugin.Main(append([]string{"doctor"}, args...), plugin.Streams{In: strings.NewReader(""), Out: &out, Err: &errOut}, plugin.Host{
		LookupEnv:  func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		ReadFile:   os.ReadFile,
		Getwd:      func() (string, error) { return m.dir, nil },
		Now:        func() time.Time { return fixtures.Now },
		IsTerminal: func(any) bool { return m.width > 0 },
		Width:      func(any) int { return m.width },
		Run: func(ctx context.Context, path string, args ...string) ([]byte, error) {
			if _, limited := ctx.Deadline(); !limited {
				return nil, errors.New("no time limit")
			}
			answer, ok := m.answers[path+" "+strings.Join(args, " ")]
			if text, failed := strings.CutPrefix(answer, "!"); failed || !ok {
				return nil, fmt.Errorf("exit status 1 %s", text)
			}
			return []byte(answer + "\n"), nil
		},
	})
	assert.Empty(t, errOut.String())
	return code, strings.ReplaceAll(out.String(), m.dir, "~")
}

func TestDoctorOnAnEmptyMachine(t *testing.T) {
	code, stdout := newMachine(t).doctor(t)
	assert.Zero(t, code)
	assert.Equal(t, `ok     connected-registry-scenario: version test
warn   helm: not on the PATH
warn   kustomize: not on the PATH
warn   kustomize plugin: not installed, and kustomize finds no folder of plugins
       fix: run: connected-registry-scenario install kustomize-plugin
`, stdout)
}

const (
	helm4Descriptor = "apiVersion: v1\ntype: postrenderer/v1\nname: connected-registry-scenario\nversion: 1.2.3\nruntime: subprocess\n"
	helm3Descriptor = "name: other\nversion: 1.2.3\ncommand: echo\n"
)

// Both majors share a folder of plugins, which Helm 3 cannot read any more.
func TestDoctorHelm(t *testing.T) {
	m := newMachine(t)
	plugins := filepath.Join(m.dir, "plugins")
	m.program(t, "bin/helm", map[string]string{"version --short": "v4.3.1+gabc", "env HELM_PLUGINS": plugins})
	m.program(t, "bin2/helm", map[string]string{"version --short": "v3.22.0+gdef", "env HELM_PLUGINS": plugins})
	require.NoError(t, os.Symlink("helm", filepath.Join(m.dir, "bin2", "helm3")))

	code, stdout := m.doctor(t)
	assert.Zero(t, code)
	assert.Contains(t, stdout, "warn   helm 4: ~/bin/helm is v4.3.1+gabc, and has no plugin connected-registry-scenario; it takes post-renderers from plugins only\n       fix: ")
	assert.Contains(t, stdout, "ok     helm 3: ~/bin2/helm is v3.22.0+gdef\n       use: --post-renderer connected-registry-scenario --post-renderer-args=--scenario=FILE\n")
	assert.Equal(t, 1, strings.Count(stdout, "helm 3: "), "a link is no other helm")

	writeFiles(t, plugins, map[string]string{"ours/plugin.yaml": helm4Descriptor, "other/plugin.yaml": helm3Descriptor})
	code, stdout = m.doctor(t)
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "ok     helm 4: ~/bin/helm is v4.3.1+gabc, and has the plugin connected-registry-scenario\n")
	assert.Contains(t, stdout, "error  helm 3: ~/plugins/ours/plugin.yaml is the descriptor of a Helm 4 plugin (apiVersion: v1); Helm 3 cannot read it, and then loads no plugin at all\n       fix: ")
	assert.NotContains(t, stdout, "other/plugin.yaml")

	code, encoded := m.doctor(t, "--output", "json")
	assert.Equal(t, 1, code)
	var findings []map[string]string
	require.NoError(t, json.Unmarshal([]byte(encoded), &findings))
	assert.Equal(t, "connected-registry-scenario", findings[0]["subject"])

	m.answers[filepath.Join(m.dir, "bin/helm")+" version --short"] = "v5.0.0"
	m.answers[filepath.Join(m.dir, "bin2/helm")+" version --short"] = "!broken"
	_, stdout = m.doctor(t)
	assert.Contains(t, stdout, "warn   helm: ~/bin/helm is v5.0.0, which this program was not tested with\n")
	assert.Contains(t, stdout, "warn   helm: ~/bin2/helm does not tell its version: exit status 1 broken\n")
}

// What doctor says of the two majors is so: a real Helm 3 lists no plugin once a
// Helm 4 plugin lies among them.
func TestDoctorIsRightAboutHelm3(t *testing.T) {
	helm, plugins := fixtures.Tool(t, "helm"), t.TempDir()
	list := func() (string, string) {
		cmd := exec.Command(helm, "plugin", "list")
		cmd.Env = append(os.Environ(), "HELM_PLUGINS="+plugins)
		stdout, stderr, _ := command(t, cmd)
		return stdout, stderr
	}
	writeFiles(t, plugins, map[string]string{"other/plugin.yaml": helm3Descriptor})
	stdout, _ := list()
	assert.Contains(t, stdout, "other")
	writeFiles(t, plugins, map[string]string{"ours/plugin.yaml": helm4Descriptor})
	stdout, stderr := list()
	assert.NotContains(t, stdout, "other")
	assert.Contains(t, stderr, "failed to load plugin")

	path := filepath.Join(t.TempDir(), "helm")
	require.NoError(t, os.Symlink(helm, path))
	doctor := exec.Command(program(t), "doctor")
	doctor.Env = []string{"PATH=" + filepath.Dir(path), "HOME=" + plugins, "HELM_PLUGINS=" + plugins}
	stdout, _, err := command(t, doctor)
	require.Error(t, err)
	assert.Contains(t, stdout, "error  helm 3: "+plugins+"/ours/plugin.yaml is the descriptor of a Helm 4 plugin")
}

func TestDoctorKustomize(t *testing.T) {
	m := newMachine(t)
	m.program(t, "bin/kustomize", map[string]string{"version": "v5.8.2"})
	m.program(t, "bin/kubectl", map[string]string{"version --client --output json": `{"kustomizeVersion": "v5.5.0"}`})
	_, stdout := m.doctor(t)
	assert.Contains(t, stdout, "ok     kustomize: ~/bin/kustomize is v5.8.2\n       use: kustomize build --enable-alpha-plugins DIR, and for a KRM function --enable-exec as well")
	assert.Contains(t, stdout, "ok     kubectl: ~/bin/kubectl has kustomize v5.5.0 built in, which runs the legacy plugin and no KRM exec function\n")
	m.program(t, "bin/kustomize", map[string]string{"version": "gibberish\nmore"})
	m.program(t, "bin/kubectl", map[string]string{"version --client --output json": "{}"})
	_, stdout = m.doctor(t)
	assert.Contains(t, stdout, `warn   kustomize: ~/bin/kustomize does not tell its version: it says "gibberish"`)
	assert.Contains(t, stdout, `warn   kubectl: ~/bin/kubectl does not tell its version: it says "{}"`)
}

func TestDoctorLegacyPlugin(t *testing.T) {
	m := newMachine(t)
	home := filepath.Join(m.dir, ".config", "kustomize", "plugin")
	target := filepath.Join(home, legacyPath)
	writeFiles(t, home, map[string]string{"somebody/else": ""})
	_, stdout := m.doctor(t)
	assert.Contains(t, stdout, "warn   kustomize plugin: not installed: kustomize looks for ~/.config/kustomize/plugin/"+legacyPath+"\n")

	writeFiles(t, home, map[string]string{legacyPath: "#!/bin/sh\n"})
	code, stdout := m.doctor(t)
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "error  kustomize plugin: ~/.config/kustomize/plugin/"+legacyPath+" is there and is not connected-registry-scenario; kustomize runs it for every scenario\n")

	require.NoError(t, os.Remove(target))
	require.NoError(t, os.Symlink(program(t), target))
	m.answers[target+" version"] = "connected-registry-scenario version test"
	code, stdout = m.doctor(t)
	assert.Zero(t, code)
	assert.Contains(t, stdout, "ok     kustomize plugin: ~/.config/kustomize/plugin/"+legacyPath+" is this version\n")

	m.answers[target+" version"] = "connected-registry-scenario version v0.9"
	_, stdout = m.doctor(t)
	assert.Contains(t, stdout, " is version v0.9, and this is test\n       fix: run: connected-registry-scenario install kustomize-plugin\n")
}

// Each example is what doctor says it is, and so is a function.
func TestDoctorKustomization(t *testing.T) {
	m := newMachine(t)
	m.program(t, "bin/connected-registry-scenario", nil)
	require.NoError(t, os.CopyFS(filepath.Join(m.dir, "examples"), os.DirFS(examplesDir)))
	code, stdout := m.doctor(t, filepath.Join(m.dir, "examples", "components"))
	assert.Zero(t, code)
	for _, name := range []string{"address", "storage", "certificate", "trust"} {
		assert.Contains(t, stdout, "ok     ~/examples/components/"+name+"/scenario.yaml ("+name+"): runs as a legacy plugin\n       use: kustomize build --enable-alpha-plugins DIR\n")
	}
	assert.NotContains(t, stdout, "lists no scenario")

	for function, want := range map[string]string{
		"connected-registry-scenario":           "warn   ~/examples/http/scenario.yaml (http): runs as a KRM function; with --enable-alpha-plugins alone kustomize skips it",
		"../../bin/connected-registry-scenario": "warn   ~/examples/http/scenario.yaml (http): runs as a KRM function; ",
		"./nowhere":                             "error  ~/examples/http/scenario.yaml (http): runs ./nowhere, which is not there\n",
		"":                                      "error  ~/examples/http/scenario.yaml (http): its annotation config.kubernetes.io/function names no exec path\n",
	} {
		text, err := os.ReadFile(filepath.Join(examplesDir, "http", "scenario.yaml"))
		require.NoError(t, err)
		writeFiles(t, m.dir, map[string]string{"examples/http/scenario.yaml": asFunction(t, string(text), function)})
		code, stdout = m.doctor(t, filepath.Join(m.dir, "examples", "http"))
		assert.Contains(t, stdout, want)
		assert.Equal(t, strings.HasPrefix(want, "error"), code == 1)
	}

	// A scenario written into the kustomization, one without any, and none at all.
	writeFiles(t, m.dir, map[string]string{
		"inline/kustomization.yaml": "transformers:\n- |\n  apiVersion: connectedregistry.dev/v1alpha1\n  kind: ConnectedRegistryScenario\n  metadata: {name: inline}\n",
		"empty/Kustomization":       "resources: []\n",
		"broken/kustomization.yml":  "a: [\n",
	})
	for dir, want := range map[string]string{
		"inline":  "ok     ~/inline (inline): runs as a legacy plugin\n",
		"empty":   "warn   ~/empty: lists no scenario\n",
		"broken":  "error  ~/broken/kustomization.yml: no YAML: ",
		"nowhere": "error  ~/nowhere: there is no kustomization in it\n",
	} {
		_, stdout = m.doctor(t, filepath.Join(m.dir, dir))
		assert.Contains(t, stdout, want)
	}
}

// A program that does not answer is given up.
func TestDoctorTimeLimit(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := plugin.System().Run(ctx, "sh", "-c", "sleep 30 & sleep 30")
	require.Error(t, err)
	assert.Less(t, time.Since(begin), 10*time.Second)
}

func TestDoctorOnANarrowTerminal(t *testing.T) {
	m := newMachine(t)
	m.width = 50
	_, stdout := m.doctor(t)
	for line := range strings.Lines(strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[0m", "").Replace(stdout)) {
		assert.LessOrEqual(t, len(line), 51, line)
	}
}
