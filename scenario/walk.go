package scenario

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
)

// decoder walks a YAML node and the Go value that it shall fill, side by side.
type decoder struct {
	layer     *Layer
	withLines bool
	values    int // how many more it visits
	errs      Errors
}

func (d *decoder) add(code codes.Code, path string, line int, message, fix string) {
	if !d.withLines {
		line = 0
	}
	d.errs = append(d.errs, Error{code, d.layer.Source, line, path, message, fix})
}

// value fills v from n, which path and line name.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, line int) {
	if d.values--; d.values < 0 {
		if d.values == -1 {
			d.add(codes.FileTooLarge, path, line, fmt.Sprintf("the file holds more than %d values, aliases followed", maxValues), "")
		}
		return
	}
	n = follow(n)
	if isNull(n) {
		return
	}
	at := position{source: d.layer.Source}
	if d.withLines {
		at.line = line
	}
	d.layer.fields[path] = at
	if strings.HasPrefix(path, "spec") && strings.ContainsAny(n.Value, curlyQuotes) {
		d.add(codes.CurlyQuotes, path, line, "found curly quotes, as a web page or a word processor makes them", fixCurlyQuotes)
		return
	}

	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, line)
	case reflect.Struct:
		d.object(n, v, path, line)
	case reflect.Map:
		d.stringMap(n, v, path, line)
	case reflect.Slice:
		d.list(n, v, path, line)
	case reflect.Bool:
		d.boolean(n, v, path, line)
	case reflect.Int:
		d.integer(n, v, path, line)
	case reflect.String:
		d.text(n, v, path, line)
	default:
		panic("scenario: no decoding of a " + v.Type().String() + " at " + path)
	}
}

func (d *decoder) object(n *yaml.Node, v reflect.Value, path string, line int) {
	known := fieldsOf(v.Type())
	if n.Kind != yaml.MappingNode {
		d.add(codes.WrongType, path, line, fmt.Sprintf("found %s, expected a mapping", describe(n, path)),
			"write one or more of "+strings.Join(known.names(), ", "))
		return
	}
	d.pairs(n, path, func(key string, keyLine int, val *yaml.Node) {
		child := join(path, key)
		i, ok := known.index(key)
		if !ok {
			if !printable(key) {
				d.add(codes.UnknownField, path, keyLine, fmt.Sprintf("unknown field with a name of %d characters", len(key)), "")
				return
			}
			e := unknownField(v.Type(), path, key, val)
			d.add(e.Code, child, keyLine, e.Message, e.Fix)
			return
		}
		d.value(val, v.Field(i), child, keyLine)
	})
}

func (d *decoder) stringMap(n *yaml.Node, v reflect.Value, path string, line int) {
	if n.Kind != yaml.MappingNode {
		d.add(codes.WrongType, path, line, fmt.Sprintf("found %s, expected a mapping", describe(n, path)), "")
		return
	}
	m := map[string]string{}
	d.pairs(n, path, func(key string, keyLine int, val *yaml.Node) {
		if isNull(follow(val)) {
			return
		}
		var text string
		d.value(val, reflect.ValueOf(&text).Elem(), path+"["+key+"]", keyLine)
		m[key] = text
	})
	// An empty map states nothing, in a layer neither.
	if len(m) > 0 {
		v.Set(reflect.ValueOf(m))
	}
}

// pairs visits the keys of a mapping, each once.
func (d *decoder) pairs(n *yaml.Node, path string, visit func(key string, line int, val *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, line := follow(n.Content[i]), n.Content[i].Line
		if k.Kind != yaml.ScalarNode {
			d.add(codes.WrongType, path, line, "found "+describe(k, path)+" as a key, expected a name", "")
			continue
		}
		if k.ShortTag() == yaml.MergeTag {
			d.add(codes.WrongType, path, line, "found a YAML merge key (<<)",
				"write the fields out, or give what is shared as a scenario of its own")
			continue
		}
		if k.ShortTag() != yaml.NodeTagString {
			d.add(codes.WrongType, path, line, "found "+describe(k, path)+" as a key, expected a name", "write it in quotes")
			continue
		}
		if !d.plain(k.Value, path, line) {
			continue
		}
		if first, ok := seen[k.Value]; ok {
			message := "stated twice"
			if d.withLines {
				message = fmt.Sprintf("stated twice, first on line %d", first)
			}
			if !printable(k.Value) {
				message = "a name " + message
			} else {
				path = join(path, k.Value)
			}
			d.add(codes.DuplicateField, path, line, message, "remove one of the two")
			continue
		}
		seen[k.Value] = line
		visit(k.Value, line, n.Content[i+1])
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, line int) {
	if n.Kind != yaml.SequenceNode {
		fix := ""
		if n.Kind == yaml.ScalarNode && !isSecret(path) {
			fix = assign(path, "["+show(n.Value)+"]")
		}
		d.add(codes.WrongType, path, line, fmt.Sprintf("found %s, expected a list", describe(n, path)), fix)
		return
	}
	// Not nil even when empty: a stated empty list replaces what is there.
	out := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), maxValues))
	for i, entry := range n.Content {
		child := fmt.Sprintf("%s[%d]", path, i)
		if isNull(follow(entry)) {
			d.add(codes.WrongType, child, entry.Line, "found an empty entry", "remove it")
			continue
		}
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(entry, item, child, entry.Line)
		if d.values < 0 {
			return
		}
		out = reflect.Append(out, item)
	}
	v.Set(out)
}

func (d *decoder) boolean(n *yaml.Node, v reflect.Value, path string, line int) {
	var b bool
	if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagBool && n.Decode(&b) == nil {
		v.SetBool(b)
		return
	}
	message, fix := fmt.Sprintf("found %s, expected true or false", describe(n, path)), ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagString {
		switch strings.ToLower(n.Value) {
		case "yes", "on", "y", "true":
			fix = assign(path, "true")
		case "no", "off", "n", "false":
			fix = assign(path, "false")
		}
	}
	d.add(codes.WrongType, path, line, message, fix)
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value, path string, line int) {
	var i int
	if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagInt && n.Decode(&i) == nil {
		v.SetInt(int64(i))
		return
	}
	message, fix := fmt.Sprintf("found %s, expected a whole number", describe(n, path)), ""
	if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagString {
		if i, err := strconv.Atoi(n.Value); err == nil {
			fix = assign(path, strconv.Itoa(i))
		}
	}
	d.add(codes.WrongType, path, line, message, fix)
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string, line int) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagString {
		if d.plain(n.Value, path, line) {
			v.SetString(n.Value)
		}
		return
	}
	message, fix := fmt.Sprintf("found %s, expected a string", describe(n, path)), ""
	if n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 {
		fix = "write it in quotes"
		if !isSecret(path) {
			fix = assign(path, show(n.Value))
		}
	}
	d.add(codes.WrongType, path, line, message, fix)
}

// plain refuses characters that no field can mean and that YAML holds only as
// escapes: control characters except tab and line ends, and byte order marks.
func (d *decoder) plain(text, path string, line int) bool {
	for _, r := range text {
		if (unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r)) || r == 0xfeff || r == 0xfffe || r == 0xffff {
			d.add(codes.ControlCharacter, path, line, fmt.Sprintf("found the character %U, expected text", r), "")
			return false
		}
	}
	return true
}

// isForeign says that the object is of another kind altogether, and reports it.
func (d *decoder) isForeign(root *yaml.Node) bool {
	root = follow(root)
	if root.Kind != yaml.MappingNode {
		d.add(codes.NotAScenario, "", root.Line, fmt.Sprintf("found %s, expected a scenario", describe(root, "")),
			"write apiVersion: "+APIVersion+" and kind: "+Kind)
		return true
	}
	kind := lookup(root, "kind")
	if kind == nil {
		return false
	}
	if val := follow(kind); val.Kind == yaml.ScalarNode && !isNull(val) && !near(val.Value, Kind) {
		d.add(codes.NotAScenario, "kind", kind.Line, fmt.Sprintf("found %s, expected %s", show(val.Value), Kind), "write kind: "+Kind)
		return true
	}
	return false
}

// required reports a type field that is missing or another than want.
func (d *decoder) required(path, found, want string) {
	if found == want || d.reported(path) {
		return
	}
	message := fmt.Sprintf("found %s, expected %s", show(found), want)
	if found == "" {
		message = "missing, expected " + want
	}
	d.add(codes.NotAScenario, path, d.layer.position(path).line, message, fmt.Sprintf("write %s: %s", path, want))
}

func (d *decoder) named(name string) {
	const path = "metadata.name"
	if name == "" && !d.reported(path) && !d.reported("metadata") {
		d.add(codes.NotAScenario, path, d.layer.position(path).line, "missing, expected a name for the scenario", "write metadata: {name: my-registry}")
	}
}

func (d *decoder) reported(path string) bool {
	for _, e := range d.errs {
		if e.Path == path {
			return true
		}
	}
	return false
}
