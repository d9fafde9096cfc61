package postconditions

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// reference is what one object says of another. Namespace is empty for a kind
// without one, and where nothing tells it.
type reference struct {
	group, kind, namespace, name string
	// port is the port of a Service, by name or number, empty for none.
	port string
	// where is the field that says so, as a person writes it.
	where string
	// uncertain says that a missing object may not be meant, or not be missed.
	uncertain bool
}

// means reports whether two references mean the same object. An unknown namespace
// may be any.
func (r reference) means(other reference) bool {
	return r.group == other.group && r.kind == other.kind && r.name == other.name &&
		(r.namespace == other.namespace || r.namespace == "" || other.namespace == "")
}

// nothingDangles: no reference to a removed object is left, nor to a Secret that
// nothing writes any more, nor to a port that the registry's Service has lost. What
// is not the release's, or may mean something else, is a doubt and no failure.
func nothingDangles(set *resource.Set, e expected) ([]Doubt, []error, error) {
	gone := e.gone(set)
	var needles []string
	for _, g := range gone {
		needles = append(needles, g.name)
	}
	lost, err := e.lostPorts()
	if err != nil {
		return nil, nil, err
	}
	needles = append(needles, lost...)
	if len(needles) == 0 {
		return nil, nil, nil
	}
	objects, err := set.Select(nil, needles...)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range objects {
		gone = slices.DeleteFunc(gone, e.providedBy(o))
	}
	doubts, err := unselected(set)
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	for _, o := range objects {
		for _, ref := range e.references(o) {
			what := ""
			switch {
			case slices.ContainsFunc(gone, ref.means):
				what = ref.kind + " " + ref.name
			case len(lost) > 0 && slices.Contains(lost, ref.port) && e.providedBy(e.Service)(ref):
				what = "port " + ref.port + " of Service " + ref.name
			default:
				continue
			}
			f := failure(codes.DanglingReference, o, "point it elsewhere by chart values, or take it out of the render",
				"%s still refers to %s, which nothing provides any more", ref.where, what)
			if ref.uncertain || !e.near(o) {
				doubts = append(doubts, Doubt{f.Code, o, f.Message})
			} else {
				failures = append(failures, f)
			}
		}
	}
	return doubts, failures, nil
}

// gone are the objects that were removed, and the Secrets that the Certificates among
// them would have written.
func (e expected) gone(set *resource.Set) []reference {
	var gone []reference
	for _, o := range set.Removed() {
		gone = append(gone, e.provides(o)...)
	}
	return gone
}

// provides are what others can refer to because of an object: the object itself by
// each of its names, and the Secret that a Certificate writes.
func (e expected) provides(o *resource.Object) []reference {
	var provided []reference
	// kustomize changes names before it runs a function, and what refers to them after.
	former := func(field string) []string {
		return strings.FieldsFunc(o.Annotations()["internal.config.kubernetes.io/"+field], func(c rune) bool { return c == ',' })
	}
	for _, name := range append(former("previousNames"), o.Name) {
		for _, namespace := range append(former("previousNamespaces"), o.Namespace) {
			r := e.identity(o)
			r.name, r.namespace = name, e.namespaceOf(o.Kind, namespace)
			provided = append(provided, r)
		}
	}
	if isCertificate(o) { // only then, because the tree of a removed CRD need not be parsed
		provided = append(provided, reference{kind: "Secret", namespace: e.namespaceOf("Secret", o.Namespace), name: scalar(o.Node().YNode(), "spec", "secretName")})
	}
	return slices.DeleteFunc(provided, func(r reference) bool { return r.name == "" })
}

// providedBy returns a test of whether an object provides what a reference means.
func (e expected) providedBy(o *resource.Object) func(reference) bool {
	provided := e.provides(o)
	return func(r reference) bool { return slices.ContainsFunc(provided, r.means) }
}

// identity returns an object as others would refer to it.
func (e expected) identity(o *resource.Object) reference {
	return reference{group: groupOf(o.APIVersion), kind: o.Kind, namespace: e.namespaceOf(o.Kind, o.Namespace), name: o.Name}
}

// namespaceOf returns the namespace of an object that states this one: the release's
// if it states none.
func (e expected) namespaceOf(kind, stated string) string {
	switch {
	case kind == "ClusterRole" || kind == "ClusterIssuer":
		return ""
	case stated == "":
		return e.Namespace
	}
	return stated
}

func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

// lostPorts are the names and numbers of ports that the registry's Service had.
func (e expected) lostPorts() ([]string, error) {
	if e.Service == nil || len(e.FormerPorts) == 0 {
		return nil, nil
	}
	ports, err := portsOf(e.Service)
	if err != nil {
		return nil, err
	}
	lost := slices.Clone(e.FormerPorts)
	for _, p := range ports {
		lost = slices.DeleteFunc(lost, func(former string) bool { return former == p.Name || former == p.number() })
	}
	return lost, nil
}

// references returns what an object refers to: by the table of the types, and for a
// kind that is not in it by the names that such fields usually have.
func (e expected) references(o *resource.Object) []reference {
	known, isKnown := fieldsOf(groupOf(o.APIVersion), o.Kind)
	if !isKnown {
		return e.guessed(o)
	}
	var refs []reference
	for _, f := range known {
		path := strings.Fields(f.path)
		for _, n := range at(o.Node().YNode(), path) {
			refs = append(refs, e.reference(o, f, n))
		}
	}
	if o.Kind == "ServiceMonitor" {
		refs = append(refs, e.scraped(o)...)
	}
	return slices.DeleteFunc(refs, func(r reference) bool { return r.name == "" })
}

// reference reads one field: a name, namespace/name, or a mapping that has them.
func (e expected) reference(o *resource.Object, f field, n *yaml.Node) reference {
	r := reference{kind: f.kind, namespace: o.Namespace, uncertain: f.uncertain, where: strings.ReplaceAll(strings.ReplaceAll(f.path, " []", "[]"), " ", ".")}
	if n.Kind == yaml.ScalarNode {
		r.name = n.Value
		if namespace, name, found := strings.Cut(n.Value, "/"); found {
			r.namespace, r.name = namespace, name
		}
	} else {
		r.name = scalar(n, "name")
		r.kind = either(scalar(n, "kind"), r.kind)
		r.namespace = either(scalar(n, "namespace"), r.namespace)
		r.port = either(scalar(n, "port"), either(scalar(n, "port", "name"), scalar(n, "port", "number")))
		r.group = either(either(scalar(n, "group"), scalar(n, "apiGroup")), groupOf(scalar(n, "apiVersion")))
	}
	r.group = either(r.group, groups[r.kind])
	r.namespace = e.namespaceOf(r.kind, r.namespace)
	return r
}

func either(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// scraped are the ports of the registry's Service that a ServiceMonitor selects.
func (e expected) scraped(o *resource.Object) []reference {
	if e.Service == nil || !e.selectsNamespace(o) {
		return nil
	}
	for _, selector := range at(o.Node().YNode(), []string{"spec", "selector", "matchLabels"}) {
		if !selects(selector, e.Service.Labels()) {
			return nil
		}
	}
	var refs []reference
	for _, port := range at(o.Node().YNode(), []string{"spec", "endpoints", "[]", "port"}) {
		r := e.identity(e.Service)
		r.port, r.where = port.Value, "spec.endpoints[].port"
		refs = append(refs, r)
	}
	return refs
}

// selects reports whether labels have all that a selector's matchLabels want.
func selects(matchLabels *yaml.Node, labels map[string]string) bool {
	for i := 0; i+1 < len(matchLabels.Content); i += 2 {
		if labels[matchLabels.Content[i].Value] != matchLabels.Content[i+1].Value {
			return false
		}
	}
	return true
}

// unselected are doubts about trust-manager's Bundles that took a CA, by its labels,
// from an object that was removed or from the Secret of a removed Certificate.
func unselected(set *resource.Set) ([]Doubt, error) {
	bundles, err := set.Select([]string{"Bundle"}, "selector")
	if err != nil {
		return nil, err
	}
	var doubts []Doubt
	for _, bundle := range bundles {
		for _, o := range set.Removed() {
			source, labels := "", o.Labels()
			switch {
			case o.Kind == "ConfigMap":
				source = "configMap"
			case o.Kind == "Secret":
				source = "secret"
			case isCertificate(o):
				source, labels = "secret", map[string]string{}
				for _, template := range at(o.Node().YNode(), []string{"spec", "secretTemplate", "labels"}) {
					for i := 0; i+1 < len(template.Content); i += 2 {
						labels[template.Content[i].Value] = template.Content[i+1].Value
					}
				}
			}
			for _, matchLabels := range at(bundle.Node().YNode(), []string{"spec", "sources", "[]", source, "selector", "matchLabels"}) {
				if selects(matchLabels, labels) {
					doubts = append(doubts, Doubt{codes.DanglingReference, bundle, fmt.Sprintf("spec.sources[].%s.selector selected %s, which was removed", source, o)})
				}
			}
		}
	}
	return doubts, nil
}

// selectsNamespace reports whether a ServiceMonitor looks for Services in the
// namespace of the registry's.
func (e expected) selectsNamespace(o *resource.Object) bool {
	for _, name := range at(o.Node().YNode(), []string{"spec", "namespaceSelector", "matchNames", "[]"}) {
		if name.Value == e.Namespace {
			return true
		}
	}
	return e.near(o) || scalar(o.Node().YNode(), "spec", "namespaceSelector", "any") == "true"
}

// guessed finds what an object of an unknown kind may refer to.
func (e expected) guessed(o *resource.Object) []reference {
	var refs []reference
	walk(o.Node().YNode(), func(key string, n *yaml.Node) {
		kind := guesses[key]
		if kind == "" {
			return
		}
		items := []*yaml.Node{n}
		if n.Kind == yaml.SequenceNode {
			items = n.Content
		}
		for _, item := range items {
			if r := e.reference(o, field{path: key, kind: kind, uncertain: true}, item); r.name != "" {
				refs = append(refs, r)
			}
		}
	})
	return refs
}

// guesses are the kinds that fields of these names usually refer to.
var guesses = map[string]string{
	"secretName": "Secret", "secretRef": "Secret", "secretKeyRef": "Secret", "secret": "Secret", "secrets": "Secret", "tlsSecret": "Secret", "certificateRefs": "Secret",
	"configMapName": "ConfigMap", "configMapRef": "ConfigMap", "configMapKeyRef": "ConfigMap", "configMap": "ConfigMap",
	"serviceAccountName": "ServiceAccount", "serviceAccount": "ServiceAccount", "claimName": "PersistentVolumeClaim",
	"issuerRef": "Issuer", "service": "Service", "serviceName": "Service", "backendRef": "Service", "backendRefs": "Service", "roleRef": "Role", "scaleTargetRef": "Deployment",
}

// walk calls visit for every field at any depth.
func walk(n *yaml.Node, visit func(key string, value *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			visit(n.Content[i].Value, n.Content[i+1])
		}
	}
	for _, c := range n.Content {
		walk(c, visit)
	}
}

// scalar returns the value at a path of mappings, empty where there is none.
func scalar(n *yaml.Node, path ...string) string {
	for _, found := range at(n, path) {
		if found.Kind == yaml.ScalarNode && found.ShortTag() != yaml.NodeTagNull {
			return found.Value
		}
	}
	return ""
}
