package plugin

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// offered is what a shell is told for the words that were typed so far: the offers
// without their descriptions, and how to go on.
func offered(t *testing.T, words ...string) (offers []string, directive string) {
	t.Helper()
	got := at(t).run(append([]string{"__complete"}, words...)...)
	require.Equal(t, 0, got.code, got.errOut)
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	for _, line := range lines[:len(lines)-1] {
		offer, _, _ := strings.Cut(line, "\t")
		offers = append(offers, offer)
	}
	return offers, lines[len(lines)-1]
}

// What cobra tells shells, as its scripts read it.
const (
	filesToo     = ":0"
	noFiles      = ":4"
	filesOfTypes = ":8"
	fieldsOnly   = ":38" // no files, no space after, in this order
)

func TestCompletion(t *testing.T) {
	for typed, want := range map[string]struct {
		offers    string
		directive string
	}{
		"explain ":                   {"apiVersion kind metadata spec", fieldsOnly},
		"explain sp":                 {"spec", fieldsOnly},
		"explain spec.":              {"spec.mode spec.readOnly spec.service spec.certManager spec.tls spec.trustDistribution spec.httpEnabled spec.registryLoginServer spec.pvc spec.targets", fieldsOnly},
		"explain spec.t":             {"spec.tls spec.trustDistribution spec.targets", fieldsOnly},
		"explain spec.targets.pvc.n": {"spec.targets.pvc.name spec.targets.pvc.namespace", fieldsOnly},
		"explain spec.mode.":         {"", fieldsOnly},
		"explain spec ":              {"", fieldsOnly},
		"check --scenario ":          {"yaml yml json", filesOfTypes},
		"check -s ":                  {"yaml yml json", filesOfTypes},
		"post-render --scenario ":    {"yaml yml json", filesOfTypes},
		"--scenario ":                {"yaml yml json", filesOfTypes},
		"check --output ":            {"text json", noFiles},
		"plan --color ":              {"auto always never", noFiles},
		"plan -s a.yaml ":            {"", filesToo},
		"check ":                     {"", noFiles},
		"check --live ":              {"", filesToo},
		"cleanup --host ":            {"helm arc flux kubectl", noFiles},
		"cleanup ":                   {"", filesToo},
		"cleanup --release ":         {"", noFiles},
		"trust ":                     {"bundle containerd k3s", noFiles},
		"trust k3s -s a.yaml ":       {"", filesToo},
		"trust k3s --ca ":            {"crt pem cer", filesOfTypes},
		"schema ":                    {"", noFiles},
	} {
		offers, directive := offered(t, strings.Split(typed, " ")...)
		assert.Equal(t, want.offers, strings.Join(offers, " "), typed)
		assert.Equal(t, want.directive, directive, typed)
	}
	offers, _ := offered(t, "")
	assert.Subset(t, offers, []string{"check", "explain", "plan", "schema", "completion"})
}

// A field's description tells more than its path.
func TestCompletionDescribes(t *testing.T) {
	assert.Contains(t, at(t).run("__complete", "explain", "san").out, "san-missing\tClients check the name or address that they call")
	assert.Contains(t, at(t).run("__complete", "explain", "spec.p").out, "spec.pvc\tpvc is the volume claim that holds the registry's data\n")
}

// The scripts are such as their shells read.
func TestCompletionScripts(t *testing.T) {
	for shell, says := range map[string]string{
		"bash": "complete -o default -F __start_" + name,
		"zsh":  "#compdef " + name,
		"fish": "complete -c " + name,
	} {
		t.Run(shell, func(t *testing.T) {
			got := at(t).run("completion", shell)
			require.Equal(t, 0, got.code, got.errOut)
			assert.Contains(t, got.out, says)
			fixtures.Needs(t, shell)
			check := exec.Command(shell, "-n")
			check.Stdin = strings.NewReader(got.out)
			out, err := check.CombinedOutput()
			assert.NoError(t, err, "%s: %s", shell, out)
		})
	}
}
