package patch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Difference is a field in which two objects differ. A value is nil where the field
// is missing.
type Difference struct {
	// Path is for people: spec.template.spec.containers[registry].image.
	Path          string
	Before, After any
}

// Differences lists the fields in which two trees differ in meaning. Comments, styles,
// the order of keys and null values have none; neither has the order of a list whose
// items have names, except for init containers and for variables that refer to others.
func Differences(before, after *yaml.RNode) []Difference {
	var d differ
	d.compare("", treeOf(before), treeOf(after))
	return d.found
}

func treeOf(n *yaml.RNode) any {
	if n.IsNil() {
		return nil
	}
	return valueOf(n.YNode())
}

type differ struct{ found []Difference }

func (d *differ) compare(path string, before, after any) {
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok {
			d.mappings(path, before, after)
			return
		}
	case []any:
		if after, ok := after.([]any); ok {
			d.lists(path, before, after)
			return
		}
	}
	if !same(before, after) {
		d.found = append(d.found, Difference{path, before, after})
	}
}

func (d *differ) mappings(path string, before, after map[string]any) {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, now := before[key], after[key]
		if key == "labels" || key == "annotations" {
			old, now = orNil(old), orNil(now)
		}
		d.compare(below(path, key), old, now)
	}
}

// orNil returns nil for an empty map, which means the same for labels and annotations.
func orNil(value any) any {
	if fields, ok := value.(map[string]any); ok && len(fields) == 0 {
		return nil
	}
	return value
}

// below returns the path of a key. Annotations and files have dots of their own.
func below(path, key string) string {
	switch {
	case strings.ContainsAny(key, "./"):
		return path + "[" + key + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func (d *differ) lists(path string, before, after []any) {
	old, oldOK := named(path, before)
	now, nowOK := named(path, after)
	if !oldOK || !nowOK {
		for i := range max(len(before), len(after)) {
			d.compare(fmt.Sprintf("%s[%d]", path, i), item(before, i), item(after, i))
		}
		return
	}
	for _, name := range old {
		d.compare(path+"["+name+"]", item(before, slices.Index(old, name)), item(after, slices.Index(now, name)))
	}
	for i, name := range now {
		if !slices.Contains(old, name) {
			d.compare(path+"["+name+"]", nil, after[i])
		}
	}
	if !ordered(path, before) && !ordered(path, after) {
		return
	}
	both := func(name string) bool { return slices.Contains(old, name) && slices.Contains(now, name) }
	old = slices.DeleteFunc(old, func(name string) bool { return !both(name) })
	now = slices.DeleteFunc(now, func(name string) bool { return !both(name) })
	if !slices.Equal(old, now) {
		d.found = append(d.found, Difference{path + " (order)", strings.Join(old, ", "), strings.Join(now, ", ")})
	}
}

// item returns an item of a list, nil where there is none.
func item(items []any, i int) any {
	if i < 0 || i >= len(items) {
		return nil
	}
	return items[i]
}

// named returns what the items of a list are known by. It reports false if one has no
// name, or has that of another.
func named(path string, items []any) (names []string, ok bool) {
	for _, item := range items {
		fields, _ := item.(map[string]any)
		keys := known(strings.ReplaceAll(path, ".", "/"), fields)
		if len(keys) == 0 {
			return nil, false
		}
		name := fmt.Sprint(fields[keys[0]])
		if slices.Contains(names, name) {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// ordered reports whether the order of a list's items has a meaning: init containers run
// one after the other, and a variable may refer to those before it.
func ordered(path string, items []any) bool {
	if strings.HasSuffix(path, "initContainers") {
		return true
	}
	return strings.HasSuffix(path, ".env") && strings.Contains(string(raw(items)), "$(")
}
