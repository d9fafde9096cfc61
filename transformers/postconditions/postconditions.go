// Package postconditions checks that the patched manifests are what a scenario means.
// It shares no code with the transformers and reaches its verdict by another road:
// with types where they edit nodes, by a table of the fields that refer to something
// where they follow paths, and by what was removed from the set where they record it.
// A mistake of theirs is then not repeated here.
package postconditions

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/corev1"
	"github.com/connected-registry/scenario/transformers/decision"
	"github.com/connected-registry/scenario/transformers/resource"
)

// expected is the decision, with what the conditions ask of it.
type expected struct{ decision.Decision }

// Failure is a post-condition that does not hold: a mistake of this program, or a
// render that uses something in a way that nobody foresaw. Nothing may be written.
type Failure struct {
	// Code says which condition it is.
	Code codes.Code
	// Document is where the object came from, Object its kind and name, and Ref
	// what Kubernetes knows it by.
	Document, Object string
	Ref              resource.Ref
	// Message says what does not hold, Fix what to do about it.
	Message, Fix string
}

// Error names the object, what must have held and what to do.
func (f Failure) Error() string {
	return fmt.Sprintf("%s: %s: %s, so nothing was written; %s", f.Document, f.Object, f.Message, f.Fix)
}

// ErrorCode implements codes.Coded.
func (f Failure) ErrorCode() codes.Code { return f.Code }

func failure(code codes.Code, o *resource.Object, fix, format string, args ...any) Failure {
	return Failure{Code: code, Document: o.Document(), Object: o.String(), Ref: o.Ref(), Message: fmt.Sprintf(format, args...), Fix: fix}
}

// reads is the fix for an object that is not of its kind's form.
const reads = "correct the object where it is made; kubectl apply --dry-run=server names the field"

// Doubt is a reference to what is gone that may mean something else, or is not the
// release's to correct.
type Doubt struct {
	Code    codes.Code
	Object  *resource.Object
	Message string
}

// templated is expected with the workload's pod template. Only Check makes one, so
// that no condition can look at a template that was not decoded.
type templated struct {
	expected

	template *podTemplate
}

// proxied is templated with Kubernetes' own types, in which a proxy is judged.
type proxied struct {
	templated

	pod *corev1.PodTemplateSpec
}

// Check returns every [Failure] joined, or nil and what is in doubt.
func Check(set *resource.Set, d decision.Decision) ([]Doubt, error) {
	e := expected{d}
	if e.Workload == nil {
		return nil, codes.Errorf(codes.RegistryNotFound, "expected the registry's workload among the manifests, got none; report it with the render")
	}
	template, err := templateOf(e.Workload)
	if err != nil {
		return nil, err
	}
	t := templated{e, template}
	failures, err := failuresOf(set, t, mountPathsAreUnique, mountResolves, portsAgree, probesAgree, trustIsGone, connectionResolves, claimIsStated, podIsStated)
	if err != nil {
		return nil, err
	}
	more, err := failuresOf(set, e, goneIsGone, certificateWritesSecret, chainIsWhole, trustFollows, certManagerIsGone, addedNamesAreUnique, annotationsAreIntact,
		addressIsStated, certificateIsStated, certificateIsInSecret, runIsRecorded)
	if err != nil {
		return nil, err
	}
	failures = append(failures, more...)
	if e.Enforced || e.NoProxy {
		pod, err := typedTemplate(e.Workload)
		if err != nil {
			return nil, err
		}
		more, err := failuresOf(set, proxied{t, pod}, onlyTheProxyIsReached, nodeIsNoWayPast, proxyIsConfigured, proxyIsConfined, proxyIsGone)
		if err != nil {
			return nil, err
		}
		failures = append(failures, more...)
	}
	doubts, more, err := nothingDangles(set, e)
	if err != nil {
		return nil, err
	}
	return doubts, errors.Join(append(failures, more...)...)
}

// failuresOf runs conditions that look at the same things. An error is about an
// object that cannot be decoded.
func failuresOf[E any](set *resource.Set, e E, conditions ...func(*resource.Set, E) ([]error, error)) ([]error, error) {
	var all []error
	for _, condition := range conditions {
		failures, err := condition(set, e)
		if err != nil {
			return nil, err
		}
		all = append(all, failures...)
	}
	return all, nil
}

// noContainer is for a workload without the container that was recognised in it.
func noContainer(e expected) Failure {
	return failure(codes.MountMismatch, e.Workload, "say with spec.targets.workload which workload is the registry's", "has no container %s any more", e.Container)
}

// near says whether an object may mean names of the release's namespace.
func (e expected) near(o *resource.Object) bool {
	return o.Namespace == "" || e.Namespace == "" || o.Namespace == e.Namespace
}

// goneIsGone: every object that was to be removed was.
func goneIsGone(_ *resource.Set, e expected) ([]error, error) {
	var failures []error
	for _, gone := range e.Gone {
		if !gone.Object.Removed() {
			failures = append(failures, failure(codes.NotRemoved, gone.Object, "report it with the rendered manifests", "is still there, although it was to be removed: %s", gone.Reason))
		}
	}
	return failures, nil
}

// addedNamesAreUnique: nothing that was added takes the name of something else.
func addedNamesAreUnique(set *resource.Set, e expected) ([]error, error) {
	var failures []error
	for _, o := range set.Added() {
		same, err := set.Select([]string{o.Kind}, o.Name)
		if err != nil {
			return nil, err
		}
		for _, other := range same {
			if other != o && other.Name == o.Name && (other.Namespace == o.Namespace || e.near(other) && e.near(o)) {
				failures = append(failures, failure(codes.NameTaken, other, "rename it, or take it out of the render", "has the name of an object that was added"))
			}
		}
	}
	return failures, nil
}

// annotationsAreIntact: every annotation that an object came with is still there,
// Helm's hooks and the hosts' own above all.
func annotationsAreIntact(set *resource.Set, _ expected) ([]error, error) {
	var failures []error
	for _, o := range set.Parsed() {
		original := o.OriginalAnnotations()
		if len(original) == 0 {
			continue
		}
		annotations := o.Annotations()
		for _, key := range slices.Sorted(maps.Keys(original)) {
			if now, kept := annotations[key]; !strings.HasPrefix(key, "connectedregistry.dev/") && (!kept || now != original[key]) {
				failures = append(failures, failure(codes.AnnotationLost, o,
					"report it with this object, and leave out of the scenario what changes it", "lost or changed its annotation %s", key))
			}
		}
	}
	return failures, nil
}
