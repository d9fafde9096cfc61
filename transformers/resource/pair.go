package resource

import (
	"sort"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// sequence edits a block sequence, its items matched by pair.
func (r *rewriter) sequence(old, now *yaml.Node, bound int) bool {
	c, ok := r.sequenceItems(old, bound)
	if !ok {
		return false
	}
	plan := r.pair(old.Content, now.Content)
	kept := make([]bool, len(old.Content))
	for _, j := range plan {
		if j >= 0 {
			kept[j] = true
		}
	}
	return c.carryOut(plan, kept, func(i int) (key, value *yaml.Node) {
		return nil, now.Content[i]
	})
}

// pair finds for each new item the old one that it is, -1 for added ones.
// The numbers ascend. Items are known by the position that they still have
// from the text; between those so found, by equality, and what then is left
// by name and by order.
func (r *rewriter) pair(old, now []*yaml.Node) []int {
	plan := byPosition(old, now)
	i, j := 0, 0
	for k := 0; k <= len(plan); k++ {
		if k < len(plan) && plan[k] < 0 {
			continue
		}
		end := len(old)
		if k < len(plan) {
			end = plan[k]
		}
		r.pairGap(old, now, plan, j, end, i, k)
		i, j = k+1, end+1
	}
	return plan
}

// byPosition pairs the longest ascending run of items with known positions.
func byPosition(old, now []*yaml.Node) []int {
	type position struct{ line, column int }
	index := make(map[position]int, len(old))
	for i, n := range old {
		index[position{n.Line, n.Column}] = i
	}
	plan := make([]int, len(now))
	var tails []int // tails[l]: index in now that ends the best run of length l+1
	before := make([]int, len(now))
	for k, n := range now {
		plan[k] = -1
		i, ok := index[position{n.Line, n.Column}]
		if !ok || n.Line == 0 || old[i].Kind != n.Kind && old[i].Kind != yaml.AliasNode {
			continue
		}
		plan[k] = i
		at := sort.Search(len(tails), func(t int) bool { return plan[tails[t]] >= i })
		before[k] = -1
		if at > 0 {
			before[k] = tails[at-1]
		}
		tails = append(tails[:at], append([]int{k}, tails[min(at+1, len(tails)):]...)...)
	}
	run := make(map[int]bool, len(tails))
	if len(tails) > 0 {
		for k := tails[len(tails)-1]; k >= 0; k = before[k] {
			run[k] = true
		}
	}
	for k := range plan {
		if !run[k] {
			plan[k] = -1
		}
	}
	return plan
}

// maxPairs bounds the table of a longest common subsequence.
const maxPairs = 1 << 18

// pairGap pairs old[j0:j1] with now[i0:i1], none of which is paired yet, by
// the longest common subsequence of equal items, and what lies between by
// pairRest.
func (r *rewriter) pairGap(old, now []*yaml.Node, plan []int, j0, j1, i0, i1 int) {
	rows, columns := j1-j0, i1-i0
	if rows <= 0 || columns <= 0 || rows*columns > maxPairs {
		return
	}
	table := make([][]int32, rows+1)
	matches := make([][]bool, rows)
	table[rows] = make([]int32, columns+1)
	for a := rows - 1; a >= 0; a-- {
		table[a], matches[a] = make([]int32, columns+1), make([]bool, columns)
		for b := columns - 1; b >= 0; b-- {
			matches[a][b] = r.same(old[j0+a], now[i0+b])
			table[a][b] = max(table[a+1][b], table[a][b+1])
			if matches[a][b] {
				table[a][b] = max(table[a][b], table[a+1][b+1]+1)
			}
		}
	}
	lastJ, lastI := j0, i0
	for a, b := 0, 0; a < rows && b < columns; {
		switch {
		case matches[a][b] && table[a][b] == table[a+1][b+1]+1:
			plan[i0+b] = j0 + a
			r.pairRest(old, now, plan, lastJ, j0+a, lastI, i0+b)
			lastJ, lastI = j0+a+1, i0+b+1
			a, b = a+1, b+1
		case table[a+1][b] >= table[a][b+1]:
			a++
		default:
			b++
		}
	}
	r.pairRest(old, now, plan, lastJ, j1, lastI, i1)
}

// pairRest pairs items that are equal to no other: mappings of one name.
func (r *rewriter) pairRest(old, now []*yaml.Node, plan []int, j0, j1, i0, i1 int) {
	for j, i := j0, i0; j < j1 && i < i1; i++ {
		for k := j; k < j1; k++ {
			if sameName(old[k], now[i]) || j1-j == i1-i && old[k].Kind == now[i].Kind && old[k].Kind == yaml.ScalarNode {
				plan[i], j = k, k+1
				break
			}
		}
	}
}

// same says whether an item of the text means what a new one means.
func (r *rewriter) same(old, now *yaml.Node) bool {
	full := r.expanded(old)
	return full != nil && equal(full, now)
}

// sameName says whether two mappings have the same name, or, of those
// without one, the same value under the same first key.
func sameName(a, b *yaml.Node) bool {
	if a.Kind != yaml.MappingNode || b.Kind != yaml.MappingNode || len(a.Content) == 0 {
		return false
	}
	if name := scalar(a, "name"); name != "" {
		return name == scalar(b, "name")
	}
	if scalar(b, "name") != "" {
		return false
	}
	first := scalar(a, a.Content[0].Value)
	return first != "" && first == scalar(b, a.Content[0].Value)
}
