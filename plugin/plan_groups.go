package plugin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/connected-registry/scenario/transformers"
	"github.com/connected-registry/scenario/transformers/resource"
)

// group is what a plan does about one concern.
type group struct {
	title string
	rows  []row
}

// row is what is done to one object about a concern, or to several alike.
type row struct {
	action string
	object string // empty where objects are counted
	kinds  []string
	what   []string
}

// manyAlike is from how many objects on those to which the same is done are counted
// rather than listed: a cert-manager that goes would bury what changes.
const manyAlike = 5

// groups sorts what is done by concern, and within one by object.
func (p *planned) groups(all, explain bool) []group {
	var groups []group
	for _, concern := range transformers.Concerns() {
		var rows []row
		for _, c := range p.changes {
			if r, ok := p.row(c, concern, explain); ok {
				rows = append(rows, r)
			}
		}
		if !all {
			rows = countAlike(rows)
		}
		if len(rows) > 0 {
			groups = append(groups, group{concern.Title(), rows})
		}
	}
	return groups
}

// row is what is done to an object about a concern. An object of which nothing is
// recorded is about another.
func (p *planned) row(c resource.Change, concern transformers.Concern, explain bool) (row, bool) {
	r := row{action: action(c), object: printable(c.Object.ID()), kinds: []string{printable(c.Object.Kind)}}
	done := p.done(c.Object)
	for _, d := range done {
		if d.Concern == concern {
			r.what = append(r.what, printable(scrub(withoutAction(d.Message))))
			if explain && d.Evidence != nil {
				r.what = append(r.what, "evidence: "+printable(scrub(d.Evidence.String())))
			}
		}
	}
	return r, len(r.what) > 0 || len(done) == 0 && concern == transformers.ConcernOther
}

// withoutAction leaves out of a message what the action beside it says.
func withoutAction(message string) string {
	for _, said := range []string{"added: ", "removed: "} {
		if what, ok := strings.CutPrefix(message, said); ok {
			return what
		}
	}
	return message
}

// alike says whether the same is done to the objects of two rows.
func (r row) alike(other row) bool {
	return r.action == other.action && slices.Equal(r.what, other.what)
}

// countAlike makes one row of many objects to which the same is done. It stands
// where the first of them stood.
func countAlike(rows []row) []row {
	var counted []row
	for i, r := range rows {
		alike := kindsAlike(rows, r)
		if len(alike) < manyAlike {
			counted = append(counted, r)
			continue
		}
		if !slices.ContainsFunc(rows[:i], r.alike) {
			r.object, r.kinds = "", alike
			counted = append(counted, r)
		}
	}
	return counted
}

// kindsAlike is the kind of each object to which the same is done.
func kindsAlike(rows []row, r row) []string {
	var kinds []string
	for _, other := range rows {
		if r.alike(other) {
			kinds = append(kinds, other.kinds...)
		}
	}
	return kinds
}

// objects names a row's object, or says how many there are.
func (r row) objects() string {
	if r.object != "" {
		return r.object
	}
	return count(len(r.kinds), "object")
}

// perKind counts the objects of each kind, the most first. No line ends between a
// number and its kind.
func (r row) perKind() string {
	counts := map[string]int{}
	for _, kind := range r.kinds {
		counts[kind]++
	}
	var kinds []string
	for kind := range counts {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d%c%s", counts[kind], noBreak, kind)
	}
	return strings.Join(kinds, ", ")
}
