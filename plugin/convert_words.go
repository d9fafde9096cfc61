package plugin

import (
	"strings"
	"unicode"
)

// shellWord is one argument of a command line that was pasted.
type shellWord struct {
	text string
	// line is where it begins, from 1; first says that it begins a line which the
	// line before does not continue to.
	line  int
	first bool
}

// wordsOf takes a pasted command line apart as bash, PowerShell or cmd would, and
// forgives what they would not and documentation has: blanks after the character
// that continues a line, one in the middle of a line, and curly quotes. Nothing is
// expanded. A placeholder such as <JSON file path> is one word.
func wordsOf(text string) []shellWord {
	text = strings.NewReplacer("\ufeff", "", "\r\n", "\n", "\r", "\n", "\u00a0", " ").Replace(text)
	s := &splitter{rest: []rune(text), line: 1, first: true}
	for len(s.rest) > 0 {
		s.step()
	}
	s.end()
	return s.words
}

// splitter is a text on its way to words.
type splitter struct {
	rest    []rune
	words   []shellWord
	current strings.Builder
	within  bool // a word has begun, an empty one in quotes perhaps
	started shellWord
	line    int
	first   bool
}

func (s *splitter) take() rune {
	r := s.rest[0]
	s.rest = s.rest[1:]
	if r == '\n' {
		s.line++
	}
	return r
}

func (s *splitter) begin() {
	if !s.within {
		s.within, s.started = true, shellWord{line: s.line, first: s.first}
	}
}

func (s *splitter) put(r rune) {
	s.begin()
	s.current.WriteRune(r)
}

func (s *splitter) end() {
	if s.within {
		s.started.text = s.current.String()
		s.words = append(s.words, s.started)
		s.current.Reset()
		s.within, s.first = false, false
	}
}

// step takes what comes next outside of quotes.
func (s *splitter) step() {
	switch r := s.rest[0]; {
	case r == '\n':
		s.end()
		s.take()
		s.first = true
	case unicode.IsSpace(r):
		s.end()
		s.take()
	case (r == '\\' || r == '`' || r == '^') && s.continues():
	case r == '\\' && len(s.rest) > 1 && strings.ContainsRune(`"'\ `, s.rest[1]):
		s.take()
		if escaped := s.take(); escaped == ' ' {
			s.end() // documentation's line end, moved into the line
		} else {
			s.put(escaped)
		}
	case !s.within && (r == '#' || r == '`' && strings.HasPrefix(string(s.rest), "```")):
		for len(s.rest) > 0 && s.rest[0] != '\n' {
			s.take()
		}
	case r == '$' && len(s.rest) > 1 && s.rest[1] == '(':
		s.put(s.take())
		s.through('(', ')')
	case r == '<' && s.closes('>'):
		s.through('<', '>')
	case strings.ContainsRune(`"'“”„‟‘’‚‛`, r):
		s.begin()
		s.quoted(s.take())
	default:
		s.put(s.take())
	}
}

// continues takes the character, blanks and line break that continue a line.
func (s *splitter) continues() bool {
	i := 1
	for i < len(s.rest) && s.rest[i] != '\n' {
		if !unicode.IsSpace(s.rest[i]) {
			return false
		}
		i++
	}
	s.end()
	for range min(i+1, len(s.rest)) {
		s.take()
	}
	return true
}

// closes says whether a bracket is closed on the same line.
func (s *splitter) closes(closing rune) bool {
	for _, r := range s.rest[1:] {
		if r == closing {
			return true
		}
		if r == '\n' || r == s.rest[0] {
			return false
		}
	}
	return false
}

// through takes a bracket and all that is within it.
func (s *splitter) through(opening, closing rune) {
	for depth := 0; len(s.rest) > 0; {
		r := s.take()
		s.put(r)
		if r == opening {
			depth++
		}
		if r == closing {
			if depth--; depth == 0 {
				return
			}
		}
	}
}

// closingQuotes are the characters that end what another began. A word processor
// picks the curly ones by the blanks around them, often wrongly.
var closingQuotes = map[rune]string{
	'"': `"`, '\'': `'`,
	'“': `“”"`, '”': `“”"`, '„': `“”"`, '‟': `“”"`,
	'‘': `‘’'`, '’': `‘’'`, '‚': `‘’'`, '‛': `‘’'`,
}

// quoted takes the rest of what a quote began. A line break within double quotes
// that a backslash escapes is none.
func (s *splitter) quoted(opening rune) {
	for len(s.rest) > 0 {
		r := s.rest[0]
		switch {
		case strings.ContainsRune(closingQuotes[opening], r):
			s.take()
			return
		case opening == '"' && r == '\\' && len(s.rest) > 1 && strings.ContainsRune("\"\\\n", s.rest[1]):
			s.take()
			if escaped := s.take(); escaped != '\n' {
				s.put(escaped)
			}
		case opening != '\'' && r == '$' && len(s.rest) > 1 && s.rest[1] == '(':
			s.put(s.take())
			s.through('(', ')')
		default:
			s.put(s.take())
		}
	}
}
