package transformers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// The hash is kustomize's own, of `kustomize build` with a secretGenerator.
func TestGeneratedFrom(t *testing.T) {
	for text, want := range map[string]string{
		"{apiVersion: v1, kind: Secret, metadata: {name: s-k695gkmbtk}, type: Opaque, data: {a: Yg==}}":                       "s",
		"{apiVersion: v1, kind: Secret, metadata: {name: s-k695gkmbtk}, type: Opaque, data: {a: Yw==}}":                       "",
		"{apiVersion: v1, kind: Secret, metadata: {name: s-k695gkmbtk}, type: kubernetes.io/tls, data: {a: Yg==}}":            "",
		"{apiVersion: v1, kind: Secret, metadata: {name: s}, type: Opaque, data: {a: Yg==}}":                                  "",
		"{apiVersion: v1, kind: Service, metadata: {name: s-k695gkmbtk}, type: Opaque, data: {a: Yg==}}":                      "",
		"{apiVersion: v1, kind: Secret, metadata: {name: prod-s-k695gkmbtk}, immutable: true, type: Opaque, data: {a: Yg==}}": "prod-s",
	} {
		set, err := resource.ParseStream([]byte(text))
		require.NoError(t, err)
		objects, err := set.Select(nil)
		require.NoError(t, err)
		assert.Equal(t, want, transformers.GeneratedFrom(objects[0]), text)
	}
}
