package plugin

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// helm4Run is a call by Helm 4 and what it left.
type helm4Run struct {
	outcome
	report, terminal string
}

var underHelm4 = map[string]string{helmPluginEnv: name, helmDirEnv: "/plugins/" + name}

// callAsHelm4 runs the descriptor's command in a directory with all scenarios.
func callAsHelm4(t *testing.T, env map[string]string, stdin string, out io.Writer, args ...string) helm4Run {
	t.Helper()
	w := at(t)
	var got helm4Run
	var stdout, stderr, terminal bytes.Buffer
	if out == nil {
		out = &stdout
	}
	got.code = Main(append([]string{helm4Command}, args...), Streams{In: strings.NewReader(stdin), Out: out, Err: &stderr}, Host{
		LookupEnv:    func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		ReadFile:     func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(w.dir, path)) },
		Getwd:        func() (string, error) { return "/here", nil },
		Now:          func() time.Time { return fixtures.Now },
		IsTerminal:   func(any) bool { return false },
		Width:        func(any) int { return 0 },
		SaveReport:   func(text string) error { got.report = text; return nil },
		OpenTerminal: func() (io.WriteCloser, error) { return nopCloser{&terminal}, nil },
	})
	got.out, got.errOut, got.terminal = stdout.String(), stderr.String(), terminal.String()
	return got
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// helm4Stream is the stream as Helm 4 hands it over.
func helm4Stream() string {
	return strings.ReplaceAll(stream, "  namespace: site\n", "  namespace: site\n  annotations:\n    "+helm4Filename+": 'edge/templates/all.yaml'\n")
}

func TestHelm4Refuses(t *testing.T) {
	got := callAsHelm4(t, underHelm4, helm4Stream(), nil, "-s", "broken.yaml")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, "|2-\n  connected-registry-scenario: nothing was patched, because:\n"+
		"  error: broken.yaml:6: spec.mod: unknown field; write mode [unknown-field]\n"+
		"  error: broken.yaml:7: spec.httpEnabled: found the string \"no\", expected true or false; write httpEnabled: false [wrong-type]\n", got.out)
	assert.Empty(t, got.terminal, "helm shows it")
	assert.Equal(t, "connected-registry-scenario "+version()+" under Helm 4\ntime:      2026-06-01T00:00:00Z\n"+
		"directory: /here\narguments: -s broken.yaml\noutcome:   failed with exit code 1\n\n"+got.errOut, got.report)
}

// Where it is not certain that Helm 4 will judge what we write, a failure is a
// failure: an exit code, and nothing on stdout.
func TestHelm4OnlyWhereItIsCertain(t *testing.T) {
	with := func(key, value string) map[string]string {
		env := map[string]string{key: value}
		for k, v := range underHelm4 {
			if k != key {
				env[k] = v
			}
		}
		return env
	}
	for reason, c := range map[string]struct {
		env    map[string]string
		stream string
	}{
		"called by hand": {nil, helm4Stream()},
		"helm-secrets calls helm, and its name stays in the environment": {with(helmPluginEnv, "secrets"), helm4Stream()},
		"no plugin's folder":    {with(helmDirEnv, ""), helm4Stream()},
		"not helm 4's stream":   {underHelm4, stream},
		"the stream is empty":   {underHelm4, ""},
		"marked after the head": {underHelm4, "# " + strings.Repeat("x", helm4Head) + "\n" + helm4Stream()},
	} {
		got := callAsHelm4(t, c.env, c.stream, nil, "-s", "broken.yaml")
		assert.Equal(t, 1, got.code, reason)
		assert.Empty(t, got.out, reason)
		assert.Contains(t, got.errOut, "error: broken.yaml:6: spec.mod", reason)
		assert.Contains(t, got.terminal, "connected-registry-scenario: error: broken.yaml:6: spec.mod: unknown field; write mode [unknown-field]\r\n", reason)
		assert.Contains(t, got.report, "error: broken.yaml:6", reason)
	}
}

// A mistake in the arguments comes up before anything is read.
func TestHelm4UsageErrors(t *testing.T) {
	for _, args := range [][]string{{}, {"--scenrio", "x"}, {"plan"}} {
		got := callAsHelm4(t, underHelm4, helm4Stream(), nil, args...)
		assert.Equal(t, 0, got.code)
		assert.True(t, strings.HasPrefix(got.out, "|2-\n  connected-registry-scenario: nothing was patched, because:\n  error: "), got.out)
		assert.Contains(t, got.report, "failed with exit code 2")
	}
}

func TestHelm4Success(t *testing.T) {
	got := callAsHelm4(t, underHelm4, helm4Stream(), nil, "-s", "trust.yaml")
	assert.Equal(t, 0, got.code)
	w := at(t)
	w.stdin = helm4Stream()
	assert.Equal(t, w.run("post-render", "-s", "trust.yaml").out, got.out)
	assert.Contains(t, got.report, "outcome:   succeeded\n\nDaemonSet/trust: trustdistribution: removed: ")
	assert.Empty(t, got.terminal)
}

// Warnings are worth a terminal's lines, unless one does not want them.
func TestHelm4Warnings(t *testing.T) {
	stream := strings.ReplaceAll(hook, "  annotations:\n", "  annotations:\n    "+helm4Filename+": a.yaml\n")
	got := callAsHelm4(t, underHelm4, stream, nil, "-s", "trust.yaml")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, stream, got.out)
	assert.Equal(t, "connected-registry-scenario: "+onlyHooksWarning+"\r\n", got.terminal)
	assert.Empty(t, callAsHelm4(t, underHelm4, stream, nil, "-s", "trust.yaml", "-q").terminal)
}

// Half a result and a text after it could be taken for manifests.
func TestHelm4DoesNotWriteAfterAResult(t *testing.T) {
	got := callAsHelm4(t, underHelm4, helm4Stream(), brokenPipe{}, "-s", "trust.yaml")
	assert.Equal(t, 1, got.code)
	got = callAsHelm4(t, underHelm4, helm4Stream(), brokenPipe{}, "-s", "broken.yaml")
	assert.Equal(t, 1, got.code, "the refusal cannot be written")
}

// Neither a terminal nor a place for the file are needed.
func TestHelm4WithoutTerminalAndHome(t *testing.T) {
	none := errors.New("none")
	Host{OpenTerminal: func() (io.WriteCloser, error) { return nil, none }}.tellTerminal("error: x\n")
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	assert.Error(t, saveReport("x"))
}

func TestReportFileIsItsUsersOnly(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	dir, err := os.UserCacheDir()
	require.NoError(t, err)
	for _, text := range []string{"a longer first text", "the last one"} {
		require.NoError(t, saveReport(text))
	}
	path := filepath.Join(dir, "connected-registry-scenario", "helm-plugin.txt")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "the last one", string(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

// FuzzRefusal: whatever is told, the document is one piece of text, which Helm 4's
// parser of manifests does not take.
func FuzzRefusal(f *testing.F) {
	for _, told := range []string{
		"error: x\n", "", "\n", "  leading\n", "a\u2028kind: Secret\n", "a\u0085---\nkind: Secret\n", "---\n", "...\n", "\ufeff\n", "\xff\n", "\t\r\n", "%YAML\n", "# x\n", "\u00a0\n",
	} {
		f.Add(told)
	}
	f.Fuzz(func(t *testing.T, told string) {
		document := refusal(told)
		_, err := kio.ParseAll(document)
		require.ErrorContains(t, err, "wrong node kind")
		var text string
		require.NoError(t, yaml.Unmarshal([]byte(document), &text))
		assert.True(t, strings.HasPrefix(text, "connected-registry-scenario: nothing was patched"))
	})
}
