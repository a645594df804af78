// Package ledgertest is the suite that every adapter of pkg/ledger passes: the contract's sentences as tests. An
// adapter's own test calls [Run] with a function that opens an empty ledger.
//
// It checks what callers can observe, so it holds for any adapter. It leaves out what only one adapter has, such as the
// layout of its rows, and it injects no faults.
package ledgertest

import (
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

// Harness is an empty ledger and what the suite needs to drive it.
type Harness struct {
	Store ledger.Store
	// Second is the same ledger as another process sees it. It may be Store if there is only ever one process.
	Second ledger.Store
	// Advance returns when the ledger's clock shows at least d more than before. The suite asks for a few seconds in all.
	Advance func(t *testing.T, d time.Duration)
	// Patience is the lease that the suite takes where it waits for its end; a few seconds against a real clock.
	Patience time.Duration
}

// test is one promise.
type test struct {
	name string
	run  func(*testing.T, Harness)
}

// Run runs the suite, each promise in parallel on a ledger of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Guests", guests}, {"Claims", claims}, {"Imports", imports}, {"Entries", entries}, {"Updates", updates},
		{"Tally", tallies}, {"Grants", grants}, {"Tenant", tenants}, {"Breaker", breakers}, {"Sizes", sizes}, {"Fields", fields},
		{"Index", indexes}, {"Purge", purges}, {"Processes", processes},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, tc := range group.tests {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					tc.run(t, open(t))
				})
			}
		})
	}
}
