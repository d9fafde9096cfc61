package patch

import "strings"

// Group is the API group, empty for the core's.
func (id Identity) Group() string { return groupOf(id) }

// Expect is a patch that changes nothing and fails where one of the objects is not
// there: kustomize wants to find what a strategic merge patch without a target is
// for, by kind, namespace and name.
func Expect(all []Found) Patch {
	var documents []string
	for _, found := range all {
		metadata := map[string]any{"name": found.Name}
		if found.Namespace != "" {
			metadata["namespace"] = found.Namespace
		}
		documents = append(documents, text(map[string]any{"apiVersion": found.APIVersion, "kind": found.Kind, "metadata": metadata}))
	}
	return Patch{Patch: strings.Join(documents, "---\n")}
}

// Empty says that nothing was changed.
func (s *Set) Empty() bool {
	return len(s.Patches) == 0 && len(s.Added) == 0 && len(s.Secrets) == 0
}

// Version is the version of the API within its group.
func (id Identity) Version() string {
	_, version, found := strings.Cut(id.APIVersion, "/")
	if !found {
		return id.APIVersion
	}
	return version
}

// Changed and Removed count the objects that patches are for.
func (s *Set) Changed() int { return len(s.Found) - s.removed - s.read }

// Removed counts those that go.
func (s *Set) Removed() int { return s.removed }
