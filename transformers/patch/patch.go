// Package patch says what a run changed as patches of kustomize's, for those who
// cannot execute a program where they deploy. It is pure.
//
// A patch is as exact as kustomize lets one be: it names kind and name, tests what
// it found before it changes anything by a position in a list, and holds no secret.
// Where it is applied to another render than the one it was made for, it fails
// instead of patching something else.
package patch

import (
	"bytes"
	"slices"
	"strings"

	k8syaml "sigs.k8s.io/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Patch is one entry of a kustomization's patches. Flux's are the same.
// Source: sigs.k8s.io/kustomize/api/types, github.com/fluxcd/pkg/apis/kustomize.
type Patch struct {
	Target *Target `json:"target,omitempty"`
	Patch  string  `json:"patch"`
}

// Identity is by what kustomize knows an object.
type Identity struct {
	APIVersion, Kind, Namespace, Name string
}

// String is the identity for messages.
func (id Identity) String() string {
	if id.Namespace == "" {
		return id.Kind + "/" + id.Name
	}
	return id.Kind + "/" + id.Namespace + "/" + id.Name
}

func identityOf(o *resource.Object) Identity {
	return Identity{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// Secret is one that a run added or changed, and that is written nowhere: somebody
// has to create it.
type Secret struct {
	Identity
	Type string
	// Keys are the keys that it must have, in order.
	Keys []string
	// SameAsCrt says that ca.crt is the certificate itself.
	SameAsCrt bool
	// Rendered says that the chart renders a Secret of this name, which goes.
	Rendered bool
}

// Set is everything that a run changed.
type Set struct {
	// Found are the objects that must be there for the patches to mean anything,
	// with the targets that select them and nothing else.
	Found []Found
	// Patches change and remove objects.
	Patches []Patch
	// Added are new objects, as YAML.
	Added []string
	// AddedWithoutNamespace says that one of them states none.
	AddedWithoutNamespace bool
	// Secrets have to be created by hand.
	Secrets []Secret

	removed, read int
	inPod         bool // a change is within a pod's template
}

// Found is an object that a patch is for.
type Found struct {
	Identity
	Target Target
	// Hook says that Helm takes it for a hook.
	Hook bool
}

// Between compares the objects of a render with those that a run made of them. What it
// read to that end is tested, changed or not, if anything was worked out from it.
func Between(before, after, read []*resource.Object) (*Set, error) {
	if err := checkUnique(before); err != nil {
		return nil, err
	}
	now := map[Identity]*resource.Object{}
	for _, o := range after {
		now[identityOf(o)] = o
	}
	all, made := identities(before), &Set{}
	for _, o := range before {
		id := identityOf(o)
		made.compare(o, now[id], all)
		delete(now, id)
	}
	for _, o := range after {
		if now[identityOf(o)] != nil {
			made.add(o)
		}
	}
	if len(made.Added) > 0 || made.inPod {
		made.testRead(before, identities(read), all)
	}
	return made, nil
}

// testRead tests those of the objects that a run read and did not change.
func (s *Set) testRead(before []*resource.Object, read, all []Identity) {
	for _, o := range before {
		found := foundOf(o, all)
		patched := slices.ContainsFunc(s.Found, func(f Found) bool { return f.Identity == found.Identity })
		if patched || !slices.Contains(read, found.Identity) {
			continue
		}
		s.read++
		s.Found = append(s.Found, found)
		s.patch(found, text(sourceTests(found.Identity, valueOf(o.Node().YNode()))))
	}
}

func foundOf(o *resource.Object, all []Identity) Found {
	id := identityOf(o)
	return Found{Identity: id, Target: targetOf(id, all), Hook: o.Annotations()["helm.sh/hook"] != ""}
}

// checkUnique refuses what kustomize refuses, with the words to understand it.
func checkUnique(objects []*resource.Object) error {
	seen := map[Identity]*resource.Object{}
	for _, o := range objects {
		id := identityOf(o)
		if first := seen[id]; first != nil {
			return codes.Errorf(codes.ObjectTwice, "%s is in the render twice (%s and %s), and kustomize takes every object once only; "+
				"a Helm hook that is named like a template is left out by helm template --no-hooks", id, first.Document(), o.Document())
		}
		seen[id] = o
	}
	return nil
}

func identities(objects []*resource.Object) []Identity {
	var all []Identity
	for _, o := range objects {
		all = append(all, identityOf(o))
	}
	return all
}

func (s *Set) compare(before, after *resource.Object, all []Identity) {
	found := foundOf(before, all)
	if after == nil {
		s.remove(found)
		return
	}
	old, now := valueOf(before.Node().YNode()), valueOf(after.Node().YNode())
	if same(old, now) {
		return
	}
	if before.Kind == "Secret" && !same(secretParts(old), secretParts(now)) {
		secret := secretOf(after, now)
		secret.Rendered = true
		s.Secrets = append(s.Secrets, secret)
		s.remove(found)
		return
	}
	s.Found = append(s.Found, found)
	merge, rest, goal := metadataPatch(found.Identity, old, now)
	// A render with another version of the API has other fields.
	tests := []Operation{{Op: "test", Path: "/apiVersion", Value: raw(before.APIVersion)}}
	operations := Operations(rest, goal)
	if len(operations) > 0 {
		tests = sourceTests(found.Identity, old)
		s.inPod = s.inPod || lookup(old, "spec", "template") != nil
	}
	if merge != nil {
		s.patch(found, text(tests))
		s.patch(found, text(merge))
		tests = tests[:1]
	}
	if len(operations) == 0 {
		return
	}
	operations = append(slices.Clip(tests), operations...)
	if last := operations[len(operations)-1]; bytes.HasSuffix(last.Value, []byte(`\n"`)) {
		// kustomize trims a patch, and with it the end of a text of several lines.
		operations = append(operations, tests[0])
	}
	s.patch(found, text(operations))
}

func (s *Set) patch(found Found, patch string) {
	s.Patches = append(s.Patches, Patch{Target: &found.Target, Patch: patch})
}

// remove takes an object out whole.
func (s *Set) remove(found Found) {
	s.removed++
	s.Found = append(s.Found, found)
	s.patch(found, text(map[string]any{
		"$patch": "delete", "apiVersion": found.APIVersion, "kind": found.Kind,
		"metadata": map[string]any{"name": found.Name},
	}))
}

func (s *Set) add(o *resource.Object) {
	if o.Kind == "Secret" {
		s.Secrets = append(s.Secrets, secretOf(o, valueOf(o.Node().YNode())))
		return
	}
	s.Added = append(s.Added, text(valueOf(o.Node().YNode())))
	s.AddedWithoutNamespace = s.AddedWithoutNamespace || o.Namespace == ""
}

// secretParts are the parts of a Secret that are secret.
func secretParts(object any) any {
	fields, _ := object.(map[string]any)
	return map[string]any{"data": fields["data"], "stringData": fields["stringData"]}
}

// secretOf says what a Secret must be without saying what is in it.
func secretOf(o *resource.Object, object any) Secret {
	fields, _ := object.(map[string]any)
	secret := Secret{Identity: identityOf(o)}
	secret.Type, _ = fields["type"].(string)
	data := map[string]any{}
	for _, part := range []string{"data", "stringData"} {
		values, _ := fields[part].(map[string]any)
		for key, value := range values {
			data[key] = value
		}
	}
	for key := range data {
		secret.Keys = append(secret.Keys, key)
	}
	slices.SortFunc(secret.Keys, func(a, b string) int { return strings.Compare(order(a), order(b)) })
	secret.SameAsCrt = data["ca.crt"] != nil && data["ca.crt"] == data["tls.crt"]
	return secret
}

// order puts the keys of a TLS Secret first, as one says them.
func order(key string) string {
	if i := slices.Index([]string{"tls.crt", "tls.key", "ca.crt"}, key); i >= 0 {
		return string(rune('0' + i))
	}
	return "~" + key
}

// text is YAML in which every string that could be taken for something else is
// quoted, and integers stay integers.
func text(value any) string {
	out, err := k8syaml.Marshal(value)
	if err != nil { // maps, lists, strings and numbers
		panic(err)
	}
	return string(out)
}
