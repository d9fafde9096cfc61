package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
)

const (
	// maxSize is far above any real scenario: what a Secret may hold is 1 MiB,
	// a third more in base64.
	maxSize = 3 << 20
	// maxValues bounds what aliases can blow a small file up to.
	maxValues = 10_000
	// maxKey is longer than any field's name, dotted too, and shorter than a line
	// of PEM, so that key material that slipped into a key's place is not repeated.
	maxKey = 48
)

// Decode reads one scenario object from YAML or JSON, strictly: unknown fields,
// duplicate keys and values of another type than the field's are errors, all
// reported at once as Errors with their lines. null is the same as leaving a
// field out. The text is UTF-8, with or without a byte order mark, with LF or
// CRLF. What the fields mean together is Validate's to judge.
//
// Source is what errors call the file. No error repeats what spec.tls holds.
func Decode(source string, data []byte) (*Layer, error) {
	fail := func(code codes.Code, line int, message, fix string) (*Layer, error) {
		return nil, Errors{{Code: code, Source: source, Line: line, Message: message, Fix: fix}}
	}
	if len(data) > maxSize {
		return fail(codes.FileTooLarge, 0, fmt.Sprintf("the file has %d bytes, expected at most %d", len(data), maxSize), "")
	}
	if isUTF16(data) {
		return fail(codes.NotUTF8, 0, "the file is UTF-16 or UTF-32, expected UTF-8", `use an editor's "save as UTF-8"`)
	}
	if !utf8.Valid(data) {
		return fail(codes.NotUTF8, lineOfInvalidUTF8(data), "the file is not UTF-8", `use an editor's "save as UTF-8"`)
	}
	docs, err := documents(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		line, message := syntaxError(err)
		return fail(codes.InvalidYAML, line, message, "")
	}
	switch len(docs) {
	case 0:
		return fail(codes.NotAScenario, 0, "the file holds no scenario", "write apiVersion: "+APIVersion+" and kind: "+Kind)
	case 1:
		return decode(source, docs[0], true)
	}
	return fail(codes.SeveralDocuments, docs[1].Line, fmt.Sprintf("the file holds %d documents, expected one scenario", len(docs)),
		"write each scenario in a file of its own and give several with --scenario, once each")
}

// DecodeNode is Decode for an object that was parsed already, such as a
// ResourceList's functionConfig. Lines are left out where kustomize wrote the
// text that the node was parsed from, because they would not be the user's.
func DecodeNode(source string, n *yaml.RNode) (*Layer, error) {
	if n.IsNilOrEmpty() {
		return nil, Errors{{
			Code:    codes.NotAScenario,
			Source:  source,
			Message: "there is no scenario",
			Fix:     "write apiVersion: " + APIVersion + " and kind: " + Kind,
		}}
	}
	// RNode.GetAnnotations panics on what is no mapping.
	root := n.YNode()
	hosted := lookup(lookup(lookup(root, "metadata"), "annotations"), "config.kubernetes.io/function") != nil
	return decode(source, root, !hosted)
}

func isUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xfe, 0xff}) || bytes.HasPrefix(data, []byte{0xff, 0xfe}) ||
		bytes.IndexByte(data[:min(len(data), 4)], 0) >= 0
}

func lineOfInvalidUTF8(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}

// documents returns the root of each document that is not empty.
func documents(data []byte) ([]*yaml.Node, error) {
	var docs []*yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 && !isNull(n.Content[0]) {
			docs = append(docs, n.Content[0])
		}
	}
}

var yamlError = lazyregexp.New(`^yaml: (?:line (\d+)(?:, column \d+)?: )?(.*)`)

// ofParser are the messages of yaml's parser, as opposed to its scanner's.
var ofParser = lazyregexp.New(`^(did not find expected (',' or|'-' indicator|<|key|node content)|found (duplicate|incompatible|undefined))`)

// syntaxError takes the line out of the parser's message. Of names it knows only
// anchors, which are left out: they are the file's content.
func syntaxError(err error) (line int, message string) {
	parts := yamlError().FindStringSubmatch(err.Error())
	if parts == nil {
		return 0, "the file is not YAML"
	}
	line, _ = strconv.Atoi(parts[1])
	message = parts[2]
	if line > 0 && ofParser().MatchString(message) {
		line++ // yaml counts the lines of these, and only of these, from 0
	}
	switch {
	case strings.Contains(message, "anchor"):
		message = "an alias refers to an anchor that is not there, or to itself"
	case strings.HasPrefix(message, "found character that cannot start any token"):
		message += " (a tab, perhaps: YAML indents with spaces)"
	}
	return line, "the file is not YAML: " + message
}

// decode is the part that files and nodes have in common.
func decode(source string, root *yaml.Node, withLines bool) (*Layer, error) {
	l := &Layer{Source: source, fields: map[string]position{}}
	d := &decoder{layer: l, withLines: withLines, values: maxValues}
	if d.isForeign(root) {
		// Whatever else is wrong with, say, a Deployment is of no interest.
		return nil, d.errs
	}
	d.value(root, reflect.ValueOf(&l.Scenario).Elem(), "", root.Line)
	d.required("apiVersion", l.Scenario.APIVersion, APIVersion)
	d.required("kind", l.Scenario.Kind, Kind)
	d.named(l.Scenario.Metadata.Name)
	if err := d.errs.sorted(); err != nil {
		return nil, err
	}
	l.names = []layerName{{value: l.Scenario.Metadata.Name, at: l.position("metadata.name")}}
	return l, nil
}
