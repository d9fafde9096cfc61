package transformers

import (
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// secretRef is one place in a pod's spec that takes something from a Secret.
type secretRef struct {
	// at is the mapping that names the Secret, in its field nameField.
	at        *yaml.RNode
	nameField string
	// where is for messages: volume ca, env TLS_CA.
	where string
}

func (s secretRef) name() string { return text(s.at, s.nameField) }

// podSpec returns the pod spec within an object of any kind that has one.
func podSpec(n *yaml.RNode) *yaml.RNode {
	for _, path := range [][]string{
		{"spec", "template", "spec"},
		{"spec", "jobTemplate", "spec", "template", "spec"},
		{"spec"},
	} {
		if spec := lookup(n, path...); lookup(spec, "containers") != nil {
			return spec
		}
	}
	return nil
}

// secretRefs finds what a pod mounts or reads from Secrets. imagePullSecrets are
// none of ours.
func secretRefs(pod *yaml.RNode) []secretRef {
	var refs []secretRef
	for _, v := range elements(pod, "volumes") {
		where := "volume " + text(v, "name")
		if at := lookup(v, "secret"); at != nil {
			refs = append(refs, secretRef{at, "secretName", where})
		}
		for _, source := range elements(v, "projected", "sources") {
			if at := lookup(source, "secret"); at != nil {
				refs = append(refs, secretRef{at, "name", where})
			}
		}
	}
	for _, c := range append(elements(pod, "initContainers"), elements(pod, "containers")...) {
		for _, env := range elements(c, "env") {
			if at := lookup(env, "valueFrom", "secretKeyRef"); at != nil {
				refs = append(refs, secretRef{at, "name", "env " + text(env, "name")})
			}
		}
		for _, source := range elements(c, "envFrom") {
			if at := lookup(source, "secretRef"); at != nil {
				refs = append(refs, secretRef{at, "name", "envFrom"})
			}
		}
	}
	return refs
}

// keys returns the Secret's keys that the reference takes, none for all of them.
func (s secretRef) keys() []string {
	if key := text(s.at, "key"); key != "" {
		return []string{key}
	}
	var keys []string
	for _, item := range elements(s.at, "items") {
		keys = append(keys, text(item, "key"))
	}
	return keys
}

// take makes the reference take only this key: what is meant for a CA must not
// hand a private key out. Paths within the container stay.
func (s secretRef) take(key string) {
	if text(s.at, "key") != "" {
		putText(s.at, key, "key")
		return
	}
	items := elements(s.at, "items")
	for _, item := range items {
		putText(item, key, "key")
	}
	if len(items) == 0 {
		item := mapping()
		putText(item, key, "key")
		putText(item, key, "path")
		appendTo(s.at, item.YNode(), "items")
	}
}
