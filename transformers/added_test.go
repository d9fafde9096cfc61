package transformers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/api/validate/content"
)

// Names that are derived from a long one fit, stay the same, and stay different.
func TestDerivedNamesFit(t *testing.T) {
	assert.Equal(t, "edge-ca-cert", derivedName("edge", "-ca-cert"))
	assert.Equal(t, "line-4-edge-tls", derivedName("Line_4-edge", "-tls"))
	for _, length := range []int{1, 56, 57, 58, 63, 64, 240, 245, 246, 253} {
		base := strings.Repeat("a.", length)[:length-1] + "a"
		for _, suffix := range []string{"-tls", "-ca-cert", "-selfsigned-issuer", "-read-only-proxy-12"} {
			name, common := derivedName(base, suffix), shortened(base, suffix, longestCommonName)
			assert.Empty(t, content.IsDNS1123Subdomain(name), name)
			assert.LessOrEqual(t, len(common), 64)
			assert.True(t, strings.HasSuffix(name, suffix) && strings.HasSuffix(common, suffix))
			assert.Equal(t, name, derivedName(base, suffix))
			if len(name) > length+len(suffix) {
				t.Errorf("%s is longer than what it comes from", name)
			}
		}
	}
	long := strings.Repeat("a", 253)
	assert.NotEqual(t, derivedName(long, "-tls"), derivedName(long[1:]+"b", "-tls"))
}
