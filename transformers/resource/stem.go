package resource

import (
	"bytes"
	"slices"
)

// stem is a word that many needles hold. A document without it holds none of them.
type stem struct {
	word   []byte
	rarest int
	// held has, by document, whether it holds the word.
	held []answer
}

// Stem says that many needles to come will hold a word, such as the name of a Helm
// release. Each document is then looked through for the word once, and for those
// needles only where it holds it. It changes the cost of Select, never its result.
func (s *Set) Stem(word string) {
	part := needlePart(word)
	known := slices.ContainsFunc(s.stems, func(other *stem) bool { return bytes.Equal(other.word, part) })
	if known || len(part) < len("name") { // so short, it would be everywhere
		return
	}
	s.stems = append(s.stems, &stem{part, rarest(part), make([]answer, len(s.starts))})
}

// useStems finds the stems of a query's needles.
func (s *Set) useStems(q *query) {
	q.stems = make([]*stem, len(q.parts))
	for i, part := range q.parts {
		for _, stem := range s.stems {
			if bytes.Contains(part, stem.word) {
				q.stems[i] = stem
			}
		}
	}
}

// holdsStem looks for all stems at once, as a document that is asked about for one is
// asked about for the others, when no cache may hold it any more.
func (s *Set) holdsStem(doc int, wanted *stem) bool {
	if wanted.held[doc] == 0 {
		for _, stem := range s.stems {
			stem.held[doc] = no
			if contains(s.chunk(doc), stem.word, stem.rarest) {
				stem.held[doc] = yes
			}
		}
	}
	return wanted.held[doc] == yes
}
