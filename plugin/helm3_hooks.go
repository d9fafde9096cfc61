package plugin

import (
	"strings"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// hookAnnotation makes an object a hook of Helm's.
const hookAnnotation = "helm.sh/hook"

// helm3Hooks warns of the changes that a plan shows and Helm 3 would not make:
// helm template prints hooks, but Helm 3 gives none to a post-renderer.
// Source: renderResources in helm.sh/helm/v3 pkg/action/action.go.
func helm3Hooks(changes []resource.Change) []transformers.Warning {
	var hooks []string
	for _, c := range changes {
		if c.Object.Annotations()[hookAnnotation] != "" {
			hooks = append(hooks, c.Object.String())
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	return []transformers.Warning{{Code: codes.HooksUnpatched, Transformer: "helm", Message: "Helm 3 gives no hooks to a post-renderer, so there these stay as the chart rendered them: " +
		strings.Join(hooks, ", ") + "; turn them off by chart values, or use --no-hooks, or Helm 4"}}
}
