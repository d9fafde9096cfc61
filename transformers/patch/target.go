package patch

import (
	"regexp"
	"strings"
)

// Target selects what a patch is applied to. kustomize takes its fields for
// regular expressions that must match as a whole. An empty one would select
// everything, so there is none without kind and name.
type Target struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// noGroup is the core group: an empty one would mean any.
const noGroup = "^$"

// targetOf selects an object and no other of the render. The namespace is left out
// where it can be, because kustomize or Helm may set another; so is the core group.
// The version is never there: a patch for another version is to fail by what it
// tests, not to select nothing, which kustomize passes over in silence.
func targetOf(id Identity, all []Identity) Target {
	target := Target{Group: regexp.QuoteMeta(groupOf(id)), Kind: id.Kind, Name: regexp.QuoteMeta(id.Name)}
	for _, other := range all {
		if other == id || other.Kind != id.Kind || other.Name != id.Name {
			continue
		}
		switch {
		case groupOf(id) == "" && groupOf(other) != "":
			target.Group = noGroup
		case groupOf(other) == groupOf(id):
			target.Namespace = orDefault(id.Namespace)
		}
	}
	return target
}

// orDefault is the namespace by which kustomize knows an object without one.
func orDefault(namespace string) string {
	if namespace == "" {
		return "default"
	}
	return namespace
}

func groupOf(id Identity) string {
	group, _, found := strings.Cut(id.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}
