package patch

import "maps"

// metadataPaths are the maps of strings that others write to as well.
var metadataPaths = [][]string{
	{"metadata", "annotations"},
	{"metadata", "labels"},
	{"spec", "template", "metadata", "annotations"},
	{"spec", "template", "metadata", "labels"},
}

// metadataPatch is a strategic merge patch of labels and annotations: key by key,
// so that it leaves those alone that somebody else adds, or that kustomize keeps
// there while it builds. rest is before with that patch applied, which JSON patches
// then have to bring to goal, which is after. The patch is nil where nothing of this
// changes.
//
// What is taken out of an object's own metadata is left to JSON patches: kustomize
// writes "null" there where a merge patch says null (seen with 5.8.2).
func metadataPatch(id Identity, before, after any) (patch map[string]any, rest, goal any) {
	rest, goal = clone(before), clone(after)
	for _, path := range metadataPaths {
		old, oldOK := lookup(before, path...).(map[string]any)
		now, nowOK := lookup(after, path...).(map[string]any)
		gone := oldOK && lookup(after, path[:len(path)-1]...) != nil // but what they are of is not
		if !nowOK && !gone || same(old, now) {
			continue
		}
		changes, left := map[string]any{}, map[string]any{}
		for key, value := range old {
			switch _, stays := now[key]; {
			case stays:
			case path[0] == "metadata":
				left[key] = value
			default:
				changes[key] = nil // taken out
			}
		}
		for key, value := range now {
			if have, ok := old[key]; !ok || !same(have, value) {
				changes[key] = value
			}
		}
		if len(left) > 0 {
			patched := maps.Clone(left)
			maps.Copy(patched, now)
			put(rest.(map[string]any), patched, path...)
			// Where nothing is left of them the map stays, which means the same.
			put(goal.(map[string]any), maps.Clone(orEmpty(now)), path...)
		}
		if len(changes) == 0 {
			continue
		}
		if patch == nil {
			patch = map[string]any{"apiVersion": id.APIVersion, "kind": id.Kind, "metadata": map[string]any{"name": id.Name}}
		}
		put(patch, changes, path...)
		if len(left) > 0 {
			continue
		}
		if len(now) == 0 {
			drop(rest, path...) // an empty map may stay, which means the same
		} else {
			put(rest.(map[string]any), maps.Clone(now), path...)
		}
	}
	return patch, rest, goal
}

func orEmpty(fields map[string]any) map[string]any {
	if fields == nil {
		return map[string]any{}
	}
	return fields
}

func lookup(value any, path ...string) any {
	for _, key := range path {
		fields, _ := value.(map[string]any)
		value = fields[key]
	}
	return value
}

func put(fields map[string]any, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		inner, ok := fields[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[key] = inner
		}
		fields = inner
	}
	fields[path[len(path)-1]] = value
}

func drop(value any, path ...string) {
	fields, _ := lookup(value, path[:len(path)-1]...).(map[string]any)
	delete(fields, path[len(path)-1])
}

func clone(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := map[string]any{}
		for key, inner := range value {
			copied[key] = clone(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = clone(inner)
		}
		return copied
	}
	return value
}
