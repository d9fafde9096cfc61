package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/connected-registry/scenario/codes"
)

// Error is one thing wrong with a scenario.
type Error struct {
	// Code says what kind of mistake it is.
	Code codes.Code
	// Source is the scenario's file name as the user gave it.
	Source string
	// Line is 1-based; 0 means that it is not known.
	Line int
	// Path is the field's path from the root of the object, "spec.tls.crt".
	Path string
	// Message says what was found and what was expected.
	Message string
	// Fix says what to write, as a clause of its own ("write mode: ReadOnly");
	// it may be empty.
	Fix string
}

// ErrorCode implements codes.Coded.
func (e Error) ErrorCode() codes.Code { return e.Code }

// mistake is an Error whose place is still to be filled in. The zero Error is none.
func mistake(code codes.Code, message, fix string) Error {
	return Error{Code: code, Message: message, Fix: fix}
}

// found says that e is one.
func (e Error) found() bool { return e.Message != "" }

// Error renders e as "site.yaml:7: spec.tls.secret: message; fix". Parts that
// are not known are left out.
func (e Error) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// Errors is everything wrong with a scenario, ordered by source, line and path.
type Errors []Error

// Error renders one problem a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.Is and errors.As each problem.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// sorted returns es in its stable order, as an error: nil for none, so that no
// caller compares a typed nil with nil.
func (es Errors) sorted() error {
	if len(es) == 0 {
		return nil
	}
	es.sort()
	return es
}

func (es Errors) sort() {
	slices.SortStableFunc(es, func(a, b Error) int {
		return cmp.Or(
			cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Path, b.Path),
		)
	})
}

// At is an error on a field of the scenario, for packages that find one only
// with a chart at hand. Source and line are those of the field, else of its
// nearest stated ancestor, else the layer's source and no line.
func (l *Layer) At(code codes.Code, path, message, fix string) Error {
	return l.placed(mistake(code, message, fix), path)
}

// placed fills in where a field was stated.
func (l *Layer) placed(e Error, path string) Error {
	at := l.position(path)
	e.Source, e.Line, e.Path = at.source, at.line, path
	return e
}

// Translate gives each field error its file and line; its Origin is the code's name. A detail's last part
// becomes the fix where it starts as all fixes here do: with "; write", "; run",
// "; remove" or "; use".
func (l *Layer) Translate(list field.ErrorList) Errors {
	var es Errors
	for _, fe := range list {
		bare := *fe
		var fix string
		bare.Detail, fix = splitFix(fe.Detail)
		es = append(es, l.At(codes.Named(fe.Origin), fe.Field, bare.ErrorBody(), fix))
	}
	es.sort()
	return es
}

func splitFix(detail string) (message, fix string) {
	at := len(detail)
	for _, verb := range []string{"; write ", "; run ", "; remove ", "; use "} {
		if i := strings.Index(detail, verb); i >= 0 && i < at {
			at = i
		}
	}
	if at == len(detail) {
		return detail, ""
	}
	return detail[:at], detail[at+2:]
}

// position is where a field was stated.
type position struct {
	source string
	line   int
}

func (l *Layer) position(path string) position {
	for p := path; ; p = parent(p) {
		if at, ok := l.fields[p]; ok {
			return at
		}
		if p == "" {
			return position{source: l.Source}
		}
	}
}

// parent cuts the last name, [index] or [key] off a path; keys may hold dots.
func parent(path string) string {
	if strings.HasSuffix(path, "]") {
		return path[:max(strings.LastIndexByte(path, '['), 0)]
	}
	return path[:max(strings.LastIndexByte(path, '.'), 0)]
}
