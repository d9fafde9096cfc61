package codes_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/connected-registry/scenario/codes"
)

// plainErrors are the files that may make errors without a code, and why: somebody
// else gives the code.
var plainErrors = map[string]string{
	"plugin/doctor.go":              "doctor words a finding of it",
	"plugin/root.go":                "cobra hands it to flagError, which gives the code",
	"scenario/forms.go":             "ParseQuantity, whose callers word it",
	"transformers/resource/emit.go": "its callers name the object, and give the code",
	"transformers/transformers.go":  "ErrOnlyHooks, which is no failure",
}

// An error that a user sees has a code. Where this fails for code of yours: take the
// code in codes/ that names the same kind of mistake, or declare one there with its
// cause and its fix, and write
//
//	codes.Errorf(codes.X, "…")                 for fmt.Errorf and errors.New
//	problemWith(codes.X, o, field, fix, "…")   in a transformer
//	failure(codes.X, o, fix, "…")              in a post-condition
//	r.warn(codes.X, o, "…")                    for a warning
//	layer.At(codes.X, path, message, fix)      for an error at a field
//	invalid(codes.X, path, value, detail)      and its siblings in scenario/forms.go
func TestNoErrorWithoutACode(t *testing.T) {
	plain := map[string]bool{}
	visit(t, func(file string, n ast.Node, parents []ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch made := selector(n.Fun); {
			case made == "fmt.Errorf", made == "errors.New":
				plain[file] = true
				assert.Contains(t, plainErrors, file, "%s: %s; write codes.Errorf(codes.X, …)", file, made)
			case makesFieldError.MatchString(made):
				outer, ok := parents[len(parents)-1].(*ast.SelectorExpr)
				assert.True(t, ok && outer.Sel.Name == "WithOrigin", "%s: %s; its WithOrigin must be the code's name", file, made)
			}
		case *ast.CompositeLit:
			if hasCode.MatchString(typeName(n.Type)) {
				assertCode(t, file, n)
			}
			if list, ok := strings.CutPrefix(typeName(n.Type), "[]"); ok && hasCode.MatchString(list) || typeName(n.Type) == "Errors" {
				for _, element := range n.Elts {
					if inner, ok := element.(*ast.CompositeLit); ok {
						assertCode(t, file, inner)
					}
				}
			}
		}
	})
	for file := range plainErrors {
		assert.True(t, plain[file], "%s makes no plain error any more", file)
	}
}

var (
	makesFieldError = regexp.MustCompile(`^field\.(Invalid|Forbidden|Required|Duplicate|NotFound|NotSupported|TooLong|TooMany|TypeInvalid|InternalError)$`)
	hasCode         = regexp.MustCompile(`^(scenario\.|transformers\.|postconditions\.|keypair\.)?(Error|Problem|Failure|Warning|Note)$`)
)

// assertCode: the zero value is none, and fields in a row are all of them.
func assertCode(t *testing.T, file string, literal *ast.CompositeLit) {
	t.Helper()
	if len(literal.Elts) == 0 {
		return
	}
	coded := false
	for _, element := range literal.Elts {
		pair, keyed := element.(*ast.KeyValueExpr)
		coded = coded || !keyed || fmt.Sprint(pair.Key) == "Code"
	}
	assert.True(t, coded, "%s: a %s without a Code", file, typeName(literal.Type))
}

// Every code is in use: one that is not is a promise that nothing keeps.
func TestEveryCodeIsUsed(t *testing.T) {
	used := map[string]bool{}
	visit(t, func(_ string, n ast.Node, _ []ast.Node) {
		if s, ok := n.(*ast.SelectorExpr); ok {
			used[selector(s)] = true
		}
	})
	declared := 0
	for _, file := range sources(t, "codes") {
		for _, d := range parse(t, file).Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				value := spec.(*ast.ValueSpec)
				if call, ok := value.Values[0].(*ast.CallExpr); ok && fmt.Sprint(call.Fun) == "declare" {
					declared++
					name := value.Names[0].Name
					assert.True(t, used["codes."+name] || name == "Unforeseen", "codes.%s is not used; remove it", name)
				}
			}
		}
	}
	assert.Len(t, codes.All(), declared)
}

func TestEveryCodeSaysCauseAndFix(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range codes.All() {
		name := e.Code.String()
		assert.Regexp(t, `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`, name)
		assert.False(t, seen[name], "%s is declared twice", name)
		seen[name] = true
		for _, text := range []string{e.Cause, e.Fix} {
			assert.Regexp(t, `(?s)^([A-Z`+"`"+`]|cert-manager|stdin).*\.$`, text, "%s: whole sentences", name)
		}
		found, ok := codes.Find("[" + name + "]")
		assert.True(t, ok)
		assert.Equal(t, e, found)
		assert.NotPanics(t, func() { _ = e.Group.String() })
	}
	_, ok := codes.Find("no-such-code")
	assert.False(t, ok)
	assert.Equal(t, codes.Code{}, codes.Named("no-such-code"))
}

func TestCodeOfAnError(t *testing.T) {
	inner := errors.New("full disk")
	coded := codes.Errorf(codes.StreamFailed, "cannot write: %w", inner)
	assert.EqualError(t, coded, "cannot write: full disk")
	assert.ErrorIs(t, coded, inner)
	assert.Equal(t, codes.StreamFailed, codes.Of(fmt.Errorf("while writing: %w", coded)))
	assert.Equal(t, codes.Unforeseen, codes.Of(inner))
	assert.Equal(t, codes.Code{}, codes.Of(nil))

	both := errors.Join(coded, errors.Join(inner))
	assert.Len(t, codes.Leaves(both), 2)
	assert.Empty(t, codes.Leaves(nil))
	assert.Equal(t, "cannot write: full disk [stream-failed]\nfull disk [unforeseen]", codes.Text(both))
	assert.Equal(t, "fine", codes.Tag("fine", codes.Code{}))
}

// visit walks the program's own sources, without its tests.
func visit(t *testing.T, see func(file string, n ast.Node, parents []ast.Node)) {
	t.Helper()
	for _, folder := range []string{"scenario", "transformers", "plugin"} {
		for _, file := range sources(t, folder) {
			var parents []ast.Node
			ast.Inspect(parse(t, file), func(n ast.Node) bool {
				if n == nil {
					parents = parents[:len(parents)-1]
					return true
				}
				see(file, n, parents)
				parents = append(parents, n)
				return true
			})
		}
	}
}

func sources(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(filepath.Join("..", folder), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			files = append(files, strings.TrimPrefix(filepath.ToSlash(path), "../"))
		}
		return err
	}))
	require.NotEmpty(t, files)
	slices.Sort(files)
	return files
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, 0)
	require.NoError(t, err)
	return parsed
}

func selector(e ast.Expr) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return fmt.Sprint(s.X) + "." + s.Sel.Name
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return selector(e)
	case *ast.ArrayType:
		return "[]" + typeName(e.Elt)
	}
	return ""
}
