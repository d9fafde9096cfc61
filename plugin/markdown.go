package plugin

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/connected-registry/scenario/internal/lazyregexp"
)

// commentLimit is how many characters GitHub takes for a comment. It is compared
// with bytes, of which there are never fewer.
const commentLimit = 65536

// page is Markdown that is not longer than a comment may be.
type page struct {
	*bytes.Buffer
	room int // in bytes, for what is still to come
}

// fits writes a text if there is room for it, and says whether there was.
func (p *page) fits(text string) bool {
	if len(text) > p.room {
		return false
	}
	p.room -= len(text)
	p.WriteString(text)
	return true
}

// leftOut counts what there was no room for.
type leftOut struct{ notes, rows, diffs int }

const (
	cutReserve = 500              // for the note that says what is cut
	noteShare  = commentLimit / 4 // of what tables would else take
	nameLimit  = 200              // of a scenario's name
)

// markdown writes a plan for a comment on a pull request. What matters most comes
// first, and what does not fit is cut from the end: diffs, before rows of tables.
func (p *planned) markdown(w *bytes.Buffer, flags planFlags) {
	out := &page{w, commentLimit - cutReserve}
	name := printable(p.scenario)
	if len(name) > nameLimit {
		name = cut(name, nameLimit) + "…"
	}
	out.fits("## Plan of scenario " + inCode(name) + "\n\n" + p.markdownSummary() + "\n")
	var missing leftOut
	notes := p.markdownNotes(&missing)
	out.room -= len(notes)
	for _, g := range p.groups(flags.all, flags.explain) {
		missing.rows += out.table(g)
	}
	out.room += len(notes)
	out.fits(notes)
	if flags.diff {
		missing.diffs = out.diffs(p)
	}
	out.room += cutReserve
	out.fits(missing.String())
}

func (p *planned) markdownSummary() string {
	if len(p.changes) == 0 {
		return "Nothing to change: it holds already."
	}
	summary := p.counts()
	for _, label := range []string{"override", "warning"} {
		n := 0
		for _, note := range p.notes() {
			if note.label == label {
				n++
			}
		}
		if n > 0 {
			summary += ", " + count(n, label)
		}
	}
	return "**" + summary + ".**"
}

// markdownNotes is a list of what needs attention.
func (p *planned) markdownNotes(missing *leftOut) string {
	notes := &page{&bytes.Buffer{}, noteShare}
	for _, n := range p.notes() {
		lead := ""
		if notes.Len() == 0 {
			lead = "\n### Needs attention\n\n"
		}
		if !notes.fits(lead + "- **" + n.label + "**: " + escaped(n.text) + "\n") {
			missing.notes++
		}
	}
	return notes.String()
}

// table writes a concern's table and returns the number of rows that did not fit.
func (p *page) table(g group) (missing int) {
	head := "\n### " + g.title + "\n\n| action | object | what |\n|---|---|---|\n"
	for _, r := range g.rows {
		object := inCode(r.object)
		if r.object == "" {
			object = r.objects()
			r.what = append(r.what[:len(r.what):len(r.what)], r.perKind())
		}
		var what []string
		for _, text := range r.what {
			what = append(what, escaped(text))
		}
		if !p.fits(head + fmt.Sprintf("| %s | %s | %s |\n", r.action, object, strings.Join(what, "<br>"))) {
			missing++
			continue
		}
		head = ""
	}
	return missing
}

// diffs writes the diffs, folded, and returns the number of those that did not fit.
func (p *page) diffs(planned *planned) (missing int) {
	for _, c := range planned.changes {
		if action(c) == actionRemove {
			continue
		}
		text := diff(c)
		fence := fenceFor(text)
		if !p.fits(fmt.Sprintf("\n<details>\n<summary>Diff: %s %s</summary>\n\n%sdiff\n%s%s\n\n</details>\n",
			action(c), codeTag(printable(c.Object.ID())), fence, text, fence)) {
			missing++
		}
	}
	return missing
}

// String is the note that says what is not shown, empty where everything is.
func (l leftOut) String() string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{l.rows, "table row"}, {l.notes, "note"}, {l.diffs, "diff"}} {
		if part.n > 0 {
			parts = append(parts, count(part.n, part.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "\n> **Cut**: " + strings.Join(parts, ", ") + " left out, because a comment holds 65,536 characters. " +
		"The same command without `--output markdown` shows everything, and so does `--output json`.\n"
}

var backticks = lazyregexp.New("`+")

// fenceFor is a fence that is longer than every run of backticks in a text.
func fenceFor(text string) string {
	longest := 2
	for _, run := range backticks().FindAllString(text, -1) {
		longest = max(longest, len(run))
	}
	return strings.Repeat("`", longest+1)
}

// meansSomething is in words that Markdown, or GitHub, makes something else of: a
// link, a mention of somebody, a formula, emphasis.
var meansSomething = lazyregexp.New("[`|\\\\*_~@#$\\[\\]]|://|www\\.|:[a-z0-9+-]+:")

// escaped is a text that stays what it is within a line of Markdown.
func escaped(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if meansSomething().MatchString(word) {
			words[i] = inCode(word)
			continue
		}
		words[i] = entities(word)
	}
	return strings.Join(words, " ")
}

// inCode is a text as code, in which GitHub finds no mentions. Neither a backtick
// nor, in a table, a vertical line can be written between backticks.
func inCode(text string) string {
	if text != "" && text == strings.TrimSpace(text) && !strings.ContainsAny(text, "`|\\") {
		return "`" + text + "`"
	}
	return codeTag(text)
}

// codeTag is code in HTML, between whose tags Markdown would still find links.
func codeTag(text string) string {
	return "<code>" + strings.NewReplacer(":", "&#58;", ".", "&#46;").Replace(entities(text)) + "</code>"
}

// entities writes the characters that mean something to Markdown or HTML as HTML's
// entities, which are read as text only.
func entities(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("&<>`|\\*_~@#$[]", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
