// Package resource reads Kubernetes manifests from a stream of YAML or JSON
// documents or from a KRM ResourceList, lets a few of them be changed as
// trees, and writes everything back: what was not changed as the very bytes
// it came as, what was changed with as few changed lines as can be.
//
// A document is parsed only when it is asked for (see Set.Select), so large
// streams of which little is wanted cost little more than reading them.
package resource

import (
	"bytes"
	"math"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
)

// Set is one input: a manifest stream or a ResourceList, and the objects in
// it. It is not safe for concurrent use, and keeps the slice that it was
// made from, which must not be changed while the Set is used.
type Set struct {
	src    []byte
	base   int           // length of the byte order mark
	starts []uint32      // where each chunk starts, see split
	units  map[int]*unit // parsed documents by number of their chunk
	list   *unit         // the ResourceList; nil for a stream
	added  []*Object     // in order
	// kinds has, by document, the number in kindNames of its kind, 0 where nobody
	// asked yet; kindNumbers is the way back. See kindOf.
	kinds       []uint16
	kindNames   []string
	kindNumbers map[string]uint16
	ordinary    bool // see split

	// escapes has, by document, whether it holds a backslash: see mayHold.
	escapes []answer
	stems   []*stem

	broken error // why an object could not be parsed when it was looked at

	numbers []uint32 // see number
}

// ParseStream reads a stream of documents that `---` lines part. Documents
// are not parsed, so broken ones are errors of Select only. An error is
// returned for UTF-16, for more than 4 GiB and for a line that begins with `---`
// and is no separator to all readers.
func ParseStream(src []byte) (*Set, error) {
	if err := checkEncoding(src); err != nil {
		return nil, err
	}
	s := &Set{src: src, units: map[int]*unit{}}
	if bytes.HasPrefix(src, utf8BOM) {
		s.base = len(utf8BOM)
	}
	var err error
	if s.starts, s.ordinary, err = split(src, s.base); err != nil {
		return nil, err
	}
	return s, nil
}

// The versions of a ResourceList: the specification gives both the same schema.
const (
	resourceListVersion = "config.kubernetes.io/v1"
	olderListVersion    = "config.kubernetes.io/v1beta1"
)

// ParseResourceList reads the input of a KRM function: one document of
// apiVersion config.kubernetes.io/v1 (or v1beta1) and kind ResourceList whose items, if
// any, are mappings, as the KRM Functions Specification has it.
func ParseResourceList(src []byte) (*Set, error) {
	s, err := ParseStream(src)
	if err != nil {
		return nil, err
	}
	doc := -1
	for i := range s.starts {
		if !s.hasContent(i) {
			continue
		}
		if doc >= 0 {
			return nil, codes.Errorf(codes.InvalidResourceList, "a ResourceList was expected, and found was a stream of several documents")
		}
		doc = i
	}
	if doc < 0 {
		return nil, codes.Errorf(codes.InvalidResourceList, "a ResourceList was expected, and the input is empty")
	}
	u, err := parseUnit(s, doc, maxResourceList)
	if err != nil {
		return nil, err
	}
	root := u.root.Content[0]
	if err := checkResourceList(root); err != nil {
		return nil, err
	}
	s.list, s.units[doc] = u, u
	u.list, u.objects = true, nil
	if items := child(root, "items"); items != nil && items.Kind == yaml.SequenceNode {
		u.collectItems(root, items)
	}
	return s, nil
}

// checkResourceList tests what ParseResourceList promises.
func checkResourceList(root *yaml.Node) error {
	apiVersion, kind := scalar(root, "apiVersion"), scalar(root, "kind")
	if apiVersion != resourceListVersion && apiVersion != olderListVersion || kind != "ResourceList" {
		return codes.Errorf(codes.InvalidResourceList, "a ResourceList was expected (apiVersion: %s, kind: ResourceList), and found was apiVersion: %q, kind: %q",
			resourceListVersion, apiVersion, kind)
	}
	items := child(root, "items")
	if items == nil || items.ShortTag() == yaml.NodeTagNull {
		return nil
	}
	if items.Kind != yaml.SequenceNode {
		return codes.Errorf(codes.InvalidResourceList, "ResourceList: line %d: items must be a sequence", items.Line)
	}
	for i, item := range items.Content {
		if item.Kind != yaml.MappingNode {
			return codes.Errorf(codes.InvalidResourceList, "ResourceList: line %d: items[%d] must be an object", item.Line, i)
		}
	}
	return nil
}

// FunctionConfig returns functionConfig of a ResourceList; nil when there is
// none, and for a stream.
func (s *Set) FunctionConfig() *yaml.RNode {
	if s.list == nil {
		return nil
	}
	config := child(s.list.root.Content[0], "functionConfig")
	if config == nil || config.ShortTag() == yaml.NodeTagNull {
		return nil
	}
	return yaml.NewRNode(config)
}

// SetResults sets or replaces results of a ResourceList; nil takes them out.
// In a stream there is no place for them, and nothing is done.
func (s *Set) SetResults(results *yaml.RNode) {
	if s.list == nil {
		return
	}
	root := s.list.root.Content[0]
	if results.IsNil() {
		removeKey(root, "results")
		return
	}
	setKey(root, "results", results.YNode())
}

func setKey(mapping *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagString, Value: key}, value)
}

func removeKey(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}

// Select returns the objects that are not removed, have one of the kinds
// (nil: any kind, but never objects without one) and hold at least one of
// the needles, either in their text or, where they were parsed before, in
// their tree as it is now; without needles, all of these kinds. The order is
// the stream's, added objects last. It may return a few more than asked for,
// and never fewer.
//
// A document is parsed when its kind and bytes say that it may be wanted, and
// whenever only the parser can tell its kind; an error names the document, and
// the line in the input, that cannot be parsed or that other readers understand
// in another way. What is known not to be wanted is not looked at any further.
func (s *Set) Select(kinds []string, needles ...string) ([]*Object, error) {
	return s.find(newQuery(kinds, needles), false)
}

// SelectBelow is Select for callers to whom a needle matters only somewhere below
// a key: labels, for instance, are in most objects, and in few selectors.
func (s *Set) SelectBelow(key string, kinds []string, needles ...string) ([]*Object, error) {
	q := newQuery(kinds, needles)
	q.below = []byte(key)
	return s.find(q, false)
}

func (s *Set) find(q *query, heads bool) ([]*Object, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var found []*Object
	s.useStems(q)
	for i := range s.starts {
		if !s.mayBe(i, q) { // by far most documents, by far most times
			continue
		}
		u := s.units[i]
		if u == nil || u.head && !heads && !u.removed() {
			if !s.mayHold(i, q) && s.kindOf(i) != doubtful || !s.hasContent(i) {
				continue
			}
			var err error
			if u, err = s.load(i, heads); err != nil {
				return nil, err
			}
		}
		found = q.match(found, u.objects)
	}
	return q.match(found, s.added), nil
}

// load parses a document, or its head only.
func (s *Set) load(i int, heads bool) (u *unit, err error) {
	if u = s.units[i]; u != nil {
		return u, u.complete()
	}
	if heads {
		u = parseHead(s, i)
	}
	if u == nil {
		if u, err = parseUnit(s, i, maxDocument); err != nil {
			return nil, err
		}
	}
	s.units[i] = u
	return u, nil
}

// Added returns the objects that were added and not removed, in order.
func (s *Set) Added() []*Object {
	return slices.DeleteFunc(slices.Clone(s.added), (*Object).Removed)
}

// Parsed returns the objects that were looked at, and so may have changed, except
// those added or removed.
func (s *Set) Parsed() []*Object {
	return slices.DeleteFunc(s.parsed(), (*Object).Removed)
}

// Removed returns the objects of the input that were removed, in order.
func (s *Set) Removed() []*Object {
	return slices.DeleteFunc(s.parsed(), func(o *Object) bool { return !o.removed })
}

func (s *Set) parsed() []*Object {
	var objects []*Object
	for i := range s.starts {
		if u := s.units[i]; u != nil {
			objects = append(objects, u.objects...)
		}
	}
	return objects
}

// query is what Select looks for.
type query struct {
	kinds   map[string]bool // nil: every kind
	needles []string
	parts   [][]byte // see needlePart; nil when every document may match
	rarest  []int    // see contains
	below   []byte   // the key that needles come after, where it matters
	wanted  []answer // by number of a kind: whether documents of it may be asked for
	stems   []*stem  // by part, that it is nowhere without; nil for those that have none
}

func newQuery(kinds, needles []string) *query {
	q := &query{needles: needles}
	if kinds != nil {
		q.kinds = make(map[string]bool, len(kinds))
		for _, kind := range kinds {
			q.kinds[kind] = true
		}
	}
	for _, needle := range needles {
		part := needlePart(needle)
		if len(part) == 0 {
			q.parts = nil
			return q
		}
		q.parts = append(q.parts, part)
	}
	q.parts = withoutLonger(q.parts)
	for _, part := range q.parts {
		q.rarest = append(q.rarest, rarest(part))
	}
	return q
}

// withoutLonger drops the parts that are nowhere without another one.
func withoutLonger(parts [][]byte) [][]byte {
	var kept [][]byte
	slices.SortStableFunc(parts, func(a, b []byte) int { return len(a) - len(b) })
	for _, part := range parts {
		if !slices.ContainsFunc(kept, func(shorter []byte) bool { return bytes.Contains(part, shorter) }) {
			kept = append(kept, part)
		}
	}
	return kept
}

// match appends those of a document's objects that are asked for.
func (q *query) match(found, objects []*Object) []*Object {
	for _, o := range objects {
		if !o.removed && o.Kind != "" && (q.kinds == nil || q.kinds[o.Kind]) && q.holds(o) {
			found = append(found, o)
		}
	}
	return found
}

func (q *query) holds(o *Object) bool {
	if len(q.needles) == 0 {
		return true
	}
	if o.unit != nil && o.unit.head && bytes.IndexByte(o.source, '\\') >= 0 {
		return true // what was not parsed may hold it in another spelling
	}
	for _, needle := range q.needles {
		if bytes.Contains(o.source, []byte(needle)) || treeContains(o.node.YNode(), needle) {
			return true
		}
	}
	return false
}

// treeContains says whether a key or value of a tree contains a needle.
func treeContains(n *yaml.Node, needle string) bool {
	if n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode {
		return strings.Contains(n.Value, needle)
	}
	for _, c := range n.Content {
		if treeContains(c, needle) {
			return true
		}
	}
	return n.Kind == yaml.AliasNode && treeContains(n.Alias, needle)
}

// mayBe says whether a document may be of a kind that is asked for. Lists hold
// objects of any kind.
func (s *Set) mayBe(doc int, q *query) bool {
	if q.kinds == nil {
		return true
	}
	n := s.kindNumberOf(doc)
	if n >= len(q.wanted) {
		q.wanted = slices.Grow(q.wanted, n+1-len(q.wanted))[:n+1]
	}
	if q.wanted[n] == 0 {
		q.wanted[n] = no
		if kind := s.kindNames[n]; kind == doubtful || q.kinds[kind] || strings.HasSuffix(kind, "List") {
			q.wanted[n] = yes
		}
	}
	return q.wanted[n] == yes
}

// mayHold says whether the bytes of a document may hold a needle: they hold one of
// its parts, or a backslash, by which a double-quoted scalar can write anything in
// another way. What is below a key is written after it, or is an alias.
func (s *Set) mayHold(doc int, q *query) bool {
	if q.parts == nil || s.escaped(doc) {
		return true
	}
	chunk := s.chunk(doc)
	if q.below != nil && bytes.IndexByte(chunk, '*') < 0 {
		_, chunk, _ = bytes.Cut(chunk, q.below)
	}
	for i, part := range q.parts {
		if (q.stems[i] == nil || s.holdsStem(doc, q.stems[i])) && contains(chunk, part, q.rarest[i]) {
			return true
		}
	}
	return false
}

// answer is one that is worked out when it is first asked for.
type answer uint8

const (
	yes answer = 1 + iota
	no
)

// escaped says whether a document holds a backslash. There are many queries.
func (s *Set) escaped(doc int) bool {
	if s.escapes == nil {
		s.escapes = make([]answer, len(s.starts))
	}
	if s.escapes[doc] == 0 {
		s.escapes[doc] = no
		if bytes.IndexByte(s.chunk(doc), '\\') >= 0 {
			s.escapes[doc] = yes
		}
	}
	return s.escapes[doc] == yes
}

// doubtful stands for a kind that only the parser can tell.
const doubtful = "?"

// kindOf is quickKind, looked at once a document: there are many queries.
func (s *Set) kindOf(doc int) string { return s.kindNames[s.kindNumberOf(doc)] }

// kindNumberOf is the number of that kind in kindNames.
func (s *Set) kindNumberOf(doc int) int {
	if s.kinds == nil {
		s.kinds, s.kindNames = make([]uint16, len(s.starts)), []string{"", doubtful}
		s.kindNumbers = map[string]uint16{doubtful: 1}
	}
	if s.kinds[doc] == 0 {
		s.kinds[doc] = s.kindNumber(quickKind(s.chunk(doc), s.ordinary))
	}
	return int(s.kinds[doc])
}

// kindNumber keeps each kind once, whatever the number of documents.
func (s *Set) kindNumber(kind []byte, ok bool) uint16 {
	if !ok || len(s.kindNames) == math.MaxUint16 {
		return s.kindNumbers[doubtful]
	}
	n, known := s.kindNumbers[string(kind)]
	if !known {
		n = uint16(len(s.kindNames))
		s.kindNames = append(s.kindNames, string(kind))
		s.kindNumbers[string(kind)] = n
	}
	return n
}

// chunk returns the bytes of a document with its separator.
func (s *Set) chunk(doc int) []byte { return s.src[s.starts[doc]:s.end(doc)] }

func (s *Set) end(doc int) int {
	if doc+1 < len(s.starts) {
		return int(s.starts[doc+1])
	}
	return len(s.src)
}

func (s *Set) hasContent(doc int) bool { return contentStart(s.chunk(doc)) != 0 }

// number counts the documents with content up to one. All are counted when
// the first is asked for: messages may name many.
func (s *Set) number(doc int) int {
	if s.numbers == nil {
		s.numbers = make([]uint32, len(s.starts))
		n := uint32(0)
		for i := range s.numbers {
			if s.hasContent(i) {
				n++
			}
			s.numbers[i] = n
		}
	}
	return int(max(s.numbers[doc], 1))
}

// Add appends an object: to the items of a ResourceList, else as a document
// of its own at the end of the stream. n stays live, as Object.Node is.
func (s *Set) Add(n *yaml.RNode) *Object {
	forgetPositions(n.YNode())
	o := &Object{set: s, node: n, added: true}
	o.identify("", "")
	s.added = append(s.added, o)
	if s.list == nil {
		return o
	}
	root := s.list.root.Content[0]
	items := child(root, "items")
	if items == nil || items.Kind != yaml.SequenceNode {
		items = &yaml.Node{Kind: yaml.SequenceNode, Tag: yaml.NodeTagSeq}
		setKey(root, "items", items)
	}
	o.unit, o.items, o.index = s.list, items, len(items.Content)
	items.Content = append(items.Content, n.YNode())
	return o
}

// forgetPositions clears the positions that a tree has from a text of its
// own, lest they be taken for positions in the input.
func forgetPositions(n *yaml.Node) {
	n.Line, n.Column = 0, 0
	for _, c := range n.Content {
		forgetPositions(c)
	}
}

// Remove takes an object out. It stays readable. A document goes with its
// separator, a list with its last item (a ResourceList stays).
func (s *Set) Remove(o *Object) {
	if o.removed || o.set != s {
		return
	}
	o.removed = true
	if o.items == nil {
		return
	}
	if i := slices.Index(o.items.Content, o.node.YNode()); i >= 0 {
		o.items.Content = slices.Delete(o.items.Content, i, i+1)
	}
}

// Len returns how many documents with content there are now; of a
// ResourceList, how many items.
func (s *Set) Len() int {
	n := 0
	if s.list != nil {
		for _, o := range s.list.objects {
			if !o.removed {
				n++
			}
		}
	} else {
		for i := range s.starts {
			if u := s.units[i]; s.hasContent(i) && (u == nil || !u.removed()) {
				n++
			}
		}
	}
	for _, o := range s.added {
		if !o.removed {
			n++
		}
	}
	return n
}
