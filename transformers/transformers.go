// Package transformers patches a rendered connected registry until a scenario
// holds on it. It is pure: no files, no network, no clock, no globals; what it
// needs of those is handed in by package plugin.
package transformers

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
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
var pipeline = []struct {
	name      string
	concern   Concern
	transform func(*render) error
}{
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

// render is one run's state.
type render struct {
	set      *resource.Set
	scenario *scenario.Layer
	spec     scenario.Spec
	options  Options
	registry *registry
	state    state
	report   *Report

	// running is the transformer at work and concern what it is about, for the report.
	running string
	concern Concern
	removed []*resource.Object
	// formerIP is the Service's address that the stated one replaced, if any.
	formerIP string
	// vacated are the Secrets that only removed Certificates would have written.
	vacated []string
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
	if err := layer.Validate(); err != nil {
		return nil, err
	}
	if options.Namespace == "" {
		options.Namespace = layer.Scenario.Metadata.Namespace
	}
	reg, err := recognise(set, layer, options.Namespace)
	if err != nil && onlyHooks(set) {
		return nil, ErrOnlyHooks
	}
	if err != nil {
		return nil, err
	}
	r := &render{
		set: set, scenario: layer, spec: layer.Scenario.Spec, options: options, registry: reg,
		report: &Report{Scenario: layer.Scenario.Metadata.Name, Read: []*resource.Object{reg.workload}},
	}
	if reg.service != nil {
		r.report.Read = append(r.report.Read, reg.service)
	}
	r.noteSettings()
	if err := r.followGeneratedName(); err != nil {
		return nil, err
	}
	if r.state, err = r.effective(); err != nil {
		return nil, err
	}
	for _, t := range pipeline {
		r.running, r.concern = t.name, t.concern
		if err := t.transform(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// verify hands the result to the post-conditions, which know only what must hold
// and nothing of how it was brought about.
func (r *render) verify() error {
	connection := ""
	if c := r.scenario.ConnectionString(); c != nil {
		connection = c.Reveal()
	}
	return postconditions.Check(r.set, postconditions.Expected{
		Workload:        r.registry.workload,
		Container:       text(r.registry.container, "name"),
		CertificatePath: r.registry.certificatePath,
		Service:         r.registry.service,
		Instance:        r.registry.release.instance,
		Namespace:       r.registry.release.namespace,
		HTTP:            r.state.http,
		TLSStated:       r.state.tlsStated,
		Secret:          r.state.secret,
		NoTrust:         r.spec.TrustDistribution != nil && !r.state.trust,
		NoCertManager:   r.spec.CertManager != nil && !r.state.install,
		Removed:         r.removed,
		Vacated:         r.vacated,
		CertManager:     r.state.certManager,
		Proxy:           proxyContainer,
		Enforced:        r.state.enforced,
		NoProxy:         !r.state.enforced && r.registry.proxy != nil,

		ConnectionString: connection,
	})
}

// onlyHooks never holds for an empty stream, which is the edge's business, nor for
// one with a registry, so that it is only worth asking where none was found.
func onlyHooks(set *resource.Set) bool {
	workloads, err := set.Heads(workloadKinds)
	if err != nil || len(workloads) > 0 {
		return false
	}
	all, err := set.Heads(nil)
	if err != nil || len(all) == 0 {
		return false
	}
	for _, o := range all {
		if o.Annotations()[hookAnnotation] == "" {
			return false
		}
	}
	return true
}

func (r *render) changed(o *resource.Object, format string, args ...any) {
	concern := r.concern
	if slices.Contains(r.registry.bundle, o) {
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

// remove takes an object out of the stream.
func (r *render) remove(o *resource.Object, why string, args ...any) {
	r.set.Remove(o)
	r.removed = append(r.removed, o)
	r.changed(o, "removed: "+why, args...)
}
