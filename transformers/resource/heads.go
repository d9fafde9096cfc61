package resource

import (
	"bytes"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Heads is Select for callers who mostly look at identity, labels and
// annotations: of a document that begins with apiVersion, kind and metadata, as
// nearly all do, only these are parsed. Node parses the rest when it is asked
// for. cert-manager's CRDs, about 1 MB, are never worth it.
func (s *Set) Heads(kinds []string, needles ...string) ([]*Object, error) {
	return s.find(newQuery(kinds, needles), true)
}

// parseHead returns a unit of which only the head was read, nil where only the
// whole document can tell.
func parseHead(s *Set, doc int) *unit {
	raw := s.chunk(doc)
	kind := s.kindOf(doc)
	if kind == doubtful || strings.HasSuffix(kind, "List") {
		return nil
	}
	root, err := parseText(headOf(raw))
	if err != nil || len(root.Content) != 1 || child(root.Content[0], "metadata") == nil {
		return nil
	}
	if scalar(root.Content[0], "kind") != kind || expand(root) != nil {
		return nil
	}
	if checkIdentities(root.Content[0]) != nil {
		return nil
	}
	u := &unit{set: s, doc: doc, raw: raw, root: root, head: true, print: fingerprint(root)}
	u.collect(root.Content[0])
	return u
}

// headOf cuts the lines of apiVersion, kind and metadata off the start of a
// document, nil where something else stands among them. Nothing that comes before
// metadata can reach over its line then, and what its lines begin and do not end,
// such as a quoted scalar, will not parse.
func headOf(raw []byte) []byte {
	if isSeparator(raw) {
		_, raw = cutLine(raw)
	}
	rest, metadata := raw, false
	for len(rest) > 0 {
		line, next := cutLine(rest)
		key := line[:plainKey(line)]
		switch {
		case len(line) == 0 || line[0] == '#' || line[0] == ' ' && (metadata || blankOrComment(line)):
		case metadata:
			if again(rest, "apiVersion") || again(rest, "metadata") {
				return nil
			}
			return raw[:len(raw)-len(rest)]
		case string(key) == "metadata":
			if !blankOrComment(line[len("metadata:"):]) {
				return nil
			}
			metadata = true
		case string(key) == "kind" || string(key) == "apiVersion" && plainVersion(line[len("apiVersion:"):]):
		default:
			return nil
		}
		rest = next
	}
	if !metadata {
		return nil
	}
	return raw
}

// again reports whether a key stands at the start of a line of what follows a head.
func again(rest []byte, key string) bool {
	return bytes.HasPrefix(rest, []byte(key)) || bytes.Contains(rest, []byte("\n"+key))
}

// plainVersion accepts a value that ends on its line: an API version, perhaps
// quoted.
func plainVersion(value []byte) bool {
	value = bytes.TrimSpace(value)
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		value = value[1 : len(value)-1]
	}
	for _, c := range value {
		if !isAlphanumeric(c) && c != '.' && c != '/' && c != '-' {
			return false
		}
	}
	return len(value) > 0
}

// complete parses the rest of a document of which only the head was read. Its
// object stays the same one.
func (u *unit) complete() error {
	whole, err := parseUnit(u.set, u.doc, maxDocument)
	if err != nil {
		return err
	}
	u.head = false
	u.parsed, u.root, u.print = whole.parsed, whole.root, whole.print
	o := u.objects[0]
	o.node, o.print = yaml.NewRNode(whole.root.Content[0]), whole.print
	return nil
}

// wholly completes the document of an object. Whoever asks for a tree cannot be
// given an error: it is kept, and nothing is written then.
func (o *Object) wholly() {
	if o.unit == nil || !o.unit.head {
		return
	}
	if err := o.unit.complete(); err != nil {
		o.unit.head = false
		o.set.broken = err
	}
}
