package plugin

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
	"github.com/connected-registry/scenario/transformers/node"
	"github.com/connected-registry/scenario/transformers/registry"
	"github.com/connected-registry/scenario/transformers/resource"
)

// shortestSecret is the length from which a secret is looked for elsewhere too. Shorter
// ones, such as a user's name, are words of many texts.
const shortestSecret = 6

// longSecret is the length from which a secret is found within a word too.
const longSecret = 16

var (
	// assignedSecret is a secret by the name before it: password: x, --token=x, "auth": "x".
	assignedSecret = lazyregexp.New(`(?i)((?:connection_?string|password|passwd|secret|token|private_?key|access_?key|api_?key|accountkey|"auth"|\bsig)["']?\s*[:=]\s*["']?)([^\s"',;&<]+)`)
	// spokenSecrets are secrets by their form: credentials of a URL or a header, a JSON
	// Web Token.
	spokenSecrets = []func() *regexp.Regexp{
		lazyregexp.New(`(://[^/\s:@]+:)([^@\s/]+)@`),
		lazyregexp.New(`((?i:\b(?:bearer|basic)) +)([A-Za-z0-9+/_.=~-]{12,})`),
		lazyregexp.New(`(\b)(eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]*)?)`),
	}
)

// writeRedacted writes the manifests without comments, each secret value replaced by a
// digest wherever it is.
func (f *inspection) writeRedacted(w *bytes.Buffer, rename bool) error {
	objects, err := f.set.Select(nil)
	if err != nil {
		return err
	}
	secrets := secretsOf(objects)
	names := f.newRenamer(objects)
	for _, o := range objects {
		n := o.Node().Copy()
		withoutComment(n.YNode())
		if o.Kind == "Secret" {
			redactSecret(n.YNode())
		}
		redactTree(n.YNode())
		eachScalar(n.YNode(), "", func(key string, s *yaml.Node) { redactText(s, key, o.Kind, secrets) })
		if rename {
			names.renameObject(o.Kind, n)
		}
		text, err := n.String()
		if err != nil {
			return codes.Errorf(codes.ObjectUnwritable, "cannot write %s without its secrets: %w", o, err)
		}
		w.WriteString("---\n")
		if file := o.File(); file != "" && !strings.Contains(text, file) {
			fmt.Fprintln(w, "# Source: "+printable(scrub(file)))
		}
		w.WriteString(text)
	}
	for _, secret := range secrets {
		if text := w.String(); replaceWord(text, secret, "") != text {
			return codes.Errorf(codes.ObjectUnwritable, "cannot write the manifests without their secrets: a secret value is a part of a name; attach the output of inspect --output json instead")
		}
	}
	return f.sameRoles(w.Bytes())
}

// replaceWord replaces a text, a short one only if it is a whole word.
func replaceWord(text, old, now string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, old)
		if i < 0 {
			return out.String() + text
		}
		end := i + len(old)
		isWord := (i == 0 || !isWordByte(text[i-1])) && (end == len(text) || !isWordByte(text[end]))
		if isWord || len(old) >= longSecret {
			out.WriteString(text[:i] + now)
		} else {
			out.WriteString(text[:end])
		}
		text = text[end:]
	}
}

func isWordByte(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// sameRoles fails if redacted manifests are not recognized as before.
func (f *inspection) sameRoles(text []byte) error {
	set, err := resource.ParseStream(text)
	if err != nil {
		return err
	}
	renamed := &inspection{set: set, layer: f.layer, namespace: f.namespace}
	if err := renamed.recognize(); err != nil {
		return err
	}
	if !slices.Equal(f.roleCodes(), renamed.roleCodes()) {
		return codes.Errorf(codes.ObjectUnwritable, "the redacted manifests would be recognized as something else; leave --rename out, or attach the output of inspect --output json instead")
	}
	return nil
}

// roleCodes are the roles and the codes of the evidence, without names.
func (f *inspection) roleCodes() []string {
	var lines []string
	for _, r := range f.roles {
		for _, e := range append(slices.Clone(r.found), r.rejected...) {
			lines = append(lines, r.name+" "+e.Object.Kind+" "+codesOf(e))
		}
	}
	return lines
}

// secretsOf returns the secret values of the manifests, as text and as base64, the
// longest first. A value that is a name of an object or a label is none.
func secretsOf(objects []*resource.Object) []string {
	found, public := map[string]bool{}, map[string]bool{}
	add := func(value string) {
		parts := append(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("\r\n;", r) }), value)
		for _, part := range parts {
			part = strings.TrimSpace(part)
			if _, v, isPair := strings.Cut(part, "="); isPair && assignedSecret().MatchString(part) {
				found[v], found[base64.StdEncoding.EncodeToString([]byte(v))] = true, true
			}
			if part != strings.TrimSpace(value) && (len(part) < 16 || strings.HasPrefix(part, "-----")) {
				continue // a line of a file may be any word
			}
			found[part] = true
			found[base64.StdEncoding.EncodeToString([]byte(part))] = true
		}
		found[base64.StdEncoding.EncodeToString([]byte(value))] = true
	}
	for _, o := range objects {
		for _, name := range append(registry.Names(o), o.Namespace, o.Kind, o.APIVersion) {
			public[name] = true
		}
		for _, label := range o.Labels() {
			public[label] = true
		}
		if o.Kind == "Secret" {
			for _, encoded := range node.Strings(o.Node(), "data") {
				found[encoded] = true
				if decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), "")); err == nil {
					add(string(decoded))
				}
			}
			for _, value := range node.Strings(o.Node(), "stringData") {
				add(value)
			}
		}
		pod := registry.PodSpec(o.Node())
		for _, c := range append(node.Items(pod, "initContainers"), node.Items(pod, "containers")...) {
			for _, env := range node.Items(c, "env") {
				if value := node.Text(env, "value"); secretEnv().MatchString(node.Text(env, "name")) && !strings.HasPrefix(value, "$(") {
					add(value)
				}
			}
		}
	}
	var secrets []string
	for value := range found {
		if len(value) >= shortestSecret && !public[value] && !isRedacted().MatchString(value) {
			secrets = append(secrets, value)
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return secrets
}

// eachScalar calls do for each scalar with the key that it is below, and for each key.
func eachScalar(n *yaml.Node, key string, do func(key string, s *yaml.Node)) {
	switch n.Kind {
	case yaml.ScalarNode:
		do(key, n)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			eachScalar(n.Content[i+1], n.Content[i].Value, do)
		}
	default:
		for _, c := range n.Content {
			eachScalar(c, key, do)
		}
	}
}

// redactText replaces the secrets within one text.
func redactText(s *yaml.Node, key, kind string, secrets []string) {
	if isRedacted().MatchString(s.Value) || s.ShortTag() != yaml.NodeTagString {
		return
	}
	text := s.Value
	if kind == "ConfigMap" && secretEnv().MatchString(key) {
		text = redacted(text)
	}
	for _, secret := range secrets {
		text = replaceWord(text, secret, redacted(secret))
	}
	if kind != "CustomResourceDefinition" { // its descriptions speak of passwords, and have none
		text = scrub(text)
		for _, pattern := range append([]func() *regexp.Regexp{assignedSecret}, spokenSecrets...) {
			text = pattern().ReplaceAllStringFunc(text, func(match string) string {
				m := pattern().FindStringSubmatch(match)
				if strings.HasPrefix(m[2], "<redacted") {
					return match
				}
				return m[1] + redacted(m[2]) + match[len(m[1])+len(m[2]):]
			})
		}
	}
	if text != s.Value {
		s.Value, s.Style = text, 0
	}
}
