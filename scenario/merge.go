package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// Override is a field that a later layer stated anew, or dropped.
type Override struct {
	// Path is the field's, "spec.service.clusterIP".
	Path string
	// From and To are sources: To's value replaced From's.
	From, To string
}

// Merge lays scenarios over each other; later ones win field by field. Scalars
// and whole lists replace, maps are merged key by key, and null is as if it were
// not written. The result is new, its source "base.yaml + overlay.yaml", its name
// the layers' names joined with "+"; each of its fields still knows the file that
// stated it.
//
// spec.tls is a choice: a layer that states one alternative (secret; crt, key
// and caCrt; crtFile, keyFile and caCrtFile) drops the other alternatives of
// earlier layers, and merges field by field with the same one.
//
// Merge goes from left to right: Merge(Merge(a, b), c) is Merge(a, b, c). The
// overrides say which values of the spec (and which namespace) another one
// replaced, in the order of the layers. The error is for no layers only.
func Merge(layers ...*Layer) (*Layer, []Override, error) {
	if len(layers) == 0 || slices.Contains(layers, nil) {
		return nil, nil, codes.Errorf(codes.NoScenario, "there is no scenario to merge")
	}
	m := merger{out: &Layer{fields: map[string]position{}}}
	for _, l := range layers {
		m.layer(l)
	}
	return m.out, m.overrides, nil
}

// merger lays one layer after the other over out.
type merger struct {
	out       *Layer
	from      *Layer
	overrides []Override
}

func (m *merger) layer(l *Layer) {
	m.from = l
	if m.out.Source == "" {
		m.out.Source = l.Source
	} else {
		m.out.Source += " + " + l.Source
	}
	m.out.names = append(m.out.names, l.named()...)

	dst, src := &m.out.Scenario, &l.Scenario
	m.dropTLS(dst.Spec.TLS, src.Spec.TLS)
	m.value(reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem(), "")
	m.material(dst.Spec.TLS, src.Spec.TLS)
	m.connection(l.connection)
	m.out.notes = append(m.out.notes, l.notes...)

	dst.Metadata.Name = joinedName(m.out.names)
	if m.out.Source != l.Source {
		// The line of one file's beginning says nothing about several files.
		delete(m.out.fields, "")
	}
}

// named is the names of the layers that l consists of.
func (l *Layer) named() []layerName {
	if len(l.names) > 0 {
		return l.names
	}
	return []layerName{{l.Scenario.Metadata.Name, l.position("metadata.name"), l.settings}}
}

// joinedName leaves settings out where a file gives the scenario its name.
func joinedName(names []layerName) string {
	var joined []string
	for _, n := range names {
		if !n.settings {
			joined = append(joined, n.value)
		}
	}
	if len(joined) == 0 {
		return SettingsName
	}
	return strings.Join(joined, "+")
}

// connection lays a connection string over an earlier one.
func (m *merger) connection(c *ConnectionString) {
	if c == nil {
		return
	}
	if m.out.connection != nil && *m.out.connection != *c {
		m.override(connectionPath)
	}
	m.place(connectionPath)
	m.out.connection = c
}

// value lays src over dst.
func (m *merger) value(dst, src reflect.Value, path string) {
	if src.IsZero() {
		return
	}
	switch src.Kind() {
	case reflect.Struct:
		m.place(path)
		for i, name := range fieldsOf(src.Type()) {
			if name != "" {
				m.value(dst.Field(i), src.Field(i), join(path, name))
			}
		}
	case reflect.Pointer:
		if src.Elem().Kind() == reflect.Struct {
			m.place(path)
			if dst.IsNil() {
				dst.Set(reflect.New(src.Type().Elem()))
			}
			m.value(dst.Elem(), src.Elem(), path)
			return
		}
		m.replace(dst, src, path)
		dst.Set(reflect.New(src.Type().Elem()))
		dst.Elem().Set(src.Elem())
	case reflect.Map:
		m.place(path)
		merged := map[string]string{}
		maps.Copy(merged, dst.Interface().(map[string]string))
		for _, key := range slices.Sorted(maps.Keys(src.Interface().(map[string]string))) {
			k := reflect.ValueOf(key)
			old, now := dst.MapIndex(k), src.MapIndex(k)
			if !old.IsValid() {
				old = reflect.Zero(now.Type())
			}
			m.replace(old, now, path+"["+key+"]")
			merged[key] = now.String()
		}
		dst.Set(reflect.ValueOf(merged))
	case reflect.Slice:
		m.replace(dst, src, path)
		m.forget(path + "[")
		for i := range src.Len() {
			m.place(fmt.Sprintf("%s[%d]", path, i))
		}
		dst.Set(reflect.AppendSlice(reflect.MakeSlice(src.Type(), 0, src.Len()), src))
	default:
		m.replace(dst, src, path)
		dst.Set(src)
	}
}

// replace notes that src takes dst's place, which it is about to do.
func (m *merger) replace(dst, src reflect.Value, path string) {
	if !dst.IsZero() && !reflect.DeepEqual(dst.Interface(), src.Interface()) {
		m.override(path)
	}
	m.place(path)
}

func (m *merger) override(path string) {
	// A name is joined, not replaced; labels and annotations change nothing.
	if strings.HasPrefix(path, "metadata.") && path != "metadata.namespace" {
		return
	}
	m.overrides = append(m.overrides, Override{path, m.out.position(path).source, m.from.position(path).source})
}

// place notes where the field comes from now.
func (m *merger) place(path string) { m.out.fields[path] = m.from.position(path) }

func (m *merger) forget(prefix string) {
	maps.DeleteFunc(m.out.fields, func(path string, _ position) bool { return strings.HasPrefix(path, prefix) })
}

// dropTLS takes out of dst what src's choice excludes.
func (m *merger) dropTLS(dst, src *TLS) {
	if dst == nil || src == nil {
		return
	}
	chosen := src.alternatives()
	if len(chosen) == 0 {
		return
	}
	for _, p := range dst.parts() {
		if *p.value == nil || chosen[p.by] {
			continue
		}
		path := "spec.tls." + p.name
		m.overrides = append(m.overrides, Override{path, m.out.position(path).source, m.from.position("spec.tls").source})
		*p.value = nil
		delete(m.out.fields, path)
		dst.material = nil
	}
}

// material takes over what src resolved of the fields that it states.
func (m *merger) material(dst, src *TLS) {
	if src == nil {
		return
	}
	for _, p := range src.parts() {
		if *p.value == nil || p.holds == nil {
			continue
		}
		if src.material == nil {
			// Not resolved yet: what earlier layers brought is not what is stated now.
			dst.material = nil
			return
		}
		merged := Material{}
		if dst.material != nil {
			merged = *dst.material
		}
		*p.holds(&merged) = slices.Clone(*p.holds(src.material))
		dst.material = &merged
	}
}
