package resource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
	"github.com/connected-registry/scenario/internal/lazyregexp"
)

// Kubernetes refuses objects over about 1.5 MiB, so what is larger by far is
// no manifest, and a parsed tree takes some twenty times its text. A
// ResourceList holds many objects.
const (
	maxDocument     = 16 << 20
	maxResourceList = 128 << 20
)

// unit is one parsed document.
type unit struct {
	set     *Set
	doc     int        // number of its chunk
	raw     []byte     // its chunk
	parsed  *yaml.Node // as the text has it, with aliases and positions; never changed
	root    *yaml.Node // the working tree, expanded
	print   uint64
	objects []*Object
	list    bool // its objects are its items
	marked  bool // raw lacks the byte order mark that the input has, see dropMark
	head    bool // only apiVersion, kind and metadata were parsed, see Heads
}

// parseUnit parses a document of the stream.
func parseUnit(s *Set, doc, limit int) (*unit, error) {
	u := &unit{set: s, doc: doc, raw: s.chunk(doc)}
	if len(u.raw) > limit {
		return nil, codes.Errorf(codes.FileTooLarge, "%s: %d MiB in one document, more than the %d MiB that are read (Kubernetes takes objects of about 1.5 MiB)",
			u.name(), len(u.raw)>>20, limit>>20)
	}
	u.raw = bytes.TrimSuffix(u.raw, s.tail(doc))
	err := u.dropMark()
	if err != nil {
		return nil, err
	}
	if u.parsed, err = parseText(u.raw); err != nil {
		return nil, u.wrap(err)
	}
	u.root = clone(u.parsed, map[*yaml.Node]*yaml.Node{})
	if err := expand(u.root); err != nil {
		return nil, u.wrap(err)
	}
	u.print = fingerprint(u.root)
	if err := checkIdentities(u.root.Content[0]); err != nil {
		return nil, u.wrap(err)
	}
	u.collect(u.root.Content[0])
	return u, nil
}

// dropMark removes the byte order mark that a document begins with from raw, as
// kubectl does. kubectl drops one that follows a separator only if a document
// comes before, because it keeps a stream's first separator with the document. A mark
// elsewhere, a space that YAML does not know and a `---` that is indented are
// errors, because some readers drop them and others make them a part of the first key.
func (u *unit) dropMark() error {
	content := trimFiller(u.raw)
	at := len(u.raw) - len(content)
	_, behind := cutLine(u.raw)
	if bytes.HasPrefix(content, utf8BOM) && len(content) == len(behind) && isSeparator(u.raw) && u.doc > 0 && u.set.hasContent(u.doc-1) {
		content = content[len(utf8BOM):]
		u.raw, u.marked = slices.Concat(u.raw[:at], content), true
		content = bytes.TrimLeft(content, " \t\r\n")
	}
	if bytes.HasPrefix(content, []byte("---")) {
		return u.wrap(ambiguous(lineOf(u.raw, at), "expected a key, got `---` after other characters, which Helm takes for a separator; put `---` at the start of the line"))
	}
	if r, _ := utf8.DecodeRune(content); r == '\ufeff' || unicode.IsSpace(r) {
		return u.wrap(ambiguous(lineOf(u.raw, at), "expected a key, got the invisible character U+%04X, which some readers drop; remove it", r))
	}
	return nil
}

// checkIdentities refuses, in a document's root and in the items of lists, what other
// readers take for another identity.
func checkIdentities(root *yaml.Node) error {
	metadata := child(root, "metadata")
	for _, value := range []*yaml.Node{child(root, "apiVersion"), child(root, "kind"), child(metadata, "namespace"), child(metadata, "name")} {
		if value != nil && !isPlainName(value) {
			return ambiguous(value.Line, "expected a name on one line, got base64, a block scalar or a space at its end, which readers understand in different ways; write the name alone")
		}
	}
	items := child(root, "items")
	if items == nil || items.Kind != yaml.SequenceNode {
		return nil
	}
	if listItems(root) == nil && len(items.Content) > 0 {
		return ambiguous(items.Line, "expected `kind: List`, because kubectl takes every object with `items` for a list; write `kind: List`, or rename `items`")
	}
	for _, item := range items.Content {
		if item.ShortTag() == yaml.NodeTagNull && scalar(root, "kind") != "ResourceList" {
			return ambiguous(item.Line, "expected an object in `items`, got null, which kubectl takes for one without a name; remove it")
		}
		if err := checkIdentities(item); err != nil {
			return err
		}
	}
	return nil
}

// isPlainName reports whether all readers take a scalar for the same text. Helm trims
// the end of a document, and kubectl ends its last line.
func isPlainName(n *yaml.Node) bool {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.ShortTag() == binaryTag {
		return false
	}
	return n.Style&quotedStyles != 0 || strings.TrimSpace(n.Value) == n.Value
}

// lineError is a problem at a line of a document, from 1; 0 when unknown.
type lineError struct {
	line int
	msg  string
	// earlier is the line that it contradicts, 0 when there is none.
	earlier int
	// isYAML says that it is YAML, but not the same to all readers.
	isYAML bool
}

func ambiguous(line int, format string, args ...any) error {
	return &lineError{line: line, msg: fmt.Sprintf(format, args...), isYAML: true}
}

func (e *lineError) Error() string { return e.msg }

var parserLine = lazyregexp.New(`^(?:yaml: )?(?:line (\d+): )?`)

// grammarError matches the messages whose lines the parser counts from 0.
var grammarError = lazyregexp.New(`^did not find expected (<|'|node content|key)`)

// parseText parses the one document of a text into a DocumentNode. A text
// without content gives a null document. Aliases are not expanded.
func parseText(text []byte) (root *yaml.Node, err error) {
	defer func() {
		// The parser panics on a few inputs that it was not made for.
		if p := recover(); p != nil {
			root, err = nil, &lineError{msg: "the YAML parser gave up"}
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(anyVersion(text)))
	root = &yaml.Node{}
	switch err := decoder.Decode(root); {
	case errors.Is(err, io.EOF):
		return &yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull}}}, nil
	case err != nil:
		return nil, parserError(err)
	}
	switch err := decoder.Decode(&yaml.Node{}); {
	case err == nil:
		return nil, &lineError{msg: "a second document starts without a `---` line (after `...`, or after an unusual line break)"}
	case !errors.Is(err, io.EOF):
		return nil, parserError(err)
	}
	return root, nil
}

// anyVersion lets a `%YAML 1.2` directive pass, which the parser refuses
// although it reads YAML 1.2.
func anyVersion(text []byte) []byte {
	const old, read = "%YAML 1.2", "%YAML 1.1"
	head, rest, found := bytes.Cut(text, []byte(old))
	if !found || bytes.Contains(head, []byte("---")) || len(head) > 0 && head[len(head)-1] != '\n' {
		return text
	}
	return bytes.Join([][]byte{head, []byte(read), rest}, nil)
}

// parserError takes the line out of the parser's message. Its messages tell
// structure only; names of anchors are the one thing that they quote.
func parserError(err error) error {
	msg := err.Error()
	m := parserLine().FindStringSubmatch(msg)
	line, _ := strconv.Atoi(m[1])
	msg = strings.TrimPrefix(msg, m[0])
	if line > 0 && grammarError().MatchString(msg) {
		line++
	}
	return &lineError{line: line, msg: msg}
}

// wrap names document and line of the input in an error.
func (u *unit) wrap(err error) error {
	where, detail := u.where(), ""
	var at *lineError
	if !errors.As(err, &at) {
		at = &lineError{}
	}
	before := lineOf(u.set.src, int(u.set.starts[u.doc])) - 1
	if at.line > 0 {
		where = fmt.Sprintf("%s: line %d of the input", where, before+at.line)
	}
	switch {
	case at.isYAML:
		return codes.Errorf(codes.AmbiguousYAML, "%s: %w", where, err)
	case at.earlier > 0:
		detail = fmt.Sprintf(", before on line %d; Helm and kubectl use the last one only; remove the other", before+at.earlier)
	case strings.HasPrefix(err.Error(), "unknown anchor") && bytes.Contains(u.raw, []byte(helmFilename)):
		detail = "; Helm 4 dropped the anchor when it took lists and annotations apart; write the value in place of the alias in the chart"
	}
	return codes.Errorf(codes.InvalidYAML, "%s: invalid YAML: %w%s", where, err, detail)
}

// name is the document's number among those with content.
func (u *unit) name() string { return fmt.Sprintf("document %d", u.set.number(u.doc)) }

// where is name, with the path of the "# Source:" comment where there is one.
func (u *unit) where() string {
	if path := u.sourcePath(); path != "" {
		return fmt.Sprintf("%s (%s)", path, u.name())
	}
	return u.name()
}

func (u *unit) sourcePath() string { return sourceComment(u.raw) }

// collect makes the objects of a document.
func (u *unit) collect(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	if items := listItems(root); items != nil {
		u.list = true
		u.collectItems(root, items)
		return
	}
	o := &Object{set: u.set, unit: u, node: yaml.NewRNode(root), print: u.print, source: u.raw}
	o.identify("", "")
	u.objects = append(u.objects, o)
}

// collectItems makes the objects of a list, and of lists in it.
func (u *unit) collectItems(list, items *yaml.Node) {
	kind, _ := strings.CutSuffix(scalar(list, "kind"), "List")
	apiVersion := scalar(list, "apiVersion")
	if list == u.root.Content[0] && u.set.list == u {
		kind, apiVersion = "", ""
	}
	sources := itemSources(u.raw, items)
	for i, item := range items.Content {
		if item.Kind != yaml.MappingNode {
			continue
		}
		if inner := listItems(item); inner != nil {
			u.collectItems(item, inner)
			continue
		}
		o := &Object{set: u.set, unit: u, items: items, index: i, node: yaml.NewRNode(item),
			print: fingerprint(item), source: sources[i]}
		o.identify(apiVersion, kind)
		u.objects = append(u.objects, o)
	}
}

// listItems returns the items of a `kind: List` or of another list kind; nil for all
// else. (Items of a typed list, such as ConfigMapList, may leave out their kind.)
func listItems(n *yaml.Node) *yaml.Node {
	items := child(n, "items")
	if !strings.HasSuffix(scalar(n, "kind"), "List") || items == nil || items.Kind != yaml.SequenceNode {
		return nil
	}
	return items
}

// itemSources returns for each item the lines that hold it, and perhaps more.
func itemSources(raw []byte, items *yaml.Node) [][]byte {
	t := newText(raw)
	sources := make([][]byte, len(items.Content))
	for i, item := range items.Content {
		end := len(raw)
		if i+1 < len(items.Content) && items.Content[i+1].Line > item.Line {
			end = t.lineStart(items.Content[i+1].Line - 1)
		}
		sources[i] = raw[min(t.lineStart(item.Line-1), end):end]
	}
	return sources
}

// removed says whether the whole document goes: all of its objects did.
func (u *unit) removed() bool {
	if len(u.objects) == 0 || u == u.set.list {
		return false
	}
	for _, o := range u.objects {
		if !o.removed {
			return false
		}
	}
	return true
}

// changed says whether the tree differs in meaning from what was parsed.
func (u *unit) changed() bool { return fingerprint(u.root) != u.print }
