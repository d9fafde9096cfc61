package transformers

import (
	"fmt"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Report is what a run did, in the order in which it did it.
type Report struct {
	// Scenario is the scenario's name, layers joined with "+".
	Scenario string
	Changes  []Change
	Warnings []Warning
	// Notes are about what the cluster must have; there are none unless
	// Options.Advise asks for them.
	Notes []Note
	// Read are the objects from which changes are worked out, whether they are changed
	// or not: the registry's workload and its Service.
	Read []*resource.Object
}

// Change is one thing that a transformer did to one object.
type Change struct {
	Object      *resource.Object
	Transformer string
	// Concern is what the change is about; which transformer has which is in the
	// pipeline, but whatever is done to the bundled cert-manager is about that.
	Concern Concern
	// Message says what was done, in the past tense, without any secret.
	Message string
	// Evidence says why a removed object is the chart's; nil for other changes.
	Evidence *registry.Evidence
}

// String is the line that a person reads on stderr.
func (c Change) String() string {
	return fmt.Sprintf("%s: %s: %s", c.Object, c.Transformer, c.Message)
}

// Warning is something that the scenario cannot make hold by itself, or that its
// author probably did not mean.
type Warning struct {
	// Code says what kind of warning it is.
	Code codes.Code
	// Object is nil where the warning is about no object in particular.
	Object      *resource.Object
	Transformer string
	Message     string
}

// String is the line that a person reads on stderr.
func (w Warning) String() string {
	about := w.Transformer
	if w.Object != nil {
		about = w.Object.String() + ": " + about
	}
	return codes.Tag(fmt.Sprintf("warning: %s: %s", about, w.Message), w.Code)
}

// Note is something that is not the scenario's to make hold.
type Note Warning

// String is the line that a person reads on stderr.
func (n Note) String() string {
	about := "note: "
	if n.Object != nil {
		about += n.Object.String() + ": "
	}
	return codes.Tag(about+n.Message, n.Code)
}
