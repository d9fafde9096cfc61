package resource

import (
	"bytes"
	"io"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/connected-registry/scenario/codes"
)

// Bytes returns the output. When nothing was changed it is the input, byte
// for byte. An error means that a changed document could not be written in a
// way that reads back as what it should be.
func (s *Set) Bytes() ([]byte, error) {
	pieces, err := s.pieces()
	if err != nil {
		return nil, err
	}
	return bytes.Join(pieces, nil), nil
}

// WriteTo writes what Bytes returns, untouched stretches straight from the
// input. Nothing is written when Bytes would return an error.
func (s *Set) WriteTo(w io.Writer) (int64, error) {
	pieces, err := s.pieces()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, piece := range pieces {
		n, err := w.Write(piece)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// pieces returns slices that make up the output.
func (s *Set) pieces() ([][]byte, error) {
	texts, err := s.texts()
	if err != nil {
		return nil, err
	}
	var pieces [][]byte
	pos := 0
	for i := range s.starts {
		text, touched := texts[i]
		if !touched {
			continue
		}
		pieces = appendPiece(pieces, s.src[pos:s.starts[i]])
		pieces = appendPiece(pieces, text)
		pos = s.end(i)
	}
	pieces = appendPiece(pieces, s.src[pos:])
	for _, o := range s.addedDocuments() {
		text, err := s.addedText(o)
		if err != nil {
			return nil, err
		}
		pieces = appendPiece(pieces, text)
	}
	return pieces, nil
}

func appendPiece(pieces [][]byte, piece []byte) [][]byte {
	if len(piece) == 0 {
		return pieces
	}
	return append(pieces, piece)
}

// texts returns the new text of each document that does not stay as it is,
// empty for those that go.
func (s *Set) texts() (map[int][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	texts := map[int][]byte{}
	for i, u := range s.units {
		if u.removed() {
			texts[i] = nil
			continue
		}
		if !u.changed() {
			continue
		}
		text, err := u.text()
		if err != nil {
			return nil, err
		}
		texts[i] = slices.Concat(text, s.tail(i))
	}
	s.closeGaps(texts)
	if len(s.addedDocuments()) > 0 {
		s.endLastLine(texts)
	}
	return texts, nil
}

// closeGaps changes the neighbors of removed documents: the one before loses the
// directives that it ends with, the one after the byte order mark that only a document
// before it makes one.
func (s *Set) closeGaps(texts map[int][]byte) {
	for i := range s.starts {
		if text, touched := texts[i]; !touched || len(text) > 0 {
			continue
		}
		if i > 0 && len(s.tail(i-1)) > 0 {
			text, touched := texts[i-1]
			if !touched {
				text = s.chunk(i - 1)
			}
			texts[i-1] = bytes.TrimSuffix(text, s.tail(i-1))
		}
		if u := s.units[i+1]; u != nil && u.marked && !u.removed() && !u.changed() && !s.follows(i+1, texts) {
			texts[i+1] = slices.Concat(u.raw, s.tail(i+1))
		}
	}
}

// follows reports whether the document that stays before another has content.
func (s *Set) follows(doc int, texts map[int][]byte) bool {
	for doc--; doc >= 0; doc-- {
		if text, touched := texts[doc]; !touched || len(text) > 0 {
			return s.hasContent(doc)
		}
	}
	return false
}

// tail returns the directives that a document ends with, see directives.
func (s *Set) tail(doc int) []byte {
	if s.ordinary {
		return nil
	}
	chunk := s.chunk(doc)
	return chunk[directives(chunk):]
}

// addedDocuments are what comes after the input's last document. In a ResourceList
// what was added is among the items.
func (s *Set) addedDocuments() []*Object {
	if s.list != nil {
		return nil
	}
	return s.Added()
}

// endLastLine gives the last document that stays a final line ending, so
// that a `---` can follow.
func (s *Set) endLastLine(texts map[int][]byte) {
	for i := len(s.starts) - 1; i >= 0; i-- {
		text, touched := texts[i]
		if touched && len(text) == 0 {
			continue
		}
		if !touched {
			text = s.chunk(i)
		}
		if text[len(text)-1] != '\n' {
			texts[i] = endLine(text, lineEnding(s.src))
		}
		return
	}
}

// text returns the new text of a changed document.
func (u *unit) text() ([]byte, error) {
	text, err := rewrite(u.raw, u.parsed, u.root)
	if err != nil {
		return nil, codes.Errorf(codes.ObjectUnwritable, "%s: %w", u.where(), err)
	}
	return text, nil
}

// addedText returns the document of an object that was added to a stream, with
// sequences as kubectl and kustomize indent them.
func (s *Set) addedText(o *Object) ([]byte, error) {
	text, err := encodeDocument(o.node.YNode(), layout{step: 2, compact: true})
	if err != nil {
		return nil, codes.Errorf(codes.ObjectUnwritable, "%s: %w", o, err)
	}
	return withLineEnding(append([]byte("---\n"), text...), lineEnding(s.src)), nil
}

// Change is an object that will be written otherwise than it was read.
type Change struct {
	Object *Object
	Before []byte // its document (or item) in the input; nil when it was added
	After  []byte // its document (or item) in the output; nil when it was removed
}

// Changes lists what Bytes changes, in the order of Select, for a diff.
func (s *Set) Changes() ([]Change, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var changes []Change
	for i := range s.starts {
		u := s.units[i]
		if u == nil || !u.removed() && !u.changed() {
			continue
		}
		more, err := u.changes()
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	for _, o := range s.addedDocuments() {
		text, err := s.addedText(o)
		if err != nil {
			return nil, err
		}
		changes = append(changes, Change{Object: o, After: text})
	}
	return changes, nil
}

// changes lists the changed objects of a document.
func (u *unit) changes() ([]Change, error) {
	if u.removed() && !u.list {
		return []Change{{Object: u.objects[0], Before: u.raw}}, nil
	}
	var text []byte
	if !u.removed() {
		var err error
		if text, err = u.text(); err != nil {
			return nil, err
		}
	}
	if !u.list {
		return []Change{{Object: u.objects[0], Before: u.raw, After: text}}, nil
	}
	return u.itemChanges(text)
}

// itemChanges lists the changed items of a list whose new text is given.
func (u *unit) itemChanges(text []byte) ([]Change, error) {
	objects := u.objects
	if u == u.set.list {
		objects = append(objects[:len(objects):len(objects)], u.set.added...)
	}
	before, err := itemTexts(u.raw)
	if err != nil {
		return nil, err
	}
	after, err := itemTexts(text)
	if err != nil {
		return nil, err
	}
	old, now := u.itemNumbers(objects)
	var changes []Change
	for _, o := range objects {
		c := Change{Object: o}
		switch {
		case o.added && o.removed, !o.added && !o.removed && fingerprint(o.node.YNode()) == o.print:
			continue
		case !o.added:
			c.Before = textAt(before, old[o])
		}
		if !o.removed {
			c.After = textAt(after, now[o])
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// textAt returns nothing for an item that the text does not show as one (an
// edit made a list of it, say).
func textAt(texts [][]byte, i int) []byte {
	if i >= len(texts) {
		return nil
	}
	return texts[i]
}

// itemNumbers numbers objects among all items in the order of the text: as
// they were parsed, and as they are now.
func (u *unit) itemNumbers(objects []*Object) (old, now map[*Object]int) {
	old, now = map[*Object]int{}, map[*Object]int{}
	for _, o := range objects {
		if !o.added {
			old[o] = len(old)
		}
		if !o.removed {
			now[o] = len(now)
		}
	}
	return old, now
}

// itemTexts returns the lines of each object in a list, in order.
func itemTexts(text []byte) ([][]byte, error) {
	if len(text) == 0 {
		return nil, nil
	}
	root, err := parseText(text)
	if err != nil {
		return nil, err
	}
	if err := expand(root); err != nil {
		return nil, err
	}
	var texts [][]byte
	var walk func(items *yaml.Node)
	walk = func(items *yaml.Node) {
		sources := itemSources(text, items)
		for i, item := range items.Content {
			if inner := listItems(item); inner != nil {
				walk(inner)
			} else if item.Kind == yaml.MappingNode {
				texts = append(texts, sources[i])
			}
		}
	}
	if items := child(root.Content[0], "items"); items != nil {
		walk(items)
	}
	return texts, nil
}
