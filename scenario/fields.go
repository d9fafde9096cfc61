package scenario

import (
	"reflect"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// Field is a field of a scenario file as people are told of it: by explain, the
// JSON Schema and the reference. It is made of the Go types, their docstrings and
// the rules of validation, and of nothing else.
type Field struct {
	// Path is the field's, "spec.tls.secret"; empty for the scenario itself.
	Path string
	// Type is what a value is: Object, string, boolean, integer, []string or
	// map[string]string.
	Type        string
	Description string
	Required    bool
	// Values are the words that it takes; none where it takes others, too.
	Values []string
	// Accepts says in words what its values look like, where Values do not.
	Accepts string
	// Otherwise is what is taken when it is left out; empty for "as the chart
	// rendered it".
	Otherwise string
	// Fields are those of an object, in the order of the Go type.
	Fields []Field

	form form
}

// Object is the type of a field that has fields.
const Object = "Object"

// Describe returns the scenario with all its fields.
func Describe() Field {
	return objectAt(reflect.TypeFor[Scenario](), "", fieldDoc("Scenario"))
}

func objectAt(t reflect.Type, path, doc string) Field {
	f := Field{Path: path, Type: Object, Description: doc}
	for i, name := range fieldsOf(t) {
		if name == "" {
			continue
		}
		field := t.Field(i)
		child := fieldAt(field.Type, join(path, name), fieldDoc(t.Name()+"."+field.Name))
		// The tag of spec says how it is written, not that one must.
		child.Required = !strings.Contains(field.Tag.Get("json"), ",omit") && child.Path != "spec"
		f.Fields = append(f.Fields, child)
	}
	return f
}

func fieldAt(t reflect.Type, path, doc string) Field {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return objectAt(t, path, doc)
	}
	form := formOf(path)
	return Field{
		Path: path, Type: typeName(t), Description: doc, form: form,
		Values: form.values, Accepts: form.accepts + form.but, Otherwise: form.otherwise,
	}
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "integer"
	case reflect.Slice:
		return "[]string"
	case reflect.Map:
		return "map[string]string"
	}
	return "string"
}

// Name is the last part of the path.
func (f Field) Name() string { return leaf(f.Path) }

// Find returns the field at path. The path may be one that an error named, with
// the index of an entry at its end, or begin with the scenario's kind as in
// kubectl explain. Of a field that is not there the error says what may be meant.
func (f Field) Find(path string) (Field, error) {
	// An entry or a key has no description beside that of its list or map.
	plain, _, _ := strings.Cut(path, "[")
	segments := strings.Split(strings.Trim(plain, "."), ".")
	if strings.EqualFold(segments[0], Kind) {
		segments = segments[1:]
	}
	if len(segments) == 0 || segments[0] == "" {
		return f, nil
	}
	found := f
	for i, name := range segments {
		child, ok := found.child(name)
		if !ok {
			return Field{}, unknownPath(f, found, path, segments[i:])
		}
		found = child
	}
	return found, nil
}

func (f Field) child(name string) (Field, bool) {
	i := slices.IndexFunc(f.Fields, func(c Field) bool { return c.Name() == name })
	if i < 0 {
		return Field{}, false
	}
	return f.Fields[i], true
}

// unknownPath is the error on path, of which rest begins below the field known.
func unknownPath(root, known Field, path string, rest []string) error {
	where := "a scenario"
	if known.Path != "" {
		where = known.Path
	}
	if meant := known.similar(rest); len(meant) > 0 {
		return codes.Errorf(codes.UnknownField, "no field %s; did you mean %s?", show(path), strings.Join(meant, " or "))
	}
	if len(known.Fields) == 0 {
		return codes.Errorf(codes.UnknownField, "no field %s: %s is a %s and has no fields", show(path), where, known.Type)
	}
	if meant := root.below(rest); len(meant) > 0 {
		return codes.Errorf(codes.UnknownField, "no field %s; did you mean %s?", show(path), strings.Join(meant, " or "))
	}
	var names []string
	for _, c := range known.Fields {
		names = append(names, c.Name())
	}
	return codes.Errorf(codes.UnknownField, "no field %s; %s has %s", show(path), where, strings.Join(names, ", "))
}

// similar are the paths below f that segments may be slips of.
func (f Field) similar(segments []string) []string {
	if len(segments) == 0 {
		return []string{f.Path}
	}
	var meant []string
	for _, c := range f.Fields {
		if !near(c.Name(), segments[0]) {
			continue
		}
		if normalize(c.Name()) == normalize(segments[0]) {
			return c.similar(segments[1:]) // no guess is better
		}
		meant = append(meant, c.similar(segments[1:])...)
	}
	return meant
}

// below are the paths that end in segments, somewhere below f: people leave out
// the beginning.
func (f Field) below(segments []string) []string {
	var meant []string
	for _, c := range f.Fields {
		if normalize(c.Name()) == normalize(segments[0]) {
			meant = append(meant, c.similar(segments[1:])...)
		}
		meant = append(meant, c.below(segments)...)
	}
	return meant
}
