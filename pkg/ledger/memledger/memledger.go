// Package memledger is the ledger in memory, for tests of everything that needs a [ledger.Store]. Call [New]; hand the
// Store to as many workers as you like.
//
// It promises what the contract promises, checked by the suite that pkg/ledger/tableledger passes too, and it keeps the
// same sixteen partitions per import. It leaves out faults: nothing is lost and nothing fails.
package memledger

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"guestlist/pkg/ledger"
)

// Store is a ledger in memory. Its methods may be called from many goroutines.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	writes  int // makes versions
	guests  map[string]ledger.Guest
	imports map[string]ledger.Import
	entries map[string]*book             // by import
	grants  map[string]map[string]string // import by target and guest

	tenant  *single[ledger.Tenant]
	breaker *single[ledger.Breaker]
	mail    *single[ledger.MailPace]
}

var _ ledger.Store = (*Store)(nil)

// New returns an empty ledger whose clock is now. The function is called by many goroutines.
func New(now func() time.Time) *Store {
	return &Store{
		now:     now,
		guests:  map[string]ledger.Guest{},
		imports: map[string]ledger.Import{},
		entries: map[string]*book{},
		grants:  map[string]map[string]string{},
		tenant:  newTenant(),
		breaker: newBreaker(),
		mail:    newMail(),
	}
}

// Now returns what the clock says.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return utc(s.now()), ctx.Err()
}

// version returns a new version; the lock is held.
func (s *Store) version() string {
	s.writes++
	return strconv.Itoa(s.writes)
}

// utc drops what a table does not keep either: the zone and the monotonic clock.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}

func missing(what, id string) error {
	return fmt.Errorf("%s %s: %w", what, id, ledger.ErrNotFound)
}
