package plugin_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/fixtures"
)

// The scenario of docs/security.md gives what the page says, and its NetworkPolicy
// lets clients to the proxy of that very render and to nothing else.
func TestSecurityPage(t *testing.T) {
	var scenario, policy string
	for _, b := range blocksOf(t, "docs/security.md") {
		require.Equal(t, "yaml", b.language)
		switch {
		case strings.Contains(b.text, "kind: ConnectedRegistryScenario"):
			scenario = b.text
		case strings.Contains(b.text, "kind: NetworkPolicy"):
			policy = b.text
		default:
			assert.Failf(t, "a block that no test looks at", b.text)
		}
	}
	input := fixtures.Plain().Render(t, nil)
	code, stdout, stderr := run(t, []byte(scenario), input, nil, "post-render", "--scenario", "scenario.yaml")
	require.Zero(t, code, stderr)
	assert.NotContains(t, stderr, "warning")
	assert.Contains(t, stdout, `return 403 '{"errors":[{"code":"DENIED","message":"This operation is not allowed on this registry."}]}';`)

	var typed networkingv1.NetworkPolicy
	require.NoError(t, k8syaml.UnmarshalStrict([]byte(policy), &typed))
	assert.Equal(t, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, typed.Spec.PolicyTypes)
	require.Len(t, typed.Spec.Ingress, 1)
	require.Len(t, typed.Spec.Ingress[0].Ports, 1)
	assert.Regexp(t, `- name: `+typed.Spec.Ingress[0].Ports[0].Port.StrVal+`\n +containerPort: 10443\n`, stdout)
	for key, value := range typed.Spec.PodSelector.MatchLabels {
		assert.Contains(t, stdout, "\n        "+key+": "+value+"\n")
	}
	assert.Contains(t, stdout, "\n  namespace: "+typed.Namespace+"\n")

	// With it in the stream nobody need be told to write one.
	code, _, stderr = run(t, []byte(scenario), append(input, "---\n"+policy...), nil, "post-render", "--scenario", "scenario.yaml")
	require.Zero(t, code, stderr)
	assert.NotContains(t, stderr, "NetworkPolicy")
}
