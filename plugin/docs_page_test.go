package plugin_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page of the documentation is tested by following it: see follow.

// section is a heading of a page with what stands below it, up to the next heading.
type section struct {
	level int
	title string
	// prose is the text without the blocks; each has left a line with its fence.
	prose  string
	blocks []block
}

// fenceLine is a line that opens or closes a block; within a list it is indented, and so is
// the block.
var (
	fenceLine   = regexp.MustCompile("^( *)```(.*)\n$")
	headingLine = regexp.MustCompile(`^(#+) (.*)\n$`)
)

// sectionsOf reads a page. It is strict, so that no block is overlooked: a fence has a
// language and nothing else, and is closed.
func sectionsOf(t *testing.T, page string) []section {
	t.Helper()
	sections := []section{{}}
	var open *block
	indent := ""
	for line := range strings.Lines(readText(t, "..", page)) {
		current := &sections[len(sections)-1]
		fence := fenceLine.FindStringSubmatch(line)
		heading := headingLine.FindStringSubmatch(line)
		switch {
		case fence != nil && open == nil:
			require.Regexp(t, "^[a-z]+$", fence[2], "%s: a block without a language, or with more than one word", page)
			open, indent = &block{language: fence[2]}, fence[1]
			current.prose += line
		case fence != nil:
			require.Equal(t, indent+"```\n", line, page)
			current.blocks, open = append(current.blocks, *open), nil
			current.prose += line
		case open != nil:
			open.text += strings.TrimPrefix(line, indent)
		case heading != nil:
			sections = append(sections, section{level: len(heading[1]), title: heading[2]})
		default:
			current.prose += line
		}
	}
	require.Nil(t, open, "%s: a block is not closed", page)
	if strings.TrimSpace(sections[0].prose) == "" && len(sections[0].blocks) == 0 {
		return sections[1:] // a page begins with a heading
	}
	return sections
}

// reader follows a page in a directory of their own.
type reader struct {
	t   *testing.T
	dir string
	env []string
	// said is what the last command wrote to stdout and stderr.
	said string
	// written are the files that the page shows and that no command has named yet.
	written []string
}

// follow does what a section says, in its order:
//
//   - sh is run by bash, and must succeed;
//   - text is in what the command before it wrote;
//   - anything else begins with a comment that is its file's name. A file that a command
//     has made must be what the block shows; any other is written, and a later command
//     must name it, or its directory.
func (r *reader) follow(s section) {
	r.t.Helper()
	for _, b := range s.blocks {
		switch b.language {
		case "sh":
			r.written = slices.DeleteFunc(r.written, func(name string) bool {
				return strings.Contains(b.text, name) || strings.Contains(b.text, " "+filepath.Dir(name)+" ")
			})
			stdout, stderr, err := shell(r.t, r.dir, r.env, b.text)
			require.NoError(r.t, err, "%s: %s\n%s\n%s", s.title, b.text, stdout, stderr)
			r.said = stdout + stderr
		case "text":
			assert.Contains(r.t, r.said, b.text, s.title)
		default:
			r.file(b)
		}
	}
}

func (r *reader) file(b block) {
	r.t.Helper()
	first, text, _ := strings.Cut(b.text, "\n")
	name, found := strings.CutPrefix(first, "# ")
	require.True(r.t, found, "a %s block that no test looks at, because it does not begin with # and a file's name:\n%s", b.language, b.text)
	if made, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil {
		assert.Equal(r.t, string(made), text, "the page shows another %s than its command makes", name)
		return
	}
	writeFiles(r.t, r.dir, map[string]string{name: b.text})
	r.written = append(r.written, name)
}

var pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// linksOf are a section's links: of files the path from the repository's root, of the
// web as they are, each with its anchor.
func linksOf(page string, s section) []string {
	var links []string
	for _, m := range pageLink.FindAllStringSubmatch(s.prose, -1) {
		if path, anchor, _ := strings.Cut(m[1], "#"); !strings.Contains(path, ":") {
			if path == "" {
				path = page
			} else {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(page), path))
			}
			m[1] = strings.TrimSuffix(path+"#"+anchor, "#")
		}
		links = append(links, m[1])
	}
	return links
}

// anchorOf is the anchor that GitHub gives a heading.
func anchorOf(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// assertLinks: what a page links to is there, headings included.
func assertLinks(t *testing.T, page string) {
	t.Helper()
	for _, s := range sectionsOf(t, page) {
		for _, link := range linksOf(page, s) {
			path, anchor, _ := strings.Cut(link, "#")
			if strings.Contains(path, ":") {
				continue
			}
			_, err := os.Stat(filepath.Join("..", path))
			require.NoError(t, err, "%s links to it", page)
			if anchor == "" {
				continue
			}
			var anchors []string
			for _, target := range sectionsOf(t, path) {
				anchors = append(anchors, anchorOf(target.title))
			}
			assert.Contains(t, anchors, anchor, "%s links to %s", page, link)
		}
	}
}
