package plugin_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/plugin"
	"github.com/connected-registry/scenario/scenario"
)

// convertCases are directories with a command as some page has, or had, it, and
// the files that it names. beside.json is the protected file that a reader would
// put in the place of <JSON file path>.
func convertCases(t *testing.T) []fixtures.Case {
	t.Helper()
	dirs, err := filepath.Glob("testdata/convert/*")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	var cases []fixtures.Case
	for _, dir := range dirs {
		cases = append(cases, fixtures.Case{Name: filepath.Base(dir), Dir: dir})
	}
	return cases
}

// desktop runs the program among the files of a case, and others by name.
func desktop(t *testing.T, c fixtures.Case, others map[string][]byte, stdin []byte, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	plugin.Version = testVersion
	var out, errOut bytes.Buffer
	code = plugin.Main(args, plugin.Streams{In: bytes.NewReader(stdin), Out: &out, Err: &errOut}, plugin.Host{
		LookupEnv: func(string) (string, bool) { return "", false },
		ReadFile: func(name string) ([]byte, error) {
			if data, ok := others[name]; ok {
				return data, nil
			}
			if _, err := os.Stat(filepath.Join(c.Dir, name)); err == nil {
				return c.Read(t, name), nil
			}
			if name == "tls.crt" || name == "tls.key" || name == "ca.crt" {
				return fixtures.Material(name)
			}
			return nil, fs.ErrNotExist
		},
		Getwd:      func() (string, error) { return "/work", nil },
		Now:        func() time.Time { return fixtures.Now },
		IsTerminal: func(any) bool { return false },
		Width:      func(any) int { return 0 },
	})
	return code, out.String(), errOut.String()
}

// Every command of the documentation, pasted as it is, becomes a scenario that is
// valid, or an error that says what to change.
func TestConvert(t *testing.T) {
	for _, c := range convertCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			code, stdout, stderr := desktop(t, c, nil, c.Read(t, "command.txt"), "convert")
			for _, text := range []string{stdout, stderr} {
				assert.NotContains(t, text, "not/a+real=password")
				assert.NotContains(t, text, "PRIVATE KEY")
				assert.NotContains(t, text, "LS0tLS1CRUdJTi")
			}
			convertGolden(t, c, "scenario.yaml", stdout)
			convertGolden(t, c, "stderr.txt", stderr)
			if code != 0 {
				assert.Empty(t, stdout)
				return
			}
			layer, err := scenario.Decode("scenario.yaml", []byte(stdout))
			require.NoError(t, err)
			assert.NoError(t, layer.Validate())
		})
	}
}

// convertGolden compares with a file of the case; empty is none.
func convertGolden(t *testing.T, c fixtures.Case, name, got string) {
	t.Helper()
	path := filepath.Join(c.Dir, name)
	if *update {
		require.NoError(t, os.RemoveAll(path))
		if got != "" {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		return
	}
	want, err := os.ReadFile(path)
	if got != "" {
		require.NoError(t, err)
	}
	assert.Equal(t, string(want), got)
}

var convertMarker = regexp.MustCompile(`(?m)^ *connectedregistry\.dev/scenario(-digest)?: .*\n`)

// A command of a documented scenario does to the chart what the scenario in
// fixtures does.
func TestConvertedScenariosDoWhatTheDocumentedOnesDo(t *testing.T) {
	render := fixtures.Plain().Render(t, nil)
	seen := map[string]int{}
	for _, c := range convertCases(t) {
		i := slices.IndexFunc(fixtures.Rows(), func(r fixtures.Row) bool { return strings.HasSuffix(c.Name, "-"+r.Name) })
		if i < 0 || strings.HasPrefix(c.Name, "helm-0.") || c.Name == "tutorial-2024-07-16-http" || c.Name == "helm-ha-http" {
			continue // of another chart, or of a documentation that contradicts itself
		}
		row := fixtures.Rows()[i].Name
		seen[row]++
		t.Run(c.Name, func(t *testing.T) {
			documented, err := os.ReadFile(filepath.Join("..", "fixtures", "scenarios", row, "scenario.yaml"))
			require.NoError(t, err)
			if c.Name == "quickstart-2024-05-preinstalled-cert-manager" {
				// That page forgot cert-manager.install=false.
				documented = bytes.ReplaceAll(documented, []byte("install: false"), []byte("install: true"))
			}
			code, want, stderr := desktop(t, c, map[string][]byte{"documented.yaml": documented}, render, "post-render", "-s", "documented.yaml")
			require.Zero(t, code, stderr)

			code, converted, stderr := desktop(t, c, nil, c.Read(t, "command.txt"), "convert")
			require.Zero(t, code, stderr)
			args := []string{"post-render", "-s", "converted.yaml"}
			if _, err := os.Stat(filepath.Join(c.Dir, "beside.json")); err == nil {
				args = append(args, "--config-protected-file", "beside.json")
			}
			code, got, stderr := desktop(t, c, map[string][]byte{"converted.yaml": []byte(converted)}, render, args...)
			require.Zero(t, code, stderr)
			assert.Equal(t, convertMarker.ReplaceAllString(want, ""), convertMarker.ReplaceAllString(got, ""))
		})
	}
	for _, row := range fixtures.Rows() {
		assert.NotZero(t, seen[row.Name], row.Name)
	}
}

// The Helm quickstart's HTTP holds on a chart of its time.
func TestConvertedHTTPHoldsOnTheEarlyChart(t *testing.T) {
	v := fixtures.Early()
	render := v.Render(t, map[string]any{"httpEnabled": true})
	for _, c := range convertCases(t) {
		if !strings.HasPrefix(c.Name, "helm-0.") || strings.HasSuffix(c.Name, "https") {
			continue
		}
		_, converted, _ := desktop(t, c, nil, c.Read(t, "command.txt"), "convert")
		code, _, stderr := desktop(t, c, map[string][]byte{"converted.yaml": []byte(converted)}, render, "post-render", "-s", "converted.yaml")
		assert.Zero(t, code, c.Name+"\n"+stderr)
	}
}

// The same as arguments, from a file and from stdin.
func TestConvertTakesACommandFromAnywhere(t *testing.T) {
	none := fixtures.Case{Dir: t.TempDir()}
	command := []byte("az k8s-extension create --name edge --config service.clusterIP=192.100.100.1 pvc.storageRequest=20Gi")
	_, want, _ := desktop(t, none, nil, command, "convert")
	require.Contains(t, want, "storageRequest: 20Gi")
	for _, args := range [][]string{
		{"convert", "-"},
		{"convert", "command.txt"},
		append([]string{"convert", "--"}, strings.Fields(string(command))...),
		{"convert", "--name", "edge", "--config", "service.clusterIP=192.100.100.1", "--config", "pvc.storageRequest=20Gi"},
		{"convert", "--name", "edge", "--config-file", "settings.json"},
	} {
		files := map[string][]byte{
			"command.txt":   command,
			"settings.json": []byte(`{"service": {"clusterIP": "192.100.100.1"}, "pvc.storageRequest": "20Gi"}`),
		}
		code, got, stderr := desktop(t, none, files, command, args...)
		assert.Zero(t, code, "%v\n%s", args, stderr)
		assert.Equal(t, want, got, args)
	}
	for says, args := range map[string][]string{
		"a file and a command are given":         {"convert", "f", "--", "az"},
		"2 files are given":                      {"convert", "a", "b"},
		"cannot read the command no.txt":         {"convert", "no.txt"},
		"cannot read the settings file no.json":  {"convert", "--config-protected-file", "no.json"},
		"found neither az k8s-extension create":  {"convert", "--", "az", "login"},
		"--config-file has no value; write one":  {"convert", "--", "az", "k8s-extension", "create", "--config-file"},
		"expected a name of at most 63":          {"convert", "--name", "A B", "--config", "httpEnabled=true"},
		"service.clusterIP: found no \"=\"; wri": {"convert", "--config", "service.clusterIP"},
	} {
		code, out, stderr := desktop(t, none, nil, nil, args...)
		assert.NotZero(t, code)
		assert.Empty(t, out)
		assert.Contains(t, stderr, says)
	}
}
