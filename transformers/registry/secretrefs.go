package registry

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/transformers/node"
)

// SecretRef is one place in a pod's spec that takes something from a Secret.
type SecretRef struct {
	// At is the mapping that names the Secret, in its field NameField.
	At        *yaml.RNode
	NameField string
	// Where is for messages: volume ca, env TLS_CA.
	Where string
}

// Name returns the name of the Secret.
func (s SecretRef) Name() string { return node.Text(s.At, s.NameField) }

// PodSpec returns the pod spec within an object of any kind that has one.
func PodSpec(n *yaml.RNode) *yaml.RNode {
	for _, path := range [][]string{
		{"spec", "template", "spec"},
		{"spec", "jobTemplate", "spec", "template", "spec"},
		{"spec"},
	} {
		if spec := node.Lookup(n, path...); node.Lookup(spec, "containers") != nil {
			return spec
		}
	}
	return nil
}

// SecretRefs finds what a pod mounts or reads from Secrets. imagePullSecrets are
// none of ours.
func SecretRefs(pod *yaml.RNode) []SecretRef {
	var refs []SecretRef
	for _, v := range node.Items(pod, "volumes") {
		where := "volume " + node.Text(v, "name")
		if at := node.Lookup(v, "secret"); at != nil {
			refs = append(refs, SecretRef{at, "secretName", where})
		}
		for _, source := range node.Items(v, "projected", "sources") {
			if at := node.Lookup(source, "secret"); at != nil {
				refs = append(refs, SecretRef{at, "name", where})
			}
		}
	}
	for _, c := range append(node.Items(pod, "initContainers"), node.Items(pod, "containers")...) {
		for _, env := range node.Items(c, "env") {
			if at := node.Lookup(env, "valueFrom", "secretKeyRef"); at != nil {
				refs = append(refs, SecretRef{at, "name", "env " + node.Text(env, "name")})
			}
		}
		for _, source := range node.Items(c, "envFrom") {
			if at := node.Lookup(source, "secretRef"); at != nil {
				refs = append(refs, SecretRef{at, "name", "envFrom"})
			}
		}
	}
	return refs
}

// Keys returns the Secret's keys that the reference takes, none for all of them.
func (s SecretRef) Keys() []string {
	if key := node.Text(s.At, "key"); key != "" {
		return []string{key}
	}
	var keys []string
	for _, item := range node.Items(s.At, "items") {
		keys = append(keys, node.Text(item, "key"))
	}
	return keys
}

// Take makes the reference take only this key: what is meant for a CA must not
// hand a private key out. Paths within the container stay.
func (s SecretRef) Take(key string) {
	if node.Text(s.At, "key") != "" {
		node.PutText(s.At, key, "key")
		return
	}
	items := node.Items(s.At, "items")
	for _, item := range items {
		node.PutText(item, key, "key")
	}
	if len(items) == 0 {
		item := node.Mapping()
		node.PutText(item, key, "key")
		node.PutText(item, key, "path")
		node.Append(s.At, item.YNode(), "items")
	}
}
