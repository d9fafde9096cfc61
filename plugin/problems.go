package plugin

import (
	"errors"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/postconditions"
	"github.com/connected-registry/scenario/transformers/resource"
)

// problem is one thing that is wrong, for people (text) and for programs.
type problem struct {
	Source   string `json:"source,omitempty"`
	Line     int    `json:"line,omitempty"`
	Document string `json:"document,omitempty"`
	Object   string `json:"object,omitempty"`
	// Ref is the object's identity, for programs.
	Ref     *resource.Ref `json:"resourceRef,omitempty"`
	Path    string        `json:"path,omitempty"`
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Fix     string        `json:"fix,omitempty"`

	text string
}

func problemsOf(err error) []problem {
	var all []problem
	for _, leaf := range codes.Leaves(err) {
		all = append(all, problemOf(leaf))
	}
	return all
}

// problemOf is one error as data. No text of it holds a secret, even if one came
// in by way of an error of somebody else's.
func problemOf(err error) problem {
	p := problem{Message: scrub(err.Error())}
	if e, ok := errors.AsType[scenario.Error](err); ok {
		p = problem{Source: e.Source, Line: e.Line, Path: e.Path, Message: scrub(e.Message), Fix: scrub(e.Fix)}
	}
	if e, ok := errors.AsType[transformers.Problem](err); ok {
		p = problem{Document: e.Document, Object: e.Object, Ref: refOf(e.Ref), Path: e.Field, Message: scrub(e.Message), Fix: scrub(e.Fix)}
	}
	if e, ok := errors.AsType[postconditions.Failure](err); ok {
		p = problem{Document: e.Document, Object: e.Object, Ref: refOf(e.Ref), Message: scrub(e.Message), Fix: scrub(e.Fix)}
	}
	code := codes.Of(err)
	p.Code, p.text = code.String(), codes.Tag(scrub(err.Error()), code)
	return p
}

func refOf(ref resource.Ref) *resource.Ref {
	if ref == (resource.Ref{}) {
		return nil
	}
	return &ref
}

// withoutLines takes the lines out of a scenario's errors, for a scenario that
// its user never saw as the text that was decoded.
func withoutLines(err error) error {
	var all []error
	for _, leaf := range codes.Leaves(err) {
		if e, ok := errors.AsType[scenario.Error](leaf); ok {
			e.Line = 0
			leaf = e
		}
		all = append(all, leaf)
	}
	return errors.Join(all...)
}
