// Package registry recognizes the connected registry in rendered manifests: which
// object plays which role, and the evidence for it. Objects are recognized by what
// they are, because the chart's names are not documented. Recognition changes nothing.
//
// [Recognize] returns the roles. An object that a scenario may remove has an
// [Evidence] that proves it to be the chart's; see evidence.go for the facts, bundle.go
// for the bundled cert-manager, trust.go for the DaemonSet that configures nodes, and
// names.go for names that kustomize gave.
package registry

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/resource"
)

// Role is what an object is to the registry, named as the field of spec.targets that
// overrides it.
type Role string

// The roles.
const (
	Workload          Role = "workload"
	Service           Role = "service"
	PVC               Role = "pvc"
	TrustDistribution Role = "trustDistribution"
	Certificate       Role = "certificate"
	CertManager       Role = "certManager"
)

// title names the role in a message.
func (r Role) title() string {
	return map[Role]string{
		Workload:          "registry's workload",
		Service:           "registry's Service",
		PVC:               "registry's PersistentVolumeClaim",
		TrustDistribution: "trust distribution's DaemonSet",
		Certificate:       "registry's Certificate",
		CertManager:       "bundled cert-manager's controller",
	}[r]
}

// Registry is the connected registry as recognized in rendered manifests.
type Registry struct {
	Release Release
	// Workload is the Deployment or StatefulSet, Container the registry's within it.
	Workload  *resource.Object
	Container *yaml.RNode

	// Service, PVC, Trust and Certificate are nil if the manifests hold none.
	// Ambiguous has the error for a role that several objects could play.
	Service, PVC, Trust *resource.Object
	Ambiguous           map[Role]error

	// Port is the container's port behind the Service's, nil if it declares none.
	Port *yaml.RNode
	// HTTP reports whether the registry serves plain HTTP.
	HTTP bool

	// CertificatePath is where the container looks for its certificate, and Secret
	// the name of the Secret mounted there, empty for none.
	CertificatePath string
	Secret          string
	// Certificate is the cert-manager Certificate that writes that Secret.
	Certificate *resource.Object
	// Chain is what issues it: Issuers and CA Certificates, the nearest first.
	Chain []*resource.Object
	// Bundle is the cert-manager that the chart rendered, proved object by object.
	// Unproved are objects that belong to it as far as their names and labels tell,
	// and nothing proves them to be the chart's.
	Bundle, Unproved []Evidence
	// Candidates are, by role, the objects that were looked at, with the evidence
	// for and against each.
	Candidates map[Role][]Evidence
	// Rejected are, by role, the objects that cannot play it, with the reason.
	Rejected map[Role][]Evidence
	// Proxied reports whether an earlier run placed a proxy before the registry. All
	// else is recognized as if it were not there.
	Proxied bool

	scenario *scenario.Layer
}

// Recognize finds the registry in set. Of layer only spec.targets counts. Namespace is
// the release's, for manifests that leave theirs out.
//
// It fails if there is no workload, or more than one and no spec.targets.workload to
// choose. For other roles see Registry.Ambiguous.
func Recognize(set *resource.Set, layer *scenario.Layer, namespace string) (*Registry, error) {
	reg, err := RecognizeWorkload(set, layer)
	if err != nil {
		return nil, err
	}
	targets := reg.targets()
	reg.Release = releaseOf(reg.Workload, namespace)
	reg.Proxied = HasProxy(reg.Workload)
	reg.CertificatePath = path.Clean(reg.Env(CertificateEnv, defaultCertificatePath))
	reg.Secret = reg.mountedSecret()

	steps := []func() error{
		func() error { return reg.findService(set, targets.Service) },
		func() error { return reg.findPVC(set, targets.PVC) },
		func() error { return reg.findCertificate(set, targets.Certificate) },
		func() error { return reg.findTrust(set, targets.TrustDistribution) },
		func() error { return reg.findBundle(set, targets.CertManager) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	reg.Port = reg.containerPort()
	reg.HTTP = reg.servesHTTP()
	return reg, nil
}

// RecognizeWorkload is Recognize for callers who need the workload only.
func RecognizeWorkload(set *resource.Set, layer *scenario.Layer) (*Registry, error) {
	if layer == nil {
		layer = &scenario.Layer{}
	}
	reg := &Registry{scenario: layer, Ambiguous: map[Role]error{}, Candidates: map[Role][]Evidence{}, Rejected: map[Role][]Evidence{}}
	return reg, reg.findWorkload(set, reg.targets().Workload)
}

func (reg *Registry) targets() scenario.Targets {
	if stated := reg.scenario.Scenario.Spec.Targets; stated != nil {
		return *stated
	}
	return scenario.Targets{}
}

// EvidenceOf returns the evidence that an object is the chart's, as a role or as a part
// of the bundle. For other objects it is the release's marks.
func (reg *Registry) EvidenceOf(o *resource.Object) Evidence {
	sameObject := func(e Evidence) bool { return e.Object == o }
	for _, list := range [][]Evidence{reg.Bundle, reg.Candidates[TrustDistribution], reg.Candidates[Certificate]} {
		if i := slices.IndexFunc(list, sameObject); i >= 0 {
			return list[i]
		}
	}
	return reg.Release.marks(o)
}

// InBundle reports whether an object is a part of the bundled cert-manager.
func (reg *Registry) InBundle(o *resource.Object) bool {
	return slices.ContainsFunc(reg.Bundle, func(e Evidence) bool { return e.Object == o })
}

func (reg *Registry) reject(role Role, o *resource.Object, code FactCode, reason string) {
	e := Evidence{Object: o}
	e.against(code, reason)
	reg.Rejected[role] = append(reg.Rejected[role], e)
}

// pick returns the one candidate of a role: the one that target selects, or the only
// one there is. None is no error; several are.
func (reg *Registry) pick(role Role, candidates []Evidence, target *scenario.Target) (*resource.Object, error) {
	if target != nil {
		selected := slices.DeleteFunc(slices.Clone(candidates), func(e Evidence) bool { return !selects(target, e.Object) })
		if len(selected) == 0 {
			return nil, reg.scenario.At(codes.TargetNotFound, "spec.targets."+string(role), "it selects no object; "+Listed(candidates), "correct it, or leave it out")
		}
		candidates = selected
	}
	switch len(candidates) {
	case 0:
		return nil, nil
	case 1:
		return candidates[0].Object, nil
	}
	return nil, reg.scenario.At(codes.TargetAmbiguous, "spec.targets."+string(role),
		fmt.Sprintf("%d objects could be the %s; %s", len(candidates), role.title(), Listed(candidates)),
		"name one with "+Override(role, candidates[0].Object))
}

// Override returns the text to write into a scenario to say which object plays a role.
func Override(role Role, o *resource.Object) string {
	namespace := ""
	if o.Namespace != "" {
		namespace = ", namespace: " + o.Namespace
	}
	return fmt.Sprintf("spec.targets.%s: {kind: %s, name: %s%s}", role, o.Kind, o.Name, namespace)
}

func selects(t *scenario.Target, o *resource.Object) bool {
	if t.Kind != "" && t.Kind != o.Kind || t.Name != "" && !Named(o, t.Name) || t.Namespace != "" && !InNamespace(o, t.Namespace) {
		return false
	}
	labels := o.Labels()
	for key, value := range t.Labels {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Listed names candidates and their evidence for an error, the first ten of them.
func Listed(candidates []Evidence) string {
	if len(candidates) == 0 {
		return "there are no candidates"
	}
	var names []string
	for _, e := range candidates[:min(len(candidates), 10)] {
		text := fmt.Sprintf("%s (%s", e.Object.ID(), e.Object.Document())
		if facts := e.String(); facts != "" {
			text += "; " + facts
		}
		names = append(names, text+")")
	}
	if more := len(candidates) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return "candidates: " + strings.Join(names, ", ")
}

// withoutFacts is for roles whose candidates are all alike.
func withoutFacts(objects []*resource.Object) []Evidence {
	candidates := make([]Evidence, len(objects))
	for i, o := range objects {
		candidates[i].Object = o
	}
	return candidates
}

// IsSelectedBy reports whether a Service selects the registry's pods. Kubernetes ignores
// the selector of an ExternalName Service.
func (reg *Registry) IsSelectedBy(o *resource.Object) bool {
	selector := node.Strings(o.Node(), "spec", "selector")
	return len(selector) > 0 && reg.Release.SameNamespace(o.Namespace) && node.Text(o.Node(), "spec", "type") != "ExternalName" &&
		IsSubset(selector, node.Strings(reg.Workload.Node(), "spec", "template", "metadata", "labels"))
}

func (reg *Registry) findService(set *resource.Set, target *scenario.Target) error {
	podLabels := node.Strings(reg.Workload.Node(), "spec", "template", "metadata", "labels")
	var needles []string
	if target == nil {
		for _, value := range podLabels {
			needles = append(needles, value)
		}
		if len(needles) == 0 {
			return nil
		}
	}
	services, err := set.SelectBelow("selector", []string{"Service"}, needles...)
	if err != nil {
		return err
	}
	var matching, headless []*resource.Object
	for _, o := range services {
		selector := node.Strings(o.Node(), "spec", "selector")
		if target == nil && (len(selector) == 0 || !IsSubset(selector, podLabels) || !reg.Release.SameNamespace(o.Namespace)) {
			reg.reject(Service, o, OtherPods, "selects other pods")
			continue
		}
		if node.Text(o.Node(), "spec", "clusterIP") == "None" && target == nil {
			headless = append(headless, o)
			continue
		}
		matching = append(matching, o)
	}
	if len(matching) == 0 {
		matching, headless = headless, nil // a StatefulSet's governing Service is its own only if there is no other
	}
	for _, o := range headless {
		reg.reject(Service, o, Headless, "is headless, and another Service has an address")
	}
	candidates := withoutFacts(matching)
	for i := range candidates {
		candidates[i].add(SelectsPods, "selects the registry's pods")
	}
	reg.Candidates[Service] = candidates
	reg.Service, reg.Ambiguous[Service] = reg.pick(Service, candidates, target)
	return nil
}

// IsSubset reports whether a selector's labels are all among others.
func IsSubset(part, whole map[string]string) bool {
	for key, value := range part {
		if whole[key] != value {
			return false
		}
	}
	return true
}

// ClaimName returns the claim behind the registry's data directory, as the workload
// refers to it.
func (reg *Registry) ClaimName() string {
	dataPath := reg.DataPath()
	claims := map[string]string{}
	for _, v := range node.Items(reg.PodSpec(), "volumes") {
		if claim := node.Text(v, "persistentVolumeClaim", "claimName"); claim != "" {
			claims[node.Text(v, "name")] = claim
		}
	}
	var only []string
	for _, m := range node.Items(reg.Container, "volumeMounts") {
		claim := claims[node.Text(m, "name")]
		if claim == "" {
			continue
		}
		if path.Clean(node.Text(m, "mountPath")) == dataPath {
			return claim
		}
		only = append(only, claim)
	}
	if len(only) == 1 {
		return only[0]
	}
	return ""
}

func (reg *Registry) findPVC(set *resource.Set, target *scenario.Target) error {
	name := reg.ClaimName()
	var needles []string
	if target == nil {
		if name == "" {
			return nil
		}
		needles = []string{name}
	}
	claims, err := set.Select([]string{"PersistentVolumeClaim"}, needles...)
	if err != nil {
		return err
	}
	if target == nil {
		claims = slices.DeleteFunc(claims, func(o *resource.Object) bool {
			isOther := !Named(o, name) || !reg.Release.SameNamespace(o.Namespace)
			if isOther {
				reg.reject(PVC, o, NotMounted, "is not mounted at "+reg.DataPath())
			}
			return isOther
		})
	}
	candidates := withoutFacts(claims)
	for i := range candidates {
		candidates[i].add(MountedByRegistry, "mounted at "+reg.DataPath())
	}
	reg.Candidates[PVC] = candidates
	reg.PVC, reg.Ambiguous[PVC] = reg.pick(PVC, candidates, target)
	return nil
}
