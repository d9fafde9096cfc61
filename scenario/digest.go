package scenario

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Digest is "<version>@sha256:<hex>" of what the scenario asks for: its spec and
// namespace, whatever its name, comments, order of keys and number of layers.
// The certificate and the CA count by their bytes, so that a file and the same
// material in base64 are equal; the private key never enters, as a new one comes
// with a new certificate. Of a connection string the registry's name counts, and
// nothing that is secret. Call it after Resolve: before, a path counts as such.
func (l *Layer) Digest(version string) string {
	tree := map[string]any{
		"namespace": l.Scenario.Metadata.Namespace,
		"spec":      l.canonicalSpec(),
	}
	if l.connection != nil {
		tree["connectedRegistry"] = l.connection.RegistryName()
	}
	canonical, err := json.Marshal(tree)
	if err != nil {
		panic("scenario: a tree that was JSON before is not now: " + err.Error())
	}
	sum := sha256.Sum256(canonical)
	return version + "@sha256:" + hex.EncodeToString(sum[:])
}

// canonicalSpec is the spec as a tree without empty objects. Maps marshal with
// their keys in order, so that fields may move in the Go types, too.
func (l *Layer) canonicalSpec() map[string]any {
	spec := l.Scenario.Spec
	spec.TLS = nil
	data, err := json.Marshal(spec)
	if err != nil {
		panic("scenario: a spec is not JSON: " + err.Error())
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic("scenario: JSON is not JSON: " + err.Error())
	}
	if t := l.Scenario.Spec.TLS; t != nil {
		tree["tls"] = t.canonical()
	}
	prune(tree)
	return tree
}

// canonical is spec.tls with each certificate as its hash, and without the key.
func (t *TLS) canonical() map[string]any {
	out := map[string]any{}
	for _, p := range t.parts() {
		if *p.value == nil || p.name == "key" || p.name == "keyFile" {
			continue
		}
		value := **p.value
		if p.by == bySecret || p.by == byFile && t.material == nil {
			out[p.name] = value
			continue
		}
		pem := []byte(value)
		if t.material != nil {
			pem = *p.holds(t.material)
		} else if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			pem = decoded
		}
		sum := sha256.Sum256(pem)
		out[strings.TrimSuffix(p.name, "File")] = hex.EncodeToString(sum[:])
	}
	return out
}

// prune drops objects that state nothing; an empty list states something.
func prune(tree map[string]any) {
	for k, v := range tree {
		if child, ok := v.(map[string]any); ok {
			if prune(child); len(child) == 0 {
				delete(tree, k)
			}
		}
	}
}
