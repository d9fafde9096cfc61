package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/connected-registry/scenario/codes"
)

// maxNesting is deeper than any setting is.
const maxNesting = 4

// ReadSettings reads a settings file of `az k8s-extension`: JSON, with dotted keys
// or nested objects. Errors name line and column, and no value.
func ReadSettings(source string, data []byte) ([]Setting, error) {
	f := &settingsFile{source: source, data: data}
	if err := f.whole(); err != nil {
		return nil, Errors{*err}
	}
	f.decoder = json.NewDecoder(bytes.NewReader(data))
	f.decoder.UseNumber()
	if err := f.document(); err != nil {
		return nil, Errors{*err}
	}
	return f.settings, f.errs.sorted()
}

// settingsFile is a file on its way to settings.
type settingsFile struct {
	source   string
	data     []byte
	decoder  *json.Decoder
	settings []Setting
	errs     Errors
}

// at is an error at a byte of the file.
func (f *settingsFile) at(code codes.Code, offset int64, path, message, fix string) *Error {
	line, column := f.place(offset)
	return &Error{code, f.source, line, path, fmt.Sprintf("column %d: %s", column, message), fix}
}

// place counts lines, and characters within one, from 1.
func (f *settingsFile) place(offset int64) (line, column int) {
	before := f.data[:min(int(offset), len(f.data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// whole judges the bytes before they are parsed.
func (f *settingsFile) whole() *Error {
	fail := func(code codes.Code, message, fix string) *Error {
		return &Error{Code: code, Source: f.source, Message: message, Fix: fix}
	}
	switch {
	case len(f.data) > maxSize:
		return fail(codes.FileTooLarge, fmt.Sprintf("the file has %d bytes, expected at most %d", len(f.data), maxSize), "write the settings of one registry")
	case isUTF16(f.data):
		return fail(codes.NotUTF8, "the file is UTF-16, as Windows PowerShell's > writes it, expected UTF-8", "use Set-Content -Encoding ascii to write it")
	case bytes.HasPrefix(f.data, []byte("\ufeff")):
		return fail(codes.ByteOrderMark, "the file begins with a byte order mark, which az does not read", `use "UTF-8 without BOM" when saving it`)
	case !utf8.Valid(f.data):
		return &Error{Code: codes.NotUTF8, Source: f.source, Line: lineOfInvalidUTF8(f.data), Message: "the file is not UTF-8", Fix: `use an editor's "save as UTF-8"`}
	case len(bytes.TrimSpace(f.data)) == 0:
		return fail(codes.InvalidJSON, "the file is empty, expected a JSON object", `write {"connectionString": "…"}`)
	}
	return nil
}

// start is where the next token begins: the decoder tells where the last one ended.
func (f *settingsFile) start() int64 {
	offset := f.decoder.InputOffset()
	for offset < int64(len(f.data)) && strings.IndexByte(" \t\r\n:,", f.data[offset]) >= 0 {
		offset++
	}
	return offset
}

func (f *settingsFile) document() *Error {
	start := f.start()
	token, err := f.decoder.Token()
	if err != nil {
		return f.syntax(err, start)
	}
	if token != json.Delim('{') {
		return f.at(codes.InvalidJSON, start, "", "found no JSON object", `write {"connectionString": "…"}`)
	}
	if err := f.object("", 1); err != nil {
		return err
	}
	start = f.start()
	if _, err := f.decoder.Token(); !errors.Is(err, io.EOF) {
		return f.at(codes.InvalidJSON, start, "", "found more after the JSON object", "remove it")
	}
	return nil
}

// object reads the members up to the closing brace.
func (f *settingsFile) object(path string, depth int) *Error {
	seen := map[string]bool{}
	for {
		start := f.start()
		token, err := f.decoder.Token()
		if err != nil {
			return f.syntax(err, start)
		}
		if token == json.Delim('}') {
			return nil
		}
		name, _ := token.(string) // the decoder takes nothing else for a key
		key := strings.TrimPrefix(path+"."+name, ".")
		if !printable(key) {
			return f.at(codes.InvalidJSON, start, "", fmt.Sprintf("found a key of %d characters, expected a setting's name", len(key)), `write one such as "connectionString"`)
		}
		if seen[name] {
			f.errs = append(f.errs, *f.at(codes.DuplicateField, start, key, "stated twice", "remove one of the two"))
		}
		seen[name] = true
		if err := f.member(key, start, depth); err != nil {
			return err
		}
	}
}

// member reads a value. az hands every value on as text.
func (f *settingsFile) member(key string, keyAt int64, depth int) *Error {
	start := f.start()
	token, err := f.decoder.Token()
	if err != nil {
		return f.syntax(err, start)
	}
	line, column := f.place(keyAt)
	add := func(value string) { f.settings = append(f.settings, Setting{key, value, line, column}) }
	switch value := token.(type) {
	case json.Delim:
		if value == '{' && depth < maxNesting {
			return f.object(key, depth+1)
		}
		return f.at(codes.WrongType, start, key, "found a list or an object, expected a string", "write the value in double quotes")
	case string:
		add(value)
	case bool:
		add(fmt.Sprint(value))
	case json.Number:
		add(value.String())
	default:
		f.errs = append(f.errs, *f.at(codes.WrongType, start, key, "found null, expected a string", "write a value, or remove the setting"))
	}
	return nil
}

// badInString is where a string that begins at start has a character that none can
// have; start itself where there is no such string. (The offset of the decoder's
// error counts from where it last began to scan.)
func (f *settingsFile) badInString(start int64) int64 {
	if start >= int64(len(f.data)) || f.data[start] != '"' {
		return start
	}
	for i := start + 1; i < int64(len(f.data)) && f.data[i] != '"'; i++ {
		if f.data[i] < ' ' {
			return i
		}
		if f.data[i] == '\\' {
			i++
		}
	}
	return start
}

// syntax words what is wrong with the JSON at the place where the decoder gave up.
// It says what the documentation's own examples have wrong: curly quotes, and a
// variable outside of quotes.
func (f *settingsFile) syntax(err error, start int64) *Error {
	offset := f.badInString(start)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || offset >= int64(len(f.data)) {
		return f.at(codes.InvalidJSON, int64(len(f.data)), "", "the file ends within the JSON object", "write what is missing, a closing } perhaps")
	}
	rest := string(f.data[offset:])
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case strings.ContainsRune(curlyQuotes, r):
		return f.at(codes.CurlyQuotes, offset, "", fmt.Sprintf("found the curly quote %c", r), `use straight double quotes, "`)
	case r == '$':
		return f.at(codes.UnquotedVariable, offset, "", "found a shell variable outside of double quotes, which no shell has expanded",
			`write the value itself in double quotes, or make the file with cat <<EOF and "$TLS_CRT" in double quotes`)
	case r == '#', strings.HasPrefix(rest, "//"):
		return f.at(codes.InvalidJSON, offset, "", "found a comment, which JSON does not have", "remove it")
	case r == '\'':
		return f.at(codes.InvalidJSON, offset, "", "found a single quote", `use double quotes, "`)
	case r == '}', r == ']':
		return f.at(codes.InvalidJSON, offset, "", "found a closing bracket, expected a setting; a comma before it, perhaps", "remove the comma")
	case r < ' ':
		return f.at(codes.InvalidJSON, offset, "", "found a line break or another control character within a string", "write the value on one line")
	}
	return f.at(codes.InvalidJSON, offset, "", "the file is not JSON here", `write "key": "value", with a comma between two of them`)
}
