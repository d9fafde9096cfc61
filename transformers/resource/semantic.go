package resource

import (
	"encoding/binary"
	"hash/maphash"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

var seed = maphash.MakeSeed()

// fingerprint sums up what a tree means: structure, types and values, not
// comments, styles and positions. The order of keys counts.
func fingerprint(n *yaml.Node) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	digest(&h, n)
	return h.Sum64()
}

func digest(h *maphash.Hash, n *yaml.Node) {
	if n == nil {
		h.WriteByte(0)
		return
	}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		digest(h, n.Alias)
		return
	}
	h.WriteByte(byte(n.Kind))
	if n.Kind == yaml.ScalarNode {
		writeString(h, scalarTag(n))
		writeString(h, scalarValue(n))
		return
	}
	writeString(h, collectionTag(n))
	var count [8]byte
	binary.LittleEndian.PutUint64(count[:], uint64(len(n.Content)))
	h.Write(count[:])
	for _, c := range n.Content {
		digest(h, c)
	}
}

func writeString(h *maphash.Hash, s string) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(s)))
	h.Write(length[:])
	h.WriteString(s)
}

// scalarTag is the type that a scalar has for a reader. A core tag that does
// not fit the value any more (code set another value) does not count.
func scalarTag(n *yaml.Node) string {
	tag := n.ShortTag()
	switch tag {
	case yaml.NodeTagInt, yaml.NodeTagFloat, yaml.NodeTagBool, yaml.NodeTagNull, "!!timestamp", yaml.MergeTag:
		if n.Style&yaml.TaggedStyle == 0 {
			return resolvedTag(n.Value)
		}
	}
	return tag
}

// resolvedTag is the type that a plain scalar of this text has.
func resolvedTag(value string) string {
	return (&yaml.Node{Kind: yaml.ScalarNode, Value: value}).ShortTag()
}

// scalarValue is the text of a scalar; all ways to write null are one.
func scalarValue(n *yaml.Node) string {
	if scalarTag(n) == yaml.NodeTagNull {
		return ""
	}
	return n.Value
}

// collectionTag is the tag of a mapping or sequence where it is not the
// usual one.
func collectionTag(n *yaml.Node) string {
	switch tag := n.ShortTag(); tag {
	case yaml.NodeTagMap, yaml.NodeTagSeq:
		return ""
	default:
		return tag
	}
}

// equal compares what two trees without aliases mean. The order of keys does
// not count.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return scalarTag(a) == scalarTag(b) && scalarValue(a) == scalarValue(b)
	case yaml.MappingNode:
		return collectionTag(a) == collectionTag(b) && equalMappings(a, b)
	default:
		if len(a.Content) != len(b.Content) || collectionTag(a) != collectionTag(b) {
			return false
		}
		for i := range a.Content {
			if !equal(a.Content[i], b.Content[i]) {
				return false
			}
		}
		return true
	}
}

func equalMappings(a, b *yaml.Node) bool {
	if len(a.Content) != len(b.Content) {
		return false
	}
	index := keyIndex(b)
	for i := 0; i+1 < len(a.Content); i += 2 {
		j, ok := index[scalarValue(a.Content[i])]
		if !ok || !equal(a.Content[i], b.Content[j]) || !equal(a.Content[i+1], b.Content[j+1]) {
			return false
		}
	}
	return true
}

// keyIndex maps the keys of a mapping to their index in Content.
func keyIndex(n *yaml.Node) map[string]int {
	index := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		index[scalarValue(n.Content[i])] = i
	}
	return index
}

// Equal says whether two trees without aliases mean the same, however they are
// written and in whatever order their keys stand.
func Equal(a, b *yaml.RNode) bool {
	if a.IsNil() || b.IsNil() {
		return a.IsNil() && b.IsNil()
	}
	return equal(a.YNode(), b.YNode())
}
