package plugin

import (
	"errors"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/postconditions"
)

// problem is one thing that is wrong, for people (text) and for programs.
type problem struct {
	Source   string `json:"source,omitempty"`
	Line     int    `json:"line,omitempty"`
	Document string `json:"document,omitempty"`
	Object   string `json:"object,omitempty"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`

	text string
}

// leaves takes a joined error apart.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	// Only err itself: a wrapper around a list has something to say about it.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, leaves(err)...)
		}
		return all
	}
	// A wrapper that says nothing of its own may hold a list.
	if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() {
		return leaves(inner)
	}
	return []error{err}
}

func problemsOf(err error) []problem {
	var all []problem
	for _, leaf := range leaves(err) {
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
		p = problem{Document: e.Document, Object: e.Object, Path: e.Field, Message: scrub(e.Message), Fix: scrub(e.Fix)}
	}
	if e, ok := errors.AsType[postconditions.Failure](err); ok {
		p = problem{Document: e.Document, Object: e.Object, Message: scrub(e.Message)}
	}
	p.text = scrub(err.Error())
	return p
}

// withoutLines takes the lines out of a scenario's errors, for a scenario that
// its user never saw as the text that was decoded.
func withoutLines(err error) error {
	var all []error
	for _, leaf := range leaves(err) {
		if e, ok := errors.AsType[scenario.Error](leaf); ok {
			e.Line = 0
			leaf = e
		}
		all = append(all, leaf)
	}
	return errors.Join(all...)
}
