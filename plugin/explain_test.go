package plugin

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
)

// updating is -update, which belongs to the tests outside of the package.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// What explain prints is in testdata/explain, one file for each way of asking.
func TestExplain(t *testing.T) {
	for name, args := range map[string][]string{
		"scenario":  {},
		"object":    {"spec.certManager"},
		"leaf":      {"spec.certManager.privateKey.size"},
		"list":      {"spec.readOnly.writablePaths"},
		"recursive": {"--recursive"},
		"part":      {"spec.targets.workload", "--recursive"},
	} {
		t.Run(name, func(t *testing.T) {
			got := at(t).run(append([]string{"explain"}, args...)...)
			require.Equal(t, 0, got.code, got.errOut)
			path := filepath.Join("testdata", "explain", name+".txt")
			if updating() {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
				require.NoError(t, os.WriteFile(path, []byte(got.out), 0o666))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.out)
		})
	}
}

// fields lists the paths of a field and of those below it.
func fields(f scenario.Field) []string {
	paths := []string{f.Path}
	for _, c := range f.Fields {
		paths = append(paths, fields(c)...)
	}
	return paths
}

func TestExplainFits(t *testing.T) {
	for _, path := range fields(scenario.Describe()) {
		for terminal, width := range map[int]int{0: 80, 60: 60, 40: 40, 300: 100} {
			w := at(t)
			if terminal > 0 {
				w.terminal, w.width, w.env["NO_COLOR"] = []any{"stdout"}, terminal, "1"
			}
			got := w.run("explain", path)
			require.Equal(t, 0, got.code, got.errOut)
			for line := range strings.Lines(got.out) {
				line = strings.TrimSuffix(line, "\n")
				assert.Equal(t, strings.TrimRight(line, " "), line)
				if strings.Contains(strings.TrimSpace(line), " ") && !strings.ContainsAny(line, "<") && !strings.HasPrefix(line, "VERSION") && !strings.HasPrefix(line, "KIND") {
					assert.LessOrEqual(t, length(line), width, "%s: %s", path, line)
				}
			}
		}
	}
	for line := range strings.Lines(at(t).run("explain", "--recursive").out) {
		assert.LessOrEqual(t, length(line), 80)
	}
}

func TestExplainOnATerminal(t *testing.T) {
	w := at(t)
	w.terminal, w.width = []any{"stdout"}, 80
	assert.Contains(t, w.run("explain", "spec.tls").out, "\x1b[1mFIELDS:\x1b[0m\n  \x1b[36msecret\x1b[0m  <string>\n")
	w.env["NO_COLOR"] = "1"
	assert.NotContains(t, w.run("explain", "spec.tls").out, "\x1b")
}

func TestExplainErrors(t *testing.T) {
	for arg, says := range map[string]string{
		"spec.tls.secretName": "did you mean spec.tls.secret?",
		"httpEnabled":         "did you mean spec.httpEnabled?",
		"spec.nothing":        "spec has mode, readOnly, service,",
	} {
		got := at(t).run("explain", arg)
		assert.Equal(t, exitUsage, got.code)
		assert.Empty(t, got.out)
		assert.Contains(t, got.errOut, `error: no field "`+arg+`"`)
		assert.Contains(t, got.errOut, says)
	}
	assert.Contains(t, at(t).run("explain", "spec", "kind").errOut, "2 fields are given, expected one at most")
	w := at(t)
	w.out = brokenPipe{}
	assert.Equal(t, exitFailure, w.run("explain").code)
}

func TestExplainCode(t *testing.T) {
	w := at(t)
	want := `CODE:  key-mismatch

CAUSE:
    The private key and the certificate were not made together.

FIX:
    Write the two that belong to each other.
`
	assert.Equal(t, want, w.run("explain", "key-mismatch").out)
	assert.Equal(t, want, w.run("explain", "[key-mismatch]").out, "as it is copied from a message")

	got := w.run("explain", "no-such-thing")
	assert.Equal(t, 2, got.code)
	assert.Contains(t, got.errOut, `error: no error or warning has the code "no-such-thing"`)

	for _, e := range codes.All() {
		got := w.run("explain", e.Code.String())
		assert.Equal(t, 0, got.code, e.Code)
		assert.NotContains(t, got.out, "`")
	}
}

// A code must not hide a field.
func TestNoCodeIsAField(t *testing.T) {
	for _, e := range codes.All() {
		_, err := scenario.Describe().Find(e.Code.String())
		assert.Error(t, err, "%s is a field too", e.Code)
	}
}
