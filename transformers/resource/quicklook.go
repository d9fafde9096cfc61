package resource

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// quickKind returns the kind of a document without parsing it. ok is false
// on the smallest doubt; the document must be parsed then.
//
// It rests on this: when the first content line of a document is a plain key
// in column 0, the root is a block mapping whose keys all start in column 0,
// and every way to write `kind` there other than a plain `kind: Word` line
// (quotes, tags, anchors, merges, explicit keys) starts with a character that
// makes the line not a plain key line. A flow collection or quoted scalar
// over several lines may hold column-0 lines of its own; then a second kind
// line, or none of the root's, is seen, and neither makes a skipped document
// one of a wanted kind. The parser must tell too whether a root with items is a list.
// ordinary says that the whole stream has no strange bytes.
func quickKind(chunk []byte, ordinary bool) (kind []byte, ok bool) {
	if !ordinary && strangeBytes(chunk) {
		return nil, false
	}
	if isSeparator(chunk) {
		chunk = chunk[len("---"):]
	}
	var line []byte
	started, hasItems := false, false
	for len(chunk) > 0 {
		if started && chunk[0] == ' ' {
			chunk = skipIndented(chunk)
			continue
		}
		line, chunk = cutLine(chunk)
		if blankOrComment(line) || started && isDash(line) {
			continue
		}
		colon := plainKey(line)
		if colon == 0 {
			return nil, false
		}
		started = true
		if string(line[:colon]) != "kind" {
			hasItems = hasItems || string(line[:colon]) == "items"
			continue
		}
		value := plainWord(line[colon+1:])
		if len(value) == 0 || kind != nil {
			return nil, false
		}
		kind = value
	}
	return kind, kind != nil && (!hasItems || bytes.HasSuffix(kind, []byte("List")))
}

// strangeBytes finds characters that a YAML reader takes as line breaks (or
// drops) and a reader of "\n" lines does not.
func strangeBytes(chunk []byte) bool {
	if i := bytes.IndexByte(chunk, '\r'); i >= 0 &&
		bytes.Count(chunk[i:], []byte("\r")) != bytes.Count(chunk[i:], []byte("\r\n")) {
		return true
	}
	return !isASCII(chunk) && (bytes.Contains(chunk, []byte("\xc2\x85")) ||
		bytes.Contains(chunk, []byte("\xe2\x80\xa8")) ||
		bytes.Contains(chunk, []byte("\xe2\x80\xa9")) ||
		bytes.Contains(chunk, utf8BOM))
}

// isASCII looks at 32 bytes at a time, as nearly all manifests are.
func isASCII(b []byte) bool {
	const high = 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		if (binary.LittleEndian.Uint64(b)|binary.LittleEndian.Uint64(b[8:])|
			binary.LittleEndian.Uint64(b[16:])|binary.LittleEndian.Uint64(b[24:]))&high != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// skipIndented steps over all lines that start with a space.
func skipIndented(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return nil
		}
		b = b[i+1:]
	}
	return b
}

// cutLine returns the first line without its ending, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

// isDash says whether a line starts an item of a sequence.
func isDash(line []byte) bool {
	return line[0] == '-' && (len(line) == 1 || line[1] == ' ')
}

// blankOrComment accepts spaces, and a comment after a space or at the start.
func blankOrComment(b []byte) bool {
	t := bytes.TrimLeft(b, " ")
	return len(t) == 0 || t[0] == '#' && (len(t) < len(b) || len(b) > 0 && b[0] == '#')
}

// plainKey returns the index of the colon of `^[A-Za-z][A-Za-z0-9_-]*:( |$)`,
// 0 when the line is something else.
func plainKey(line []byte) int {
	for i, c := range line {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '_' || c == '-'):
		case i > 0 && c == ':' && (i+1 == len(line) || line[i+1] == ' '):
			return i
		default:
			return 0
		}
	}
	return 0
}

// plainWord returns the one word that a value is: letters and digits, plain
// or in one pair of quotes, perhaps with a comment behind it; else
// nothing.
func plainWord(value []byte) []byte {
	value = bytes.TrimLeft(value, " ")
	var quote byte
	if len(value) > 0 && (value[0] == '"' || value[0] == '\'') {
		quote, value = value[0], value[1:]
	}
	n := 0
	for n < len(value) && isAlphanumeric(value[n]) {
		n++
	}
	word, rest := value[:n], value[n:]
	if quote != 0 {
		if len(rest) == 0 || rest[0] != quote {
			return nil
		}
		rest = rest[1:]
	}
	if len(rest) > 0 && (rest[0] != ' ' || !blankOrComment(rest)) {
		return nil
	}
	return word
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// needlePart returns the longest part of a needle that stands in the source
// byte for byte wherever a scalar without escapes holds the needle: folding
// makes line ends of spaces, and a single-quoted scalar doubles its quotes.
func needlePart(needle string) []byte {
	var best, current []byte
	for i := 0; i < len(needle); i++ {
		c := needle[i]
		if c <= ' ' || c == '\'' || c >= 0x7f {
			current = nil
			continue
		}
		current = append(current, c)
		if len(current) > len(best) {
			best = current
		}
	}
	return best
}

// frequent are the bytes that manifests are full of, the most frequent first.
const frequent = " eatinrosplcmd-:.hu/fg\"v1y0b"

// rarest returns the index of the byte that manifests have least of.
func rarest(part []byte) int {
	best, rank := 0, -1
	for i, c := range part {
		r := strings.IndexByte(frequent, c)
		if r < 0 {
			r = len(frequent)
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// contains is bytes.Contains for a part of which the byte at an index is rare:
// looking for a single byte is several times as fast as looking for a word.
func contains(b, part []byte, at int) bool {
	for from := at; from < len(b); {
		i := bytes.IndexByte(b[from:], part[at])
		if i < 0 {
			return false
		}
		from += i
		if bytes.HasPrefix(b[from-at:], part) {
			return true
		}
		from++
	}
	return false
}
