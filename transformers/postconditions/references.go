package postconditions

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/transformers/resource"
)

// nothingDangles: no reference to a removed object is left, nor to a Secret that
// nothing writes any more.
func nothingDangles(set *resource.Set, e Expected) ([]error, error) {
	gone := map[reference]bool{}
	var needles []string
	for _, o := range e.Removed {
		if slices.Contains(referable, o.Kind) {
			gone[reference{o.Kind, o.Name}] = true
			needles = append(needles, o.Name)
		}
	}
	for _, name := range e.Vacated {
		gone[reference{"Secret", name}] = true
		needles = append(needles, name)
	}
	if len(gone) == 0 {
		return nil, nil
	}
	objects, err := set.Select(referrers, needles...)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		delete(gone, reference{o.Kind, o.Name}) // there is another one of that name
	}
	var failures []error
	for _, o := range objects {
		if !e.near(o) {
			continue
		}
		for _, ref := range references(o) {
			if gone[ref] {
				failures = append(failures, failure(codes.DanglingReference, o,
					"point it elsewhere by chart values, or take it out of the render", "still refers to %s %s, which nothing provides any more", ref.kind, ref.name))
			}
		}
	}
	return failures, nil
}

type reference struct{ kind, name string }

// referable are the kinds that others refer to by name, and referrers those that
// may do so.
var (
	referable = []string{"Secret", "ConfigMap", "ServiceAccount", "Role", "ClusterRole", "Issuer", "ClusterIssuer", "Service", "PersistentVolumeClaim"}
	referrers = append([]string{
		"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Ingress", "Certificate",
		"RoleBinding", "ClusterRoleBinding", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService",
	}, referable...)
)

// references finds what an object refers to, by the names that Kubernetes and
// cert-manager give such fields, wherever they stand.
func references(o *resource.Object) []reference {
	var refs []reference
	add := func(kind, name string) {
		if name != "" {
			refs = append(refs, reference{kind, name})
		}
	}
	walk(o.Node().YNode(), func(key string, value *yaml.Node) {
		switch key {
		case "secretName":
			if o.Kind != "Certificate" { // it writes that Secret
				add("Secret", value.Value)
			}
		case "secretKeyRef", "secretRef", "secret":
			add("Secret", scalar(value, "name"))
		case "configMapKeyRef", "configMapRef", "configMap":
			add("ConfigMap", scalar(value, "name"))
		case "serviceAccountName", "serviceAccount":
			add("ServiceAccount", value.Value)
		case "claimName":
			add("PersistentVolumeClaim", value.Value)
		case "issuerRef":
			kind := scalar(value, "kind")
			if kind == "" {
				kind = "Issuer"
			}
			add(kind, scalar(value, "name"))
		case "roleRef":
			add(scalar(value, "kind"), scalar(value, "name"))
		case "service":
			add("Service", scalar(value, "name"))
		}
	})
	return refs
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
	for _, key := range path {
		if n.Kind != yaml.MappingNode {
			return ""
		}
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		if next == nil {
			return ""
		}
		n = next
	}
	if n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
