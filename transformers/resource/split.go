package resource

import (
	"bytes"
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/connected-registry/scenario/codes"
)

// utf8BOM is kept where it stands at the start of the input.
var utf8BOM = []byte("\xef\xbb\xbf")

var errUTF16 = codes.Errorf(codes.NotUTF8, "the input is UTF-16, not UTF-8: Windows PowerShell's `>` writes that; "+
	"save it as UTF-8 with `| Out-File -Encoding utf8 FILE` (or `| Set-Content -Encoding utf8 FILE`), or use PowerShell 7")

// checkEncoding refuses what a byte-wise reader cannot see through.
func checkEncoding(src []byte) error {
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return errUTF16
	}
	// Offsets are kept in 32 bits: a record for each document must stay
	// small beside a document that is itself only a few bytes long.
	if uint64(len(src)) > math.MaxUint32 {
		return codes.Errorf(codes.FileTooLarge, "the input is larger than 4 GiB")
	}
	return nil
}

// split returns where each chunk of src starts. A chunk is a document with
// its `---` line, if any, and runs to the next such line, so that all chunks
// in a row are the input. src[:base] is the byte order mark. ordinary says that the
// input has no line breaks but "\n" and "\r\n", and no line that begins like `...`.
//
// YAML ends a document at a `---` in column 0 whatever is open (a quoted
// scalar and a flow collection are errors then, a block scalar ends), so no
// parser is needed to find them. Any other line that begins with `---` is an
// error, because Helm starts a document there, and kubectl may.
func split(src []byte, base int) (starts []uint32, ordinary bool, err error) {
	return splitBy(blockSize, src, base)
}

// blockSize is a part of every processor's cache: memory is read once for both looks.
const blockSize = 128 << 10

func splitBy(block int, src []byte, base int) (starts []uint32, ordinary bool, err error) {
	if len(src) == base {
		return nil, true, nil
	}
	if bytes.HasPrefix(src[base:], []byte("---")) && !isBareSeparator(src[base:]) {
		return nil, false, separatorError(src, base)
	}
	// Room for documents of the usual size: growing copies.
	starts, ordinary = append(make([]uint32, 0, 16+len(src)/1024), uint32(base)), true
	// A block begins with the end of the one before, where a marker may stand, and
	// ends with a whole line break.
	for from := base; from < len(src); {
		to := min(from+block, len(src))
		if src[to-1] == '\r' {
			to = min(to+1, len(src))
		}
		ordinary = ordinary && !strangeBytes(src[max(from-len("\ufeff")+1, base):to])
		for pos := max(from-len("\n--"), base); ; {
			line := nextMarker(src[:to], pos)
			if line < 0 {
				break
			}
			switch {
			case src[line] == '.':
				ordinary = false
			case !isBareSeparator(src[line:]):
				return nil, false, separatorError(src, line)
			default:
				starts = append(starts, uint32(line))
			}
			pos = line + len("---") - 1
		}
		from = to
	}
	// Directives stand before the `---` of the document they are for.
	if len(starts) > 1 && contentStart(src[base:starts[1]]) == '%' {
		starts = append(starts[:1], starts[2:]...)
	}
	return starts, ordinary, nil
}

// isBareSeparator reports whether a line is one that all readers take for the same
// separator: `---`, then spaces or tabs, then perhaps a comment.
func isBareSeparator(text []byte) bool {
	line, _, ended := bytes.Cut(text[len("---"):], []byte("\n"))
	if ended {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	rest := bytes.TrimLeft(line, " \t")
	return len(rest) == 0 || rest[0] == '#' && len(rest) < len(line) && !bytes.ContainsFunc(rest, isUnseen)
}

// isUnseen reports whether a character is invalid, or a line break to some readers.
func isUnseen(r rune) bool {
	return r == utf8.RuneError || r != '\t' && !unicode.IsGraphic(r)
}

// separatorError returns the error of a line that begins with `---` and is none. It
// quotes nothing but a key, because the rest may be secret.
func separatorError(src []byte, at int) error {
	got := "`---` and other text"
	line, _ := cutLine(src[at+len("---"):])
	switch key := plainKey(line); {
	case key > 0:
		got = fmt.Sprintf("`---%s`", shorten(string(line[:key])))
	case line[0] == '#', line[0] == '-':
		got = fmt.Sprintf("`---%c`", line[0])
	}
	return codes.Errorf(codes.InvalidSeparator, "line %d of the input: expected `---`, alone or before a space and a comment, got %s; "+
		"put a line break after `---`", lineOf(src, at), got)
}

// lineOf returns the number of the line that an offset is in, from 1.
func lineOf(src []byte, at int) int { return 1 + bytes.Count(src[:at], []byte("\n")) }

// nextMarker returns where the first line after pos starts that begins with `---` or
// `...`, -1 when there is none. It looks at every third byte, as a marker has three;
// hardly any of a manifest's are a dash or a dot, and fewer stand beside another.
func nextMarker(src []byte, pos int) int {
	for i := pos + 3; i < len(src); i += 3 {
		c := src[i]
		if c-'-' > '.'-'-' || src[i-1] != c && (i+1 == len(src) || src[i+1] != c) {
			continue
		}
		for line := i - 2; line <= i; line++ {
			if src[line-1] == '\n' && isMarker(src[line:]) {
				return line
			}
		}
	}
	return -1
}

func isMarker(b []byte) bool {
	return len(b) >= 3 && (b[0] == '-' || b[0] == '.') && b[1] == b[0] && b[2] == b[0]
}

// isSeparator says whether a line starts with `---` and then a space, tab,
// line end or nothing. `---#x` and `---x` are plain scalars.
func isSeparator(line []byte) bool {
	return hasMarker(line, "---")
}

// isDocumentEnd says whether a line is YAML's `...`.
func isDocumentEnd(line []byte) bool {
	return hasMarker(line, "...")
}

func hasMarker(line []byte, marker string) bool {
	if len(line) < 3 || string(line[:3]) != marker {
		return false
	}
	if len(line) == 3 {
		return true
	}
	switch line[3] {
	case ' ', '\t', '\r', '\n':
		return true
	}
	return breakWidth(line[3:]) > 0
}

// breakWidth returns the length of the line break that b starts with, by
// YAML 1.1's (and the parser's) idea of one, or 0.
func breakWidth(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '\n':
		return 1
	case '\r':
		if len(b) > 1 && b[1] == '\n' {
			return 2
		}
		return 1
	case 0xC2: // NEL
		if len(b) > 1 && b[1] == 0x85 {
			return 2
		}
	case 0xE2: // LS, PS
		if len(b) > 2 && b[1] == 0x80 && b[2]&^1 == 0xA8 {
			return 3
		}
	}
	return 0
}

// contentStart returns the first byte of a chunk's content, 0 when it has
// only blanks, comments and its separator.
func contentStart(chunk []byte) byte {
	if content := trimFiller(chunk); len(content) > 0 {
		return content[0]
	}
	return 0
}

// trimFiller returns a chunk from its first content on, behind its separator, blanks
// and comments.
func trimFiller(chunk []byte) []byte {
	if isSeparator(chunk) {
		chunk = chunk[len("---"):]
	}
	for len(chunk) > 0 {
		switch chunk[0] {
		case ' ', '\t', '\r', '\n':
			chunk = chunk[1:]
		case '#':
			chunk = chunk[commentEnd(chunk):]
		default:
			w := breakWidth(chunk)
			if w == 0 && isDocumentEnd(chunk) {
				w = len("...")
			}
			if w == 0 {
				return chunk
			}
			chunk = chunk[w:]
		}
	}
	return nil
}

// directives returns the offset in a chunk from which on it has only directives, such
// as `%YAML 1.2`, for the document that follows; its length when it has none. They
// stand after a `...`, and go when either document is removed: see closeGaps.
func directives(chunk []byte) int {
	const end = "\n..."
	at := bytes.LastIndex(chunk, []byte(end))
	if at < 0 || !isDocumentEnd(chunk[at+1:]) {
		return len(chunk)
	}
	at += len(end)
	line, rest := cutLine(chunk[at:])
	if !blankOrComment(line) {
		return len(chunk)
	}
	found := len(chunk)
	for len(rest) > 0 {
		from := len(chunk) - len(rest)
		line, rest = cutLine(rest)
		switch {
		case len(line) > 0 && line[0] == '%':
			found = min(found, from)
		case !blankOrComment(line):
			return len(chunk)
		}
	}
	return found
}

// commentEnd returns the offset of the line break that ends a comment.
func commentEnd(chunk []byte) int {
	end := bytes.IndexByte(chunk, '\n')
	if end < 0 {
		end = len(chunk)
	}
	if isASCII(chunk[:end]) && bytes.IndexByte(chunk[:end], '\r') < 0 {
		return end
	}
	if i := bytes.IndexAny(chunk[:end], "\r\u0085\u2028\u2029"); i >= 0 {
		return i
	}
	return end
}

// lineEnding returns the line ending that text uses first, "\n" if none.
func lineEnding(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// sourceComment returns the path in the "# Source: " line that Helm 3 puts
// above a template's output, "" when there is none.
func sourceComment(chunk []byte) string {
	for len(chunk) > 0 {
		line, rest, _ := bytes.Cut(chunk, []byte("\n"))
		line = bytes.TrimSpace(line)
		if path, ok := bytes.CutPrefix(line, []byte("# Source: ")); ok {
			return string(bytes.TrimSpace(path))
		}
		if len(line) > 0 && line[0] != '#' && !isSeparator(line) {
			return ""
		}
		chunk = rest
	}
	return ""
}
