// Package codes names every kind of mistake that the program reports, so that an
// error or a warning can be looked up, searched for and matched by a program
// whatever the words of its message. It is the lowest layer: all others import it.
package codes

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is the stable name of a kind of mistake. Only this package makes them, so
// that a string cannot stand in for one. The zero Code names nothing, and the tests
// refuse an error that has it.
type Code struct{ name string }

// String is the code as it is shown: lower-case words parted by hyphens.
func (c Code) String() string { return c.name }

// MarshalText makes a code its name in JSON and YAML.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.name), nil }

// Entry is what there is to know about a code.
type Entry struct {
	Code  Code
	Group Group
	// Cause says why it happens, Fix what to do. Both are whole sentences of
	// Markdown without blocks or links.
	Cause, Fix string
}

// Group is where in the documentation a code stands.
type Group int

// The groups, in the documentation's order.
const (
	ScenarioFile Group = iota
	Settings
	Connection
	Certificates
	Render
	Cluster
	Live
	Result
	Calling
)

// String is the group's title.
func (g Group) String() string {
	return [...]string{
		"The scenario file", "Settings of the extension", "Connection strings", "Certificates and keys",
		"The render", "What the cluster must have", "What a cluster would refuse", "The result", "How the program is called",
	}[g]
}

// all is every entry. It is filled while the package is initialised, by declare
// alone, and never changed after that.
var all = make([]Entry, 0, 128)

// declare makes a code. It belongs to a variable of this package.
func declare(group Group, name, cause, fix string) Code {
	c := Code{name}
	all = append(all, Entry{c, group, cause, fix})
	return c
}

// All returns every code's entry, by group and name.
func All() []Entry {
	entries := slices.Clone(all)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		if a.Group != b.Group {
			return int(a.Group) - int(b.Group)
		}
		return strings.Compare(a.Code.name, b.Code.name)
	})
	return entries
}

// Find returns the entry of a code by its name. Brackets around it, as messages have
// them, do not matter.
func Find(name string) (Entry, bool) {
	name = strings.Trim(name, "[]")
	i := slices.IndexFunc(all, func(e Entry) bool { return e.Code.name == name })
	if i < 0 {
		return Entry{}, false
	}
	return all[i], true
}

// Coded is an error that knows its code.
type Coded interface {
	error
	ErrorCode() Code
}

// Of returns the code of an error: its own, or that of the first in its chain that
// has one. An error of somebody else's is Unforeseen; nil has the zero Code.
func Of(err error) Code {
	if err == nil {
		return Code{}
	}
	if coded, ok := errors.AsType[Coded](err); ok {
		return coded.ErrorCode()
	}
	return Unforeseen
}

// Leaves takes joined errors apart, as far as that loses nothing that a wrapper says.
func Leaves(err error) []error {
	if err == nil {
		return nil
	}
	if _, ok := err.(Coded); ok { //nolint:errorlint // only err itself: what it wraps may be a list
		return []error{err}
	}
	// Only err itself: a wrapper around a list has something to say about it.
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, err := range joined.Unwrap() {
			all = append(all, Leaves(err)...)
		}
		return all
	}
	// A wrapper that says nothing of its own may hold a list.
	if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() {
		return Leaves(inner)
	}
	return []error{err}
}

// Text is an error as a person reads it: a line for each of those that are joined,
// with its code.
func Text(err error) string {
	var lines []string
	for _, leaf := range Leaves(err) {
		lines = append(lines, Tag(leaf.Error(), Of(leaf)))
	}
	return strings.Join(lines, "\n")
}

// Errorf is fmt.Errorf for an error that has nothing to it but its text and a code.
func Errorf(code Code, format string, args ...any) error {
	return &coded{code, fmt.Errorf(format, args...)}
}

type coded struct {
	code Code
	err  error
}

// Error implements error.
func (e *coded) Error() string { return e.err.Error() }

// Unwrap leaves out err, which says the same.
func (e *coded) Unwrap() error { return errors.Unwrap(e.err) }

// ErrorCode implements Coded.
func (e *coded) ErrorCode() Code { return e.code }

// Tag appends a code to a message, as a person reads it.
func Tag(message string, code Code) string {
	if code == (Code{}) {
		return message
	}
	return message + " [" + code.name + "]"
}

// Named returns the code of a name that this package made, the zero Code for
// another. It is for libraries whose errors hold text only.
func Named(name string) Code {
	entry, _ := Find(name)
	return entry.Code
}
