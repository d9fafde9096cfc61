// Package transformers patches a rendered connected registry until a scenario
// holds on it. It is pure: no files, no network, no clock, no globals; what it
// needs of those is handed in by package plugin.
package transformers

import (
	"errors"
	"fmt"
	"time"

	"github.com/connected-registry/scenario/transformers/registry"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/postconditions"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Options is what a run takes beside the render and the scenario.
type Options struct {
	// Now is the time against which certificates are judged.
	Now time.Time
	// Version is the program's, for the digest in the marker.
	Version string
	// Namespace is the release's, for manifests that leave theirs out. The
	// scenario's metadata.namespace comes second.
	Namespace string
	// Advise asks for Report.Notes.
	Advise bool
}

// pipeline is every transformer, in the order in which they run. The order is
// part of the meaning: the Service decides the address that certificates must
// hold, the certificate decides the Secret that is mounted, that Secret decides
// the CA that nodes are told to trust, and only then is known what nothing uses.
var pipeline = []step{
	{"service", ConcernService, service},
	{"storage", ConcernStorage, storage},
	{"connectionstring", ConcernConnection, connectionString}, // needs nothing of the others, and no other needs it
	{"certmanager", ConcernCertificate, certManager},
	{"tlssecret", ConcernCertificate, tlsSecret},
	{"tlsmount", ConcernCertificate, tlsMount},
	{"mode", ConcernReadOnly, mode},
	{"trustdistribution", ConcernTrust, trustDistribution},
	// After all that move ports, mounts and Secrets: it stands in front of what they
	// leave, and takes what an earlier run of it put there out before they see it.
	{"enforcement", ConcernReadOnly, enforcement},
	{"prune", ConcernCleanUp, prune},
	{"marker", ConcernMarker, marker},
}

// step is a transformer with its name and what it is about, for the report.
type step struct {
	name      string
	concern   Concern
	transform func(*render) error
}

// render is one run's state.
type render struct {
	set      *resource.Set
	scenario *scenario.Layer
	spec     scenario.Spec
	options  Options
	registry *registry.Registry
	// decided is what must hold on the result. It is settled before the first
	// transformer runs.
	decided decision.Decision
	report  *Report

	// running is the transformer at work and concern what it is about, for the report.
	running string
	concern Concern
	removed []*resource.Object
	// certificate is the Certificate that was adopted or added, nil for none.
	certificate *resource.Object
	// formerIP is the Service's address that the stated one replaced, if any.
	formerIP string
	// proxy is what an earlier run placed before the registry, nil for nothing.
	proxy *formerProxy
	// material is the scenario's own certificate, nil where it brings none, and
	// materialCA its CA, where that is known.
	material   *scenario.Material
	materialCA []byte
}

// ErrOnlyHooks says that the stream holds Helm hooks only, as Helm 4 passes them
// with its strategy "separate". There is nothing to patch and nothing is wrong.
var ErrOnlyHooks = errors.New("the stream holds Helm hooks only")

// Run patches set until the scenario holds on it, or says everything that is in
// the way and leaves set in an undefined state that must not be written.
//
// The error is a [Problem], a [scenario.Error], or several of them joined.
func Run(set *resource.Set, layer *scenario.Layer, options Options) (*Report, error) {
	r, err := transform(set, layer, options)
	if err != nil {
		return nil, err
	}
	if err := r.verify(); err != nil {
		return r.report, err
	}
	return r.report, r.advise()
}

// transform is Run without the post-conditions.
func transform(set *resource.Set, layer *scenario.Layer, options Options) (*render, error) {
	r, err := prepare(set, layer, options)
	if err != nil {
		return nil, err
	}
	return r, r.run(pipeline)
}

// prepare recognizes the registry and decides what must hold.
func prepare(set *resource.Set, layer *scenario.Layer, options Options) (*render, error) {
	if err := layer.Validate(); err != nil {
		return nil, err
	}
	if options.Namespace == "" {
		options.Namespace = layer.Scenario.Metadata.Namespace
	}
	reg, err := registry.Recognize(set, layer, options.Namespace)
	if err != nil && onlyHooks(set) {
		return nil, ErrOnlyHooks
	}
	if err != nil {
		return nil, err
	}
	r := &render{
		set: set, scenario: layer, spec: layer.Scenario.Spec, options: options, registry: reg,
		report: &Report{Scenario: layer.Scenario.Metadata.Name, Read: []*resource.Object{reg.Workload}},
	}
	if reg.Service != nil {
		r.report.Read = append(r.report.Read, reg.Service)
	}
	r.noteSettings()
	if err := r.followGeneratedName(); err != nil {
		return nil, err
	}
	if err := r.decide(); err != nil {
		return nil, err
	}
	if err := r.checkNames(); err != nil {
		return nil, err
	}
	if err := r.setProxyAside(); err != nil {
		return nil, err
	}
	return r, nil
}

// run carries the decision out.
func (r *render) run(steps []step) error {
	for _, s := range steps {
		r.running, r.concern = s.name, s.concern
		if err := s.transform(r); err != nil {
			return err
		}
	}
	r.reportRest()
	return nil
}

// reportRest adds a change for each object that differs from its original although no
// transformer named it: nothing is changed in silence.
func (r *render) reportRest() {
	r.running, r.concern = "pipeline", ConcernOther
	named := map[*resource.Object]bool{}
	for _, c := range r.report.Changes {
		named[c.Object] = true
	}
	for _, o := range r.set.Parsed() {
		if !named[o] && o.Changed() {
			r.changed(o, "changed in a way that no transformer reported; see the diff of plan, and report it with the rendered manifests")
		}
	}
}

// verify hands the result to the post-conditions, which know only what must hold and
// nothing of how it was brought about.
func (r *render) verify() error {
	doubts, err := postconditions.Check(r.set, r.decided)
	r.running, r.concern = "prune", ConcernCleanUp // what it left is meant
	for _, d := range doubts {
		r.warn(d.Code, d.Object, "%s", d.Message)
	}
	return err
}

// onlyHooks never holds for an empty stream, which is the edge's business, nor for
// one with a registry, so that it is only worth asking where none was found.
func onlyHooks(set *resource.Set) bool {
	workloads, err := set.Heads(registry.WorkloadKinds)
	if err != nil || len(workloads) > 0 {
		return false
	}
	all, err := set.Heads(nil)
	if err != nil || len(all) == 0 {
		return false
	}
	for _, o := range all {
		if o.Annotations()[registry.HookAnnotation] == "" {
			return false
		}
	}
	return true
}

func (r *render) changed(o *resource.Object, format string, args ...any) {
	concern := r.concern
	if r.registry.InBundle(o) {
		concern = ConcernBundle
	}
	r.report.Changes = append(r.report.Changes, Change{Object: o, Transformer: r.running, Concern: concern, Message: fmt.Sprintf(format, args...)})
}

func (r *render) warn(code codes.Code, o *resource.Object, format string, args ...any) {
	r.report.Warnings = append(r.report.Warnings, r.attention(code, o, format, args...))
}

func (r *render) attention(code codes.Code, o *resource.Object, format string, args ...any) Warning {
	return Warning{Code: code, Object: o, Transformer: r.running, Message: fmt.Sprintf(format, args...)}
}

// remove removes an object from the stream, with the evidence of its role.
func (r *render) remove(o *resource.Object, why string, args ...any) {
	r.removeFor(r.registry.EvidenceOf(o), why, args...)
}

// removeFor removes the object that the evidence is about.
func (r *render) removeFor(evidence registry.Evidence, why string, args ...any) {
	o := evidence.Object
	r.set.Remove(o)
	r.removed = append(r.removed, o)
	r.changed(o, "removed: "+why, args...)
	r.report.Changes[len(r.report.Changes)-1].Evidence = &evidence
}

// removeDecided removes the objects of a part that the decision says are gone.
func (r *render) removeDecided(part decision.Part) []*resource.Object {
	var removed []*resource.Object
	for _, gone := range r.decided.Gone {
		if gone.Part == part {
			r.remove(gone.Object, "%s", gone.Reason)
			removed = append(removed, gone.Object)
		}
	}
	return removed
}
