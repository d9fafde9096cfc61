package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures/tools"
)

// tool is one that make e2e-tools has built.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := tools.Path(name)
	require.NoError(t, err)
	return path
}

// machine is one that has downloaded nothing yet: what it calls, and where helm looks.
type machine struct {
	t   *testing.T
	dir string
	env []string
}

// curl stands in for the network: it copies what was to be downloaded.
const curl = `#!/usr/bin/env bash
set -euo pipefail
while (($# > 1)); do shift; done
cp "$DIST/${1##*/v0.1.0/}" .
`

func newMachine(t *testing.T) machine {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "curl"), []byte(curl), 0o700))
	for name, as := range map[string]string{"helm-" + tools.Helm4Versions[0]: "helm", "kustomize": "kustomize"} {
		require.NoError(t, os.Symlink(tool(t, name), filepath.Join(bin, as)))
	}
	chart := exec.Command(tool(t, "chartdir"), filepath.Join(dir, "chart"))
	require.NoError(t, chart.Run())
	data, err := os.ReadFile(filepath.Join(made.root, "fixtures", "scenarios", "own-trust-distribution", "scenario.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "scenario.yaml"), data, 0o600))
	env := []string{"PATH=" + bin + ":" + filepath.Join(dir, "home", ".local", "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(dir, "home"), "DIST=" + made.out}
	return machine{t, dir, env}
}

func (m machine) run(script string) (string, error) {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = m.dir, m.env
	output, err := cmd.CombinedOutput()
	return string(output), err
}

const helmTemplate = "helm template connected-registry chart --namespace connected-registry --kube-version 1.31.0 --no-hooks " +
	"--set connectionString=none --post-renderer connected-registry-scenario --post-renderer-args=--scenario=scenario.yaml"

var pageBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// docs/install.md from the download to each host, on a machine that has the hosts.
func TestInstallPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(made.root, "docs", "install.md"))
	require.NoError(t, err)
	m := newMachine(t)
	var script strings.Builder
	for _, block := range pageBlock.FindAllStringSubmatch(string(page), -1) {
		switch text := block[1]; {
		case strings.HasPrefix(text, "make dist"), strings.HasPrefix(text, "go install"), strings.HasPrefix(text, "mkdir image"):
			// What made the release, TestGoInstall, and test/e2e/image, which has a registry.
		default:
			script.WriteString(text)
		}
	}
	said, err := m.run(script.String())
	require.NoError(t, err, said)
	assert.Contains(t, said, `gpgv: Good signature from "a test <test@example.com>"`)
	assert.Contains(t, said, name+"_0.1.0_linux_amd64.tar.gz: OK")
	assert.Contains(t, said, name+" version v0.1.0\n")
	assert.Regexp(t, `Signed by:\s+a test <test@example.com>`, said)

	rendered, err := m.run(helmTemplate)
	require.NoError(t, err, rendered)
	assert.Contains(t, rendered, "connectedregistry.dev/scenario: own-trust-distribution")
	built, err := m.run(`mkdir overlay
cp ` + filepath.Join(made.root, "fixtures", "demo.yaml") + ` overlay/rendered.yaml
cp scenario.yaml overlay
printf 'resources: [rendered.yaml]\ntransformers: [scenario.yaml]\n' >overlay/kustomization.yaml
kustomize build --enable-alpha-plugins overlay`)
	require.NoError(t, err, built)
	assert.Contains(t, built, "connectedregistry.dev/scenario: own-trust-distribution")
}

// Helm refuses a package that is not what was signed, and one of another signer.
func TestTamperedHelmPlugin(t *testing.T) {
	for what, tamper := range map[string]func(m machine, archive string){
		"archive": func(m machine, archive string) {
			f, err := os.OpenFile(archive, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(m.t, err)
			_, err = io.WriteString(f, "more")
			require.NoError(m.t, err)
			require.NoError(m.t, f.Close())
		},
		"key": func(m machine, _ string) {
			key, err := throwAwayKey(m.dir)
			require.NoError(m.t, err)
			other, err := readKey(key)
			require.NoError(m.t, err)
			f, err := os.Create(filepath.Join(m.dir, "key.gpg"))
			require.NoError(m.t, err)
			require.NoError(m.t, other.Serialize(f))
			require.NoError(m.t, f.Close())
		},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMachine(t)
			_, err := m.run(`cp "$DIST"/helm-plugin/linux_amd64/* . && cp "$DIST"/*.gpg key.gpg`)
			require.NoError(t, err)
			tamper(m, filepath.Join(m.dir, name+"-0.1.0.tgz"))
			said, err := m.run("helm plugin install ./" + name + "-0.1.0.tgz --keyring key.gpg")
			require.Error(t, err, said)
			assert.Contains(t, said, "verif")
			listed, err := m.run("helm plugin list")
			require.NoError(t, err, listed)
			assert.NotContains(t, listed, name)
		})
	}
}
