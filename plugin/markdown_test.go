package plugin

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/connected-registry/scenario/scenario"
	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// hostile are values that would break a table, a fence or a page.
var hostile = []string{
	"a | b", `a \| b`, `a\`, "`", "a`b|c", "``` ```", "<b>bold</b>", "</details>", "<!--", "<script>alert(1)</script>",
	"&lt;i&gt;", "&amp;", "@someone", "org#1", "https://example.com/a_b", "www.example.com", "a@b.example", "*a* _b_ ~~c~~",
	"[a](javascript:x)", "![a](b)", "# heading", "- item", "1. item", "> quote", "a\nb", "a\r\n| b |", "\t|", "\x1b[31m", "\u202e", "\u2028|\n",
	"$x$", ":smile:", "\x00", "\xff|", "", " ", "日本|", "<code>", "</code>|`", "\\`|`", "a  b",
	"https://example.com/a_\xba", "www.example.com|", "https://a|b",
}

// parsed is what a Markdown reader makes of a page.
type parsed struct {
	rows, fences, paragraphs []string
	html                     []string
	kinds                    map[ast.NodeKind]int
}

// parseMarkdown reads a page as GitHub does: with tables, strikethrough and links of
// what looks like one.
func parseMarkdown(t *testing.T, page string) parsed {
	t.Helper()
	source := []byte(page)
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	p := parsed{kinds: map[ast.NodeKind]int{}}
	require.NoError(t, ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		p.kinds[n.Kind()]++
		switch n := n.(type) {
		case *east.TableCell:
			p.rows = append(p.rows, textOf(n, source))
		case *ast.FencedCodeBlock:
			p.fences = append(p.fences, string(n.Lines().Value(source)))
		case *ast.HTMLBlock:
			p.html = append(p.html, string(n.Lines().Value(source)))
		case *ast.RawHTML:
			p.html = append(p.html, string(n.Segments.Value(source)))
		case *ast.TextBlock:
			p.paragraphs = append(p.paragraphs, textOf(n, source))
		}
		return ast.WalkContinue, nil
	}))
	return p
}

// textOf is what a reader sees of a node. Entities are text in the source.
func textOf(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, ok := n.(*ast.Text); ok && entering {
			segment := string(leaf.Value(source))
			if n.Parent().Kind() != ast.KindCodeSpan {
				segment = unescapeEntities(segment)
			}
			b.WriteString(segment)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

func unescapeEntities(s string) string {
	for _, r := range "<>`|\\*_~@#$[]:." {
		s = strings.ReplaceAll(s, fmt.Sprintf("&#%d;", r), string(r))
	}
	return strings.ReplaceAll(s, "&#38;", "&")
}

// plannedWith is a plan in which a value stands wherever one may stand.
func plannedWith(t *testing.T, value string) *planned {
	t.Helper()
	set, err := resource.ParseStream([]byte(stream))
	require.NoError(t, err)
	objects, err := set.Heads([]string{"Service", "Deployment"})
	require.NoError(t, err)
	p := &planned{scenario: value, report: &transformers.Report{}}
	for i, o := range objects {
		o.Name = fmt.Sprintf("edge%d%s", i, value)
		p.report.Changes = append(p.report.Changes, transformers.Change{Object: o, Concern: transformers.ConcernService, Message: value})
		p.changes = append(p.changes, resource.Change{Object: o, Before: []byte("a: b\n"), After: []byte("a: |\n  " + value + "\n")})
	}
	p.report.Warnings = []transformers.Warning{{Object: objects[0], Transformer: "service", Message: value}}
	p.overrides = []scenario.Override{{Path: "spec", From: value, To: value}}
	return p
}

// assertHarmless: whatever the values are, the page has the form of any other.
func assertHarmless(t *testing.T, value string) {
	t.Helper()
	planned := plannedWith(t, value)
	var out bytes.Buffer
	planned.markdown(&out, planFlags{diff: true})
	p := parseMarkdown(t, out.String())

	require.Len(t, p.rows, 9, "a head and two rows of three cells:\n%s", out.String())
	assert.Equal(t, []string{"action", "object", "what", "change"}, p.rows[:4])
	assert.Equal(t, collapsed(printable(planned.changes[0].Object.ID())), collapsed(p.rows[4]))
	assert.Equal(t, collapsed(printable(scrub(withoutAction(value)))), collapsed(p.rows[5]))
	assert.Len(t, p.fences, 2)
	for i, fence := range p.fences {
		assert.Equal(t, diff(planned.changes[i]), fence)
	}
	assert.Equal(t, 2, p.kinds[ast.KindHeading]-1, "the plan's, the concern's, and that of the notes")
	assert.Equal(t, 2, p.kinds[ast.KindListItem])
	for _, kind := range []ast.NodeKind{ast.KindLink, ast.KindAutoLink, ast.KindImage, ast.KindBlockquote, east.KindStrikethrough} {
		assert.Zero(t, p.kinds[kind], "%s\n%s", kind, out.String())
	}
	assert.Equal(t, 3, p.kinds[ast.KindEmphasis], "what counts, and two labels")
	assertOurHTML(t, p.html)
}

func collapsed(text string) string { return strings.Join(strings.Fields(text), " ") }

// assertOurHTML: of HTML there is what folds the diffs, and code.
func assertOurHTML(t *testing.T, html []string) {
	t.Helper()
	for _, piece := range html {
		for _, ours := range []string{"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<br>"} {
			piece = strings.ReplaceAll(piece, ours, "")
		}
		assert.NotContains(t, piece, "<")
		assert.NotContains(t, piece, ">")
	}
}

func TestMarkdownStaysWhatItIs(t *testing.T) {
	for _, value := range hostile {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) { assertHarmless(t, value) })
	}
}

// longestWhole is how long a value may be of which nothing is cut, wherever it stands and
// however it is written: an escaped character takes ten bytes of the comment.
const longestWhole = 300

// No value can break the table, end the fence or bring HTML along.
func FuzzMarkdown(f *testing.F) {
	for _, value := range hostile {
		f.Add(value)
	}
	f.Add(strings.Repeat("\xff", longestWhole))
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > longestWhole || strings.Contains(value, "added: ") || strings.Contains(value, "removed: ") {
			return
		}
		assertHarmless(t, value)
	})
}

// What is too long is cut, what matters least first, and the page says so.
func TestMarkdownFitsAComment(t *testing.T) {
	line := strings.Repeat("日本 ", 3000)
	cases := map[string]struct {
		grow func(p *planned)
		says string
	}{
		"a long diff": {func(p *planned) {
			p.changes[0].After = []byte(strings.Repeat("a: b\n", 20000))
		}, "**Cut**: 1 diff left out"},
		"many rows": {func(p *planned) {
			for i := range 3000 {
				p.report.Changes[0].Message = "x"
				o := *p.changes[0].Object
				c := p.changes[0]
				c.Object = &o
				p.changes = append(p.changes, c)
				p.report.Changes = append(p.report.Changes, transformers.Change{Object: &o, Concern: transformers.ConcernStorage, Message: fmt.Sprint(i)})
			}
		}, "table rows, 3"},
		"many warnings": {func(p *planned) {
			for range 3000 {
				p.report.Warnings = append(p.report.Warnings, transformers.Warning{Message: "something is in the way"})
			}
		}, "notes left out"},
		"long values": {func(p *planned) {
			p.scenario, p.report.Changes[0].Message, p.report.Warnings[0].Message = line, strings.Repeat(line, 4), line
		}, "**Cut**: 1 table row, 1 note left out"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := plannedWith(t, "value")
			c.grow(p)
			var out bytes.Buffer
			p.markdown(&out, planFlags{diff: true})
			assert.LessOrEqual(t, out.Len(), commentLimit)
			assert.True(t, utf8.Valid(out.Bytes()))
			_, note, found := strings.Cut(out.String(), "\n> ")
			assert.True(t, found)
			assert.Contains(t, note, c.says)
			assert.Contains(t, note, "without `--output markdown` shows everything")
			assert.True(t, strings.Contains(out.String(), "### Needs attention"))
			assertOurHTML(t, parseMarkdown(t, out.String()).html)
			assert.Equal(t, strings.Count(out.String(), "<details>"), strings.Count(out.String(), "</details>"))
		})
	}
}

func TestMarkdownWithoutChanges(t *testing.T) {
	w := at(t)
	w.stdin = stream
	w.stdin = w.run("post-render", "-s", "trust.yaml").out
	got := w.run("plan", "-s", "trust.yaml", "--exit-code", "--output", "markdown")
	assert.Equal(t, 0, got.code)
	assert.Equal(t, "## Plan of scenario `trust`\n\nNothing to change: it holds already.\n", got.out)
}

// Two runs print the same, in every format.
func TestPlanIsDeterministic(t *testing.T) {
	for _, format := range []string{"table", "markdown", "json"} {
		w := at(t)
		first := planOf(t, "http", w, "--output", format)
		for range 3 {
			assert.Equal(t, first, planOf(t, "http", w, "--output", format))
		}
	}
}

// With --exit-code the three codes mean the same in every format.
func TestPlanExitCodeInEveryFormat(t *testing.T) {
	for _, format := range []string{"table", "markdown", "json"} {
		w := at(t)
		run := func(scenario string) outcome {
			return w.run("plan", "-s", scenario, "--exit-code", "--output", format)
		}
		w.stdin = stream
		assert.Equal(t, 1, run("trust.yaml").code, format)
		assert.Equal(t, 2, run("cannot.yaml").code, format)
		assert.Empty(t, run("cannot.yaml").out, format)
		w.stdin = w.run("post-render", "-s", "trust.yaml").out
		assert.Equal(t, 0, run("trust.yaml").code, format)
	}
}
