package registry_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Recognition changes nothing: the bytes before and after it are equal, also of a result
// that has a proxy.
func TestRecognitionChangesNothing(t *testing.T) {
	for _, pattern := range []string{"transformers/*/*", "streams/*"} {
		for _, c := range fixtures.Cases(t, pattern) {
			t.Run(c.Name, func(t *testing.T) {
				input := c.Read(t, "input.yaml")
				set, err := resource.ParseStream(input)
				require.NoError(t, err)
				if _, err := registry.Recognize(set, nil, "site"); err != nil {
					return // two registries, for one
				}
				output, err := set.Bytes()
				require.NoError(t, err)
				assert.Equal(t, string(input), string(output))
				assert.Empty(t, set.Added())
			})
		}
	}
}
