package cluster_test

import (
	"slices"
	"testing"

	"github.com/connected-registry/scenario/fixtures"
	"github.com/connected-registry/scenario/test/e2e/parts"
)

// From every scenario to every other one by helm upgrade, and back by helm rollback:
// what is live afterwards is what a fresh installation makes.
func TestSwitchHelm3(t *testing.T) {
	var rows []string
	for _, row := range fixtures.Rows() {
		rows = append(rows, row.Name)
	}
	switchBetween(t, helm3(t), rows)
}

func TestSwitchHelm4(t *testing.T) {
	switchBetween(t, helm4(t), []string{"secure-by-default", "byoc", "own-trust-distribution"})
}

func switchBetween(t *testing.T, h helm, rows []string) {
	parts.SharedCluster(t).InstallCertManagerCRDs(t)
	r := newRelease(t, "switch-"+h.home)
	r.skipWebhooks(t)
	r.createSecret(t)
	empty := r.live(t)
	scenarios, fresh := map[string]string{}, map[string]map[string]string{}
	for _, row := range rows {
		scenarios[row] = r.scenario(t, row)
		r.helm(t, h, "install", scenarios[row])
		fresh[row] = r.live(t)
		r.uninstall(t, h, empty)
	}

	tour := everyPair(rows)
	r.helm(t, h, "install", scenarios[tour[0]])
	revisions := map[string]string{tour[0]: r.revision(t, h)}
	for i, row := range tour[1:] {
		r.helm(t, h, "upgrade", scenarios[row], "--history-max=0")
		r.requireLive(t, fresh[row], tour[i]+" to "+row)
		revisions[row] = r.revision(t, h)
	}
	for _, row := range rows {
		_, stderr, err := r.try(t, h, "rollback", r.variant.Release, revisions[row], "--history-max=0", "--no-hooks")
		if err != nil {
			t.Fatal(stderr)
		}
		r.requireLive(t, fresh[row], "rolled back to "+row)
	}
	ran(t, h, "`helm upgrade` and `helm rollback` from scenario to scenario")
}

// everyPair is a walk that goes from each row to each other one exactly once.
func everyPair(rows []string) []string {
	left := map[string][]string{}
	for _, row := range rows {
		left[row] = slices.DeleteFunc(slices.Clone(rows), func(other string) bool { return other == row })
	}
	// Hierholzer's: go on until stuck, which is back at the start, and insert detours.
	var walk []string
	stack := []string{rows[0]}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		if next := left[at]; len(next) > 0 {
			left[at] = next[1:]
			stack = append(stack, next[0])
			continue
		}
		walk = append(walk, at)
		stack = stack[:len(stack)-1]
	}
	slices.Reverse(walk)
	return walk
}
