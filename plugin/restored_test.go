package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a person undid is restored in the open: post-render says it, plan shows it, and
// verify does not call it patched.
func TestWhatIsRestoredIsShown(t *testing.T) {
	dir := filepath.Join("..", "fixtures", "transformers", "enforcement", "set-back")
	scenario, err := os.ReadFile(filepath.Join(dir, "scenario.yaml"))
	require.NoError(t, err)
	input, err := os.ReadFile(filepath.Join(dir, "input.yaml"))
	require.NoError(t, err)
	s := site{"enforce.yaml": string(scenario)}
	patched := s.patch(t, string(input), []string{"enforce.yaml"})
	require.Contains(t, patched, "targetPort: proxy-https")
	setBack := strings.Replace(patched, "targetPort: proxy-https", "targetPort: https", 1)

	const change = "enforcement: port 443 leads to the proxy's port proxy-https (10443) instead of https"
	code, stdout, stderr := s.call(t, setBack, "post-render", "-s", "enforce.yaml")
	assert.Zero(t, code)
	assert.Equal(t, patched, stdout)
	assert.Equal(t, "Service/edge: "+change+"\n", stderr)

	code, stdout, _ = s.call(t, setBack, "plan", "-s", "enforce.yaml", "--exit-code", "--output", "json")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "leads to the proxy's port proxy-https (10443) instead of https")

	code, stdout, _ = s.call(t, setBack, "verify", "-s", "enforce.yaml")
	assert.Equal(t, 1, code)
	assert.Contains(t, stdout, "drifted: Deployment/plant/edge")
	code, stdout, _ = s.call(t, patched, "verify", "-s", "enforce.yaml")
	assert.Zero(t, code, stdout)
}
