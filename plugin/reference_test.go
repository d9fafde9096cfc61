package plugin

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/scenario"
)

const referenceHead = `# Reference

Every field of a scenario file and every command, from the same source as
` + "`explain` and `--help`" + `. The tests compare this page with the program; ` + "`make update`" + `
writes it.

- [The scenario file](#the-scenario-file)
- [The command line](#the-command-line)

## The scenario file

A file holds one scenario, in YAML or JSON. A field that is left out means "as the chart
rendered it", unless a default is named here. A field that is not known is an error.

An editor with the YAML language server completes and checks a scenario with
[schema.json](schema.json), which ` + "`" + name + " schema`" + ` prints, when the
file's first line says where that is, relative to the scenario or as a URL:

` + "```yaml" + `
# yaml-language-server: $schema=./connected-registry-scenario.json
apiVersion: connectedregistry.dev/v1alpha1
kind: ConnectedRegistryScenario
metadata:
  name: own-certificate
spec:
  tls:
    secret: k8secret
` + "```" + `

The schema judges one file by itself, and without a render. So it refuses a layer that
is complete only together with another one, and takes what only ` + "`check --render`" + ` can
know to be wrong. A field without a value, which a scenario may have, it refuses.
`

// TestReference compares docs/reference.md with the program, or writes it.
func TestReference(t *testing.T) {
	const path = "../docs/reference.md"
	var b strings.Builder
	b.WriteString(referenceHead)
	describeFields(&b, scenario.Describe())
	b.WriteString("\n## The command line\n\nThe exit code is 0, 1 for a failure and 2 for a mistake on the command line, unless a\ncommand says otherwise.\n")
	for _, words := range commands(t) {
		fmt.Fprintf(&b, "\n### %s\n\n```text\n%s```\n", strings.Join(append([]string{name}, words...), " "), helpOf(t, words))
	}
	if updating() {
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o666))
	}
	_, example, _ := strings.Cut(referenceHead, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	layer, err := scenario.Decode(path, []byte(example))
	require.NoError(t, err)
	require.NoError(t, layer.Validate())

	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(strings.Split(b.String(), "\n"), strings.Split(string(got), "\n")), "run make update")
}

// describeFields writes a table for each object.
func describeFields(b *strings.Builder, object scenario.Field) {
	title := "The file itself"
	if object.Path != "" {
		title = object.Path
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| field | value | meaning |\n|---|---|---|\n", title, object.Description)
	for _, f := range object.Fields {
		fieldName := "`" + f.Name() + "`"
		if len(f.Fields) > 0 {
			fieldName = fmt.Sprintf("[%s](#%s)", fieldName, strings.ToLower(strings.ReplaceAll(f.Path, ".", "")))
		}
		if f.Required {
			fieldName += " (required)"
		}
		value := append([]string{f.Type}, takes(f)...)
		fmt.Fprintf(b, "| %s | %s | %s |\n", fieldName, cell(strings.Join(value, "; ")), cell(f.Description))
	}
	for _, f := range object.Fields {
		if len(f.Fields) > 0 {
			describeFields(b, f)
		}
	}
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "[]", `\[\]`).Replace(text)
}

// commands are the words that call each command that help lists, root first.
func commands(t *testing.T) [][]string {
	t.Helper()
	root := (&program{Host: Host{LookupEnv: func(string) (string, bool) { return "", false }}}).rootCommand()
	root.InitDefaultCompletionCmd()
	var list func(cmd *cobra.Command, words []string) [][]string
	list = func(cmd *cobra.Command, words []string) [][]string {
		found := [][]string{words}
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				found = append(found, list(c, append(words[:len(words):len(words)], c.Name()))...)
			}
		}
		return found
	}
	return list(root, nil)
}

func helpOf(t *testing.T, words []string) string {
	t.Helper()
	got := at(t).run(append(words[:len(words):len(words)], "--help")...)
	require.Equal(t, 0, got.code, got.errOut)
	var lines []string
	for line := range strings.Lines(got.out) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}
