package patch

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Operation is one of a JSON patch.
// Source: RFC 6902.
type Operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Operations make of one tree the other. Whatever they do at a position in a list
// they do after a test of what stands there, and what they replace or take out they
// test for the value that was there. A mapping or list is added only where a test
// says that there is none; that a test for null holds where nothing is, is what
// kustomize's JSON patch library does beyond the RFC, and others fail at it.
func Operations(before, after any) []Operation {
	var e editor
	e.change("", before, after)
	return e.operations
}

type editor struct{ operations []Operation }

func (e *editor) do(op, path string, value any) {
	operation := Operation{Op: op, Path: path}
	if op != "remove" {
		operation.Value = raw(value)
	}
	e.operations = append(e.operations, operation)
}

func (e *editor) change(path string, before, after any) {
	if same(before, after) {
		return
	}
	switch before := before.(type) {
	case map[string]any:
		if after, ok := after.(map[string]any); ok {
			e.mapping(path, before, after)
			return
		}
	case []any:
		if after, ok := after.([]any); ok {
			e.list(path, before, after)
			return
		}
	}
	e.test(path, before)
	e.do("replace", path, after)
}

// test is for a scalar whole. Of a collection it would repeat much that others may
// change without harm, and of null it would hold where nothing is, too.
func (e *editor) test(path string, value any) {
	switch value.(type) {
	case map[string]any, []any, nil:
	default:
		e.do("test", path, value)
	}
}

func (e *editor) mapping(path string, before, after map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(before)) {
		at := path + "/" + escape(key)
		if value, stays := after[key]; stays {
			e.change(at, before[key], value)
			continue
		}
		e.test(at, before[key])
		e.do("remove", at, nil)
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, known := before[key]; known {
			continue
		}
		at := path + "/" + escape(key)
		switch after[key].(type) {
		case map[string]any, []any:
			e.do("test", at, nil)
		}
		e.do("add", at, after[key])
	}
}

// list changes items where they stand, then takes out from the end on, so that
// positions stay what they are, and then puts in from the start on.
func (e *editor) list(path string, before, after []any) {
	pairs := pair(path, before, after)
	var kept []any
	for i, item := range before {
		j := slices.Index(pairs, i)
		if j < 0 {
			continue
		}
		kept = append(kept, after[j])
		if !same(item, after[j]) {
			e.testItem(path, i, item)
			e.change(at(path, i), item, after[j])
		}
	}
	for i := len(before) - 1; i >= 0; i-- {
		if !slices.Contains(pairs, i) {
			e.testItem(path, i, before[i])
			e.do("remove", at(path, i), nil)
		}
	}
	for j, item := range after {
		switch {
		case pairs[j] >= 0:
		case j == len(kept):
			e.do("add", path+"/-", item)
			kept = append(kept, item)
		default:
			e.testItem(path, j, kept[j])
			e.do("add", at(path, j), item)
			kept = slices.Insert(kept, j, item)
		}
	}
}

func at(path string, i int) string { return path + "/" + strconv.Itoa(i) }

// testItem holds an item to what it is known by.
func (e *editor) testItem(path string, i int, item any) {
	fields, ok := item.(map[string]any)
	if !ok {
		e.do("test", at(path, i), item)
		return
	}
	keys := known(path, fields)
	for _, key := range keys {
		e.do("test", at(path, i)+"/"+escape(key), fields[key])
	}
	if len(keys) == 0 {
		e.do("test", at(path, i), item)
	}
}

// known are the fields that an item of a list is known by, none for the whole item.
// Source: the merge keys of Kubernetes' API, with the name of a volume beside the
// path that it is mounted at.
func known(path string, item map[string]any) []string {
	candidates := [][]string{{"name"}, {"key"}, {"containerPort"}, {"port"}, {"ip"}}
	if strings.HasSuffix(path, "/volumeMounts") {
		candidates = [][]string{{"mountPath", "name"}}
	}
	for _, keys := range candidates {
		if slices.ContainsFunc(keys, func(key string) bool { return !isScalar(item[key]) }) {
			continue
		}
		return keys
	}
	return nil
}

func isScalar(value any) bool {
	switch value.(type) {
	case string, json.Number, bool:
		return true
	}
	return false
}

// identity is what two items have in common that are one.
func identity(path string, item any) string {
	fields, ok := item.(map[string]any)
	if !ok {
		return string(raw(item))
	}
	if keys := known(path, fields); len(keys) > 0 {
		return keys[0] + "=" + string(raw(fields[keys[0]]))
	}
	return string(raw(item))
}

// pair finds for each item of after the one of before that it was, -1 for none, in
// ascending order: the longest common subsequence.
func pair(path string, before, after []any) []int {
	rows, columns := len(before), len(after)
	is := func(i, j int) bool { return identity(path, before[i]) == identity(path, after[j]) }
	length := make([][]int, rows+1)
	length[rows] = make([]int, columns+1)
	for i := rows - 1; i >= 0; i-- {
		length[i] = make([]int, columns+1)
		for j := columns - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if is(i, j) {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	pairs := slices.Repeat([]int{-1}, columns)
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case is(i, j) && length[i][j] == length[i+1][j+1]+1:
			pairs[j] = i
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// escape is for a key within a JSON pointer.
// Source: RFC 6901, section 3.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
