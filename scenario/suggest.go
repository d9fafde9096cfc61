package scenario

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
)

// chartOnly are settings that the documentation shows and that no manifest of
// the registry's can be patched for.
var chartOnly = []string{"connectionstring", "image", "sync", "sync.chunksizeinmb", "service.type"}

// unknownField words the error on a key that t, the struct at path, has no field
// for. It knows the spellings of the extension's documentation: another letter
// case, hyphens, dotted keys, and settings that were renamed.
func unknownField(t reflect.Type, path, key string, val *yaml.Node) Error {
	unknown := func(fix string) Error { return mistake(codes.UnknownField, "unknown field", fix) }
	plain := normalize(key)
	switch {
	case strings.ContainsAny(key, curlyQuotes):
		return mistake(codes.CurlyQuotes, "found a key with curly quotes", fixCurlyQuotes)
	case path == "" && (key == "argsOneLiner" || key == "argsFromFile"):
		return mistake(codes.ScenarioArguments, "a scenario takes no arguments", "remove it and write every setting below spec")
	case strings.HasSuffix(plain, "skipnodeselector"):
		return mistake(codes.RenamedSetting, "the setting of older charts, of opposite polarity to useNodeSelector",
			"write "+opposite("trustDistribution.useNodeSelector", val))
	case plain == "httpsenabled":
		return mistake(codes.RenamedSetting, "the setting of early documentation, of opposite polarity to httpEnabled",
			"write "+opposite("httpEnabled", val))
	}
	known := fieldsOf(t).names()
	if i := slices.IndexFunc(known, func(k string) bool { return normalize(k) == plain }); i >= 0 {
		return unknown("write " + known[i])
	}
	// Dotted, as in "az … --config tls.crt=…"; or with the first dot a hyphen, as
	// documentation has it by mistake.
	for _, dotted := range []string{key, strings.Replace(key, "-", ".", 1)} {
		if at, ok := resolveDotted(t, dotted); ok {
			return unknown(fmt.Sprintf("write %s below %s", leaf(at), parent(at)))
		}
	}
	if slices.Contains(chartOnly, plain) || path == "spec.service" && plain == "type" {
		return mistake(codes.ChartSetting, "a setting of the chart, not of a scenario", "remove it and give it to the chart")
	}
	var meant []string
	for _, k := range known {
		if near(k, key) {
			meant = append(meant, k)
		}
	}
	if len(meant) > 0 {
		return unknown("write " + strings.Join(meant, " or "))
	}
	if at := elsewhere(reflect.TypeFor[Scenario](), "", plain); len(at) > 0 {
		return unknown("write it as " + strings.Join(at[:min(len(at), 3)], " or "))
	}
	return unknown("write one of " + strings.Join(known, ", "))
}

// opposite spells a boolean field with the other value than val, where val is one.
func opposite(path string, val *yaml.Node) string {
	var b bool
	if n := follow(val); n.Kind == yaml.ScalarNode && n.ShortTag() == yaml.NodeTagBool && n.Decode(&b) == nil {
		return fmt.Sprintf("%s: %t", path, !b)
	}
	return path + " with the opposite value"
}

// normalize makes the documentation's spellings of a name equal.
func normalize(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// resolveDotted finds the field that a dotted key means, from t on.
func resolveDotted(t reflect.Type, dotted string) (path string, ok bool) {
	segments := strings.Split(dotted, ".")
	if len(segments) < 2 {
		return "", false
	}
	for _, s := range segments {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return "", false
		}
		names := fieldsOf(t)
		i := slices.IndexFunc(names, func(k string) bool { return k != "" && normalize(k) == normalize(s) })
		if i < 0 {
			return "", false
		}
		path, t = join(path, names[i]), t.Field(i).Type
	}
	return path, true
}

// elsewhere lists the fields below t whose name is plain.
func elsewhere(t reflect.Type, path, plain string) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var found []string
	for i, name := range fieldsOf(t) {
		if name == "" {
			continue
		}
		at := join(path, name)
		if normalize(name) == plain {
			found = append(found, at)
		}
		found = append(found, elsewhere(t.Field(i).Type, at, plain)...)
	}
	return found
}

// near says that a was meant as b: one starts the other, or they differ in a
// letter or two.
func near(a, b string) bool {
	a, b = normalize(a), normalize(b)
	if len(a) > 2*maxKey || min(len(a), len(b)) < 3 {
		return a == b
	}
	if min(len(a), len(b)) >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
		return true
	}
	allowed := 1
	if min(len(a), len(b)) >= 6 {
		allowed = 2
	}
	return distance(a, b) <= allowed
}

// distance counts the bytes to insert, delete or replace, a swap of two
// neighbours being one (optimal string alignment).
func distance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
