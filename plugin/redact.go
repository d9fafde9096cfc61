package plugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/internal/lazyregexp"
)

// redacted stands for a secret. Different secrets are shown differently, so that
// one sees that a value would change.
func redacted(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return fmt.Sprintf("<redacted sha256:%x>", sum[:4])
}

var (
	privateKey = lazyregexp.New(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)
	// encodedPEM is base64 of PEM, with the full lines that may follow the first.
	encodedPEM = lazyregexp.New(`LS0tLS1CRUdJTi[A-Za-z0-9+/]*={0,2}(?:\s+[A-Za-z0-9+/]{40,}={0,2})*(?:\s+[A-Za-z0-9+/]+={1,2})?`)
	// password is a part of a connection string.
	password = lazyregexp.New(`(?i)((?:password|accountkey|sharedaccesskey)=)([^;\s"'<]+)`)
	// userinfo is the password in a URL.
	userinfo   = lazyregexp.New(`(://[^/\s:@]+:)([^@\s/<]+)@`)
	isRedacted = lazyregexp.New(`^<redacted sha256:[0-9a-f]{8}>$`)
	// secretEnv are variables whose very value is a secret.
	secretEnv = lazyregexp.New(`(?i)(?:connection_?string|password|passwd|secret|token|private_?key|access_?key|api_?key)$`)
)

// scrub replaces what is a secret by its looks, wherever it stands in a text.
func scrub(text string) string {
	if strings.Contains(text, "-----BEGIN") { // expressions are not compiled for nothing
		text = privateKey().ReplaceAllStringFunc(text, redacted)
	}
	if strings.Contains(text, "LS0tLS1CRUdJTi") {
		text = encodedPEM().ReplaceAllStringFunc(text, func(match string) string {
			if public(match) {
				return match
			}
			return redacted(match)
		})
	}
	if strings.Contains(text, "://") {
		text = userinfo().ReplaceAllStringFunc(text, func(match string) string {
			m := userinfo().FindStringSubmatch(match)
			return m[1] + redacted(m[2]) + "@"
		})
	}
	if !strings.Contains(text, "=") {
		return text
	}
	return password().ReplaceAllStringFunc(text, func(match string) string {
		name, value, _ := strings.Cut(match, "=")
		return name + "=" + redacted(value)
	})
}

// public says whether base64 of PEM is of certificates only, whole and readable.
func public(encoded string) bool {
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	return err == nil && !strings.Contains(string(decoded), "PRIVATE KEY")
}

// redactPair returns both sides of a change as one may show them. They stay as
// they are written unless one holds a secret; then both are written anew, so that
// they differ in nothing but what changes.
func redactPair(kind string, before, after []byte) (string, string) {
	old, now := parseShown(before), parseShown(after)
	rewrite := old.redact(kind)
	rewrite = now.redact(kind) || rewrite
	return old.text(rewrite), now.text(rewrite)
}

// shown is a manifest, or the lines of one within a list, on its way to a reader.
type shown struct {
	raw  string
	root *yaml.RNode // nil where there is nothing, or nothing that can be parsed
}

// parseShown takes all of a text or nothing: what follows a tree that was parsed
// would be shown as it is.
func parseShown(raw []byte) shown {
	s := shown{raw: string(raw)}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var root, more yaml.Node
	if decoder.Decode(&root) == nil && errors.Is(decoder.Decode(&more), io.EOF) && len(root.Content) == 1 {
		s.root = yaml.NewRNode(root.Content[0])
	}
	return s
}

// redact takes the secrets out of the tree and says whether there were any.
func (s shown) redact(kind string) bool {
	if s.root == nil {
		return false
	}
	if kind != "Secret" {
		return redactTree(s.root.YNode())
	}
	objects := []*yaml.Node{s.root.YNode()}
	if objects[0].Kind == yaml.SequenceNode {
		objects = objects[0].Content
	}
	for _, object := range objects {
		redactSecret(object)
	}
	redactTree(s.root.YNode())
	return true
}

// object returns the tree, nil for none. An item of a list is a list of one.
func (s shown) object() *yaml.RNode {
	if s.root == nil || s.root.YNode().Kind != yaml.SequenceNode || len(s.root.Content()) != 1 {
		return s.root
	}
	return yaml.NewRNode(s.root.Content()[0])
}

func (s shown) text(rewrite bool) string {
	switch {
	case strings.TrimSpace(s.raw) == "":
		return ""
	case s.root == nil:
		return "# not shown: it cannot be parsed and redacted by itself\n"
	case !rewrite:
		return scrub(s.raw)
	}
	text, err := s.root.String()
	if err != nil {
		return "# not shown: it cannot be written redacted\n"
	}
	return scrub(text)
}

// redactSecret redacts every value of a Secret's data, and what else may repeat
// them: fields that are not a Secret's, and comments.
func redactSecret(object *yaml.Node) {
	withoutComment(object)
	for i := 0; object.Kind == yaml.MappingNode && i+1 < len(object.Content); i += 2 {
		switch key, value := object.Content[i].Value, object.Content[i+1]; key {
		case "apiVersion", "kind", "type", "immutable", "metadata":
		case "data", "stringData":
			redactValues(value)
		default:
			redactNode(value) // a misspelt data is none the less secret
		}
	}
}

func redactValues(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		redactNode(n)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		redactNode(n.Content[i+1])
	}
}

// redactNode replaces a value, whatever it is made of.
func redactNode(n *yaml.Node) {
	secret := n.Value
	if n.Kind != yaml.ScalarNode {
		secret, _ = yaml.NewRNode(n).String()
	}
	if isRedacted().MatchString(secret) {
		return
	}
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: redacted(secret)}
}

// redactTree redacts what is a secret by its looks or by its name, and says
// whether there was any.
func redactTree(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return redactScalar(n)
	}
	found := redactVariable(n)
	if scalarAt(n, "kind") == "Secret" && scalarAt(n, "apiVersion") != "" {
		redactSecret(n) // within a list that stands on one line
		found = true
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == lastApplied {
			redactNode(c)
			found = true
			continue
		}
		found = redactTree(c) || found
	}
	return found
}

// lastApplied is where kubectl keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

func redactScalar(n *yaml.Node) bool {
	joined := strings.Join(strings.Fields(n.Value), "")
	if !strings.Contains(n.Value, "PRIVATE KEY-----") && (!strings.Contains(joined, "LS0tLS1CRUdJTi") || public(joined)) {
		return false
	}
	redactNode(n)
	return true
}

// redactVariable redacts an environment variable that states a secret as it is.
func redactVariable(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode || !secretEnv().MatchString(scalarAt(n, "name")) {
		return false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if value := n.Content[i+1]; n.Content[i].Value == "value" && value.Kind == yaml.ScalarNode && value.Value != "" {
			redactNode(value)
			return true
		}
	}
	return false
}

func scalarAt(n *yaml.Node, key string) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

func withoutComment(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		withoutComment(c)
	}
}

// printable shows characters that would steer a terminal instead of letting them.
func printable(line string) string {
	steers := func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' || r == unicode.ReplacementChar || isBidi(r)
	}
	if strings.IndexFunc(line, steers) < 0 {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if !steers(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

// isBidi says whether a character changes the direction of what follows, by which
// a text can be made to look like another.
func isBidi(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
