package parts

import (
	"testing"
	"time"
)

// Patience is how long Eventually waits.
const Patience = 120 * time.Second

// Eventually polls until the condition returns "", and fails the test with what it
// returned last when that takes longer than Patience. What it returns is the state
// that keeps it from being true.
func Eventually(t testing.TB, what string, condition func() string) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		state := condition()
		if state == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after %s; last: %s", what, Patience, state)
		}
		<-time.After(100 * time.Millisecond)
	}
}
