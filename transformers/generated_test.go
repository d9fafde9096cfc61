package transformers_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
)

// generatedValues are chart values under which the stand-in names its objects in
// ways that nobody foresaw, in one of the documented states.
func generatedValues(random *rand.Rand, row fixtures.Row) map[string]any {
	word := func() string {
		words := []string{"edge", "hub", "press", "line-4", "a", "registry", "webhook", "cert-manager-x", "containerd", "k8secret-2"}
		return fmt.Sprintf("%s-%d", words[random.IntN(len(words))], random.IntN(100))
	}
	pick := func(options ...any) any { return options[random.IntN(len(options))] }
	names := map[string]any{
		"kind":              pick("Deployment", "StatefulSet"),
		"numericPorts":      pick(true, false),
		"httpsPort":         pick(8443, 443, 5443),
		"httpPort":          pick(8080, 80, 5000),
		"certsPath":         pick("/var/acr/certs", "/etc/tls", "/certs/"),
		"dataVolume":        "data-" + word(),
		"certsVolume":       "certs-" + word(),
		"headlessService":   pick("", "headless-"+word()),
		"workload":          word(),
		"container":         word(),
		"service":           "svc-" + word(),
		"claim":             word(),
		"connectionSecret":  "connection-" + word(),
		"tlsSecret":         "tls-" + word(),
		"serverCertificate": "serving-" + word(),
		"trust":             "trust-" + word(),
		"trustPods":         word(),
	}
	// The bundle is the same every time, and a megabyte.
	return fixtures.Merge(row.Values, map[string]any{"standIn": names, "cert-manager": map[string]any{"install": false}})
}

// Over generated charts: what a scenario makes of them is settled, the same every
// time, and independent of the order of the documents, and what no change is
// reported for keeps its bytes.
func TestGeneratedCharts(t *testing.T) {
	charts := fixtures.Rows()
	applied := 0
	for seed := range uint64(120) {
		random := rand.New(rand.NewPCG(seed, 7))
		row, goal := charts[random.IntN(len(charts))], rows()[random.IntN(len(charts))]
		t.Run(fmt.Sprintf("%d: %s to %s", seed, row.Name, goal), func(t *testing.T) {
			input := fixtures.Plain().Render(t, generatedValues(random, row))
			layer := load(t, goal)
			output, report, err := apply(t, layer, input)
			if err != nil {
				// What a chart did not render, no patch can bring.
				assert.Regexp(t, `render the chart with (cert-manager\.install|trustDistribution\.enabled)=true`, err.Error())
				return
			}
			applied++
			assert.Equal(t, string(output), string(mustApply(t, layer, input)), "not deterministic")
			assert.Equal(t, string(output), string(mustApply(t, layer, output)), "not idempotent")
			assert.Equal(t, sorted(t, output), sorted(t, mustApply(t, layer, shuffled(random, input))), "depends on the order")
			touched := map[string]bool{}
			for _, c := range report.Changes {
				touched[c.Object.Document()] = true
			}
			for _, document := range strings.Split(strings.TrimPrefix(string(input), "---\n"), "\n---\n") {
				source, _, _ := strings.Cut(strings.TrimPrefix(document, "# Source: "), "\n")
				if !touched[source] {
					assert.Contains(t, string(output), document)
				}
			}
		})
	}
	require.Greater(t, applied, 50, "most generated charts are refused, so little was tested")
}

func shuffled(random *rand.Rand, stream []byte) []byte {
	documents := strings.Split(strings.TrimSuffix(strings.TrimPrefix(string(stream), "---\n"), "\n"), "\n---\n")
	random.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
	return []byte("---\n" + strings.Join(documents, "\n---\n") + "\n")
}
