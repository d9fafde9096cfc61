package plugin_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// translations are the pages that there are in Korean.
var translations = map[string]string{
	"README.md":     "docs/ko/README.md",
	"docs/guide.md": "docs/ko/guide.md",
}

// marker is a comment in a translated section with a digest of the English prose that
// it was made of.
var marker = regexp.MustCompile(`<!-- en: ([0-9a-f]{12}) -->\n`)

func markerOf(english section) string {
	return fmt.Sprintf("<!-- en: %.6x -->\n", sha256.Sum256([]byte(english.prose)))
}

// The Korean pages are the English ones: section by section the same level, blocks and
// links, and of each section a digest of the English prose. Who has looked at a
// translation, because the prose of its section was changed, writes the digest with
// -update; blocks are copied with it.
func TestKoreanPages(t *testing.T) {
	for page, translation := range translations {
		t.Run(page, func(t *testing.T) {
			english := sectionsOf(t, page)
			if *update {
				bringUpToDate(t, english, translation)
			}
			korean := sectionsOf(t, translation)
			require.Equal(t, outline(english), outline(korean), "the headings' levels")
			for i, s := range english {
				name := fmt.Sprintf("%s: section %q", translation, korean[i].title)
				assert.Equal(t, s.blocks, korean[i].blocks, name)
				assert.Equal(t, translatedLinks(t, page, english, s), sorted(linksOf(translation, korean[i])), name)
				assert.Equal(t, []string{markerOf(s)}, marker.FindAllString(korean[i].prose, -1),
					"%s: the English section %q was changed; bring the translation in step, then run go test ./plugin -run TestKoreanPages -update", name, s.title)
				assert.Equal(t, shape(s), shape(korean[i]), "%s: paragraphs, rows and items", name)
			}
		})
	}
}

func outline(sections []section) []int {
	var levels []int
	for _, s := range sections {
		levels = append(levels, s.level)
	}
	return levels
}

// shape is how many paragraphs, rows of tables and items of lists a section has, so that
// none is left untranslated.
func shape(s section) map[string]int {
	found := map[string]int{}
	for paragraph := range strings.SplitSeq(marker.ReplaceAllString(s.prose, ""), "\n\n") {
		if strings.TrimSpace(paragraph) != "" {
			found["paragraphs"]++
		}
	}
	for line := range strings.Lines(s.prose) {
		switch {
		case strings.HasPrefix(line, "|"):
			found["rows"]++
		case strings.HasPrefix(strings.TrimLeft(line, " "), "* "), regexp.MustCompile(`^\d+\. `).MatchString(line):
			found["items"]++
		}
	}
	return found
}

// translatedLinks are the links that the translation of a section must have: to the
// translation of a page where there is one, to the same heading, and from the head of a
// page to the page in the other language.
func translatedLinks(t *testing.T, page string, english []section, s section) []string {
	t.Helper()
	var links []string
	for _, link := range linksOf(page, s) {
		path, anchor, _ := strings.Cut(link, "#")
		switch translation, found := translations[path]; {
		case path == translations[page]:
			path = page
		case found:
			path = translation
			anchor = translatedAnchor(t, link, translation, anchor)
		}
		links = append(links, strings.TrimSuffix(path+"#"+anchor, "#"))
	}
	return sorted(links)
}

// translatedAnchor is the anchor of the same section in the other language.
func translatedAnchor(t *testing.T, link, translation, anchor string) string {
	t.Helper()
	if anchor == "" {
		return ""
	}
	path, _, _ := strings.Cut(link, "#")
	for i, s := range sectionsOf(t, path) {
		if anchorOf(s.title) == anchor {
			return anchorOf(sectionsOf(t, translation)[i].title)
		}
	}
	require.Failf(t, "a link leads nowhere", "%s", link)
	return ""
}

func sorted(links []string) []string {
	slices.Sort(links)
	return links
}

// bringUpToDate writes the digests and the blocks of the English sections into a
// translation that has as many of both.
func bringUpToDate(t *testing.T, english []section, translation string) {
	t.Helper()
	korean := sectionsOf(t, translation)
	require.Equal(t, outline(english), outline(korean), "the headings' levels")
	var page strings.Builder
	for i, s := range korean {
		if s.level > 0 {
			fmt.Fprintf(&page, "%s %s\n", strings.Repeat("#", s.level), s.title)
		}
		require.Len(t, s.blocks, len(english[i].blocks), "%s: the blocks of %q", translation, s.title)
		require.Len(t, marker.FindAllString(s.prose, -1), 1, "%s: the markers of %q", translation, s.title)
		prose := marker.ReplaceAllString(s.prose, markerOf(english[i]))
		inBlock, next := false, 0
		for line := range strings.Lines(prose) {
			page.WriteString(line)
			if strings.HasPrefix(line, "```") {
				if inBlock = !inBlock; inBlock {
					page.WriteString(english[i].blocks[next].text)
					next++
				}
			}
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join("..", translation), []byte(page.String()), 0o644))
}
