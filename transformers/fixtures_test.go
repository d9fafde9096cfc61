package transformers_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

var update = flag.Bool("update", false, "write what the cases in fixtures expect anew; read the diff")

// goldenCase is a case whose expectations are golden files: expected.yaml and
// report.txt, or error.txt.
type goldenCase struct {
	fixtures.Case
	advise bool // ask for notes
}

func cases(t *testing.T, pattern string, f func(t *testing.T, c goldenCase)) {
	t.Helper()
	for _, c := range fixtures.Cases(t, pattern) {
		t.Run(c.Name, func(t *testing.T) { f(t, goldenCase{Case: c}) })
	}
}

func TestTransformersDoWhatTheirCasesSay(t *testing.T) {
	cases(t, "transformers/*/*", func(t *testing.T, c goldenCase) {
		output, report, err := c.run(t, c.Read(t, "input.yaml"))
		if err != nil {
			c.refused(t, err)
			return
		}
		c.settled(t, output)
		c.advised(t, output)
		assert.Empty(t, report.Notes, "nobody asked for them")
		c.golden(t, "expected.yaml", redacted(t, output))
		c.golden(t, "report.txt", reportText(report))
		c.without(t, "error.txt")
	})
}

func TestErrorsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	cases(t, "errors/*", func(t *testing.T, c goldenCase) {
		_, _, err := c.run(t, c.Read(t, "input.yaml"))
		require.Error(t, err)
		c.refused(t, err)
	})
}

// The streams are byte for byte what some host or editor wrote: line endings,
// marks and all.
func TestStreamsKeepTheirForm(t *testing.T) {
	cases(t, "streams/*", func(t *testing.T, c goldenCase) {
		output, _, err := c.run(t, c.Read(t, "input.yaml"))
		require.NoError(t, err)
		c.settled(t, output)
		c.golden(t, "expected.yaml", redacted(t, output))
	})
}

// run is what a host does with a scenario's file and a stream.
func (c goldenCase) run(t *testing.T, input []byte) ([]byte, *transformers.Report, error) {
	t.Helper()
	layer, err := scenario.Decode("scenario.yaml", c.Read(t, "scenario.yaml"))
	if err != nil {
		return nil, nil, err
	}
	if err := layer.Resolve(fixtures.Material); err != nil {
		return nil, nil, err
	}
	if layer, err = c.withSettings(t, layer); err != nil {
		return nil, nil, err
	}
	set, err := resource.ParseStream(input)
	if err != nil {
		return nil, nil, err
	}
	// The namespace is the manifests' or the scenario's in these cases.
	report, err := transformers.Run(set, layer, transformers.Options{Now: fixtures.Now, Version: "test", Advise: c.advise})
	if err != nil {
		return nil, nil, err
	}
	output, err := set.Bytes()
	return output, report, err
}

// withSettings lays settings.json, a file of protected settings, over the scenario
// where the case has one.
func (c goldenCase) withSettings(t *testing.T, layer *scenario.Layer) (*scenario.Layer, error) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(c.Dir, "settings.json")); err != nil {
		return layer, nil
	}
	settings, err := scenario.ReadSettings("settings.json", c.Read(t, "settings.json"))
	if err != nil {
		return nil, err
	}
	protected, err := scenario.NewSettings("settings.json", settings, true)
	if err != nil {
		return nil, err
	}
	if err := protected.Resolve(nil); err != nil {
		return nil, err
	}
	merged, _, err := scenario.Merge(layer, protected)
	return merged, err
}

// settled: a second run over the output changes nothing.
func (c goldenCase) settled(t *testing.T, output []byte) {
	t.Helper()
	again, report, err := c.run(t, output)
	require.NoError(t, err)
	assert.Equal(t, string(output), string(again), "a second run changes something")
	assert.Empty(t, report.Changes)
}

// advised: notes change nothing, and each has a code.
func (c goldenCase) advised(t *testing.T, output []byte) {
	t.Helper()
	c.advise = true
	again, report, err := c.run(t, c.Read(t, "input.yaml"))
	require.NoError(t, err)
	assert.Equal(t, string(output), string(again))
	for _, n := range report.Notes {
		assert.NotZero(t, n.Code)
		assertNothingSecret(t, []byte(n.String()))
	}
	for _, w := range report.Warnings {
		assert.NotZero(t, w.Code)
	}
}

// golden compares with a file of the case, or writes it.
func (c goldenCase) golden(t *testing.T, name string, got []byte) {
	t.Helper()
	assertNothingSecret(t, got)
	path := filepath.Join(c.Dir, name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

// refused compares an error, and asks of each part of it what every error owes
// to its reader.
func (c goldenCase) refused(t *testing.T, err error) {
	t.Helper()
	for _, part := range codes.Leaves(err) {
		assert.NotContains(t, []codes.Code{{}, codes.Unforeseen}, codes.Of(part), "has no code: %v", part)
		where, fix := true, true
		var problem transformers.Problem
		var stated scenario.Error
		switch {
		case errors.As(part, &problem):
			fix = problem.Fix != ""
		case errors.As(part, &stated):
			where = stated.Source != "" && (stated.Path != "" || stated.Line > 0)
			fix = stated.Fix != "" || regexp.MustCompile(`expected|not YAML|more than`).MatchString(stated.Message)
		}
		assert.True(t, where, "does not say where: %v", part)
		assert.True(t, fix, "does not say what to do: %v", part)
	}
	c.golden(t, "error.txt", []byte(codes.Text(err)+"\n"))
	c.without(t, "expected.yaml", "report.txt")
}

// without: a case that is refused expects no output, and one that is not no error.
func (c goldenCase) without(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(c.Dir, name)
		if *update {
			require.NoError(t, os.RemoveAll(path))
		}
		assert.NoFileExists(t, path)
	}
}

func reportText(report *transformers.Report) []byte {
	var b bytes.Buffer
	for _, c := range report.Changes {
		fmt.Fprintln(&b, c)
	}
	for _, w := range report.Warnings {
		fmt.Fprintln(&b, w)
	}
	return b.Bytes()
}

// redacted replaces every value of a Secret by its hash, wherever it stands: no
// secret is kept in a file, and equal ones can be told by equal hashes.
func redacted(t *testing.T, stream []byte) []byte {
	t.Helper()
	set, err := resource.ParseStream(stream)
	require.NoError(t, err)
	secrets, err := set.Select([]string{"Secret"})
	require.NoError(t, err)
	hashes := map[string]string{}
	for _, o := range secrets {
		for field, decode := range map[string]func(string) ([]byte, error){
			"data":       base64.StdEncoding.DecodeString,
			"stringData": func(s string) ([]byte, error) { return []byte(s), nil },
		} {
			node, err := o.Node().Pipe(yaml.Lookup(field))
			require.NoError(t, err)
			if node == nil {
				continue
			}
			values := map[string]string{}
			require.NoError(t, node.YNode().Decode(&values))
			for _, value := range values {
				decoded, err := decode(value)
				if err != nil {
					decoded = []byte(value)
				}
				hash := sha256.Sum256(decoded)
				hashes[value] = fmt.Sprintf("<redacted sha256:%x>", hash[:6])
			}
		}
	}
	longestFirst := slices.SortedFunc(maps.Keys(hashes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	text := string(stream)
	for _, value := range longestFirst {
		quoted, err := json.Marshal(value)
		require.NoError(t, err)
		text = strings.ReplaceAll(text, value, hashes[value])
		text = strings.ReplaceAll(text, string(quoted[1:len(quoted)-1]), hashes[value])
		require.Contains(t, text, hashes[value], "a Secret's value is written in a way that cannot be redacted")
	}
	return []byte(text)
}

// assertNothingSecret looks for every private key, and for parts of it.
func assertNothingSecret(t *testing.T, text []byte) {
	t.Helper()
	assert.NotContains(t, string(text), "PRIVATE KEY-----\n")
	assert.NotContains(t, string(text), "LS0tLS1CRUdJTi")
	for name, pair := range fixtures.Pairs {
		lines := strings.Split(strings.TrimSpace(string(pair.Key)), "\n")
		body := strings.Join(lines[1:len(lines)-1], "")
		encoded := base64.StdEncoding.EncodeToString(pair.Key)
		for _, secret := range []string{body[len(body)-24:], encoded[40:80]} {
			assert.NotContains(t, string(text), secret, "part of the key of %s", name)
		}
	}
}
