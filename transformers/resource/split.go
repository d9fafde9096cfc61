package resource

import (
	"bytes"
	"math"

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
// in a row are the input. src[:base] is the byte order mark.
//
// YAML ends a document at a `---` in column 0 whatever is open (a quoted
// scalar and a flow collection are errors then, a block scalar ends), so no
// parser is needed to find them.
func split(src []byte, base int) []uint32 {
	if len(src) == base {
		return nil
	}
	starts := []uint32{uint32(base)}
	for pos := base; ; {
		i := bytes.Index(src[pos:], []byte("\n---"))
		if i < 0 {
			break
		}
		line := pos + i + 1
		if isSeparator(src[line:]) {
			starts = append(starts, uint32(line))
		}
		pos = line + len("---")
	}
	// Directives stand before the `---` of the document they are for.
	if len(starts) > 1 && contentStart(src[base:starts[1]]) == '%' {
		starts = append(starts[:1], starts[2:]...)
	}
	return starts
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
	if isSeparator(chunk) {
		chunk = chunk[len("---"):]
	}
	for len(chunk) > 0 {
		switch c := chunk[0]; c {
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
				return c
			}
			chunk = chunk[w:]
		}
	}
	return 0
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
