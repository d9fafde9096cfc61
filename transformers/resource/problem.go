package resource

import (
	"fmt"
	"strings"

	"github.com/connected-registry/scenario/codes"
)

// Problem is one reason why a scenario cannot be applied to the manifests.
type Problem struct {
	// Code says what kind of problem it is.
	Code codes.Code
	// Document is where the object came from: its "# Source" or its number.
	Document string
	// Object is Kind/name, empty where the problem is with the whole render.
	Object string
	// Ref is what Kubernetes knows the object by.
	Ref Ref
	// Field is the path within the object, such as spec.clusterIP.
	Field string
	// Message says what was found and what was expected.
	Message string
	// Fix says what to write, and where.
	Fix string
}

// ErrorCode implements codes.Coded.
func (p Problem) ErrorCode() codes.Code { return p.Code }

// Error is the problem on one line.
func (p Problem) Error() string {
	var parts []string
	for _, part := range []string{p.Document, p.Object, p.Field, p.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := strings.Join(parts, ": ")
	if p.Fix != "" {
		text += "; " + p.Fix
	}
	return text
}

// ProblemWith returns a problem with a field of an object.
func ProblemWith(code codes.Code, o *Object, field, fix, format string, args ...any) Problem {
	return Problem{
		Code: code, Document: o.Document(), Object: o.String(), Ref: o.Ref(), Field: field,
		Message: fmt.Sprintf(format, args...), Fix: fix,
	}
}

// ProblemOf returns a problem with the manifests as a whole.
func ProblemOf(code codes.Code, fix, format string, args ...any) Problem {
	return Problem{Code: code, Message: fmt.Sprintf(format, args...), Fix: fix}
}
