// Package ledger is the contract of Guestlist's memory: what was promised to which guest, what was done and what is left.
// Messages only say "look here"; the ledger says what is true. Two adapters keep it, pkg/ledger/tableledger (Azure Table
// Storage) and pkg/ledger/memledger (for tests); one suite, pkg/ledger/ledgertest, runs on both.
//
// Six things are kept: a [Guest] row per person and tenant, which every import must claim before it invites; an [Import]
// per version of a file; an [Entry] per guest of an import; what was granted to whom ([Grants]); the [Tenant] row, in which
// calls to Microsoft Graph are booked; the [Breaker], which stops them. Read [Store] first.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"guestlist/pkg/message"
)

var (
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("not in the ledger")
	// ErrConflict means that the row changed since it was read: read it again and decide anew.
	ErrConflict = errors.New("changed in the meantime")
	// ErrUnchanged is returned by an update function that finds nothing to do; the update then succeeds, writing nothing.
	ErrUnchanged = errors.New("nothing to change")
)

// HeldError says that another holder's lease on a guest runs until Until, by the ledger's clock.
type HeldError struct{ Until time.Time }

func (e *HeldError) Error() string {
	return fmt.Sprintf("another worker holds the guest until %s", e.Until.Format(time.RFC3339))
}

// Store is the ledger. All methods may be called from many goroutines and processes, and retry transient faults of the
// service by themselves for a few seconds; an error that is none of this package's means that the ledger cannot be
// reached. A write whose answer was lost may have happened: every caller repeats safely. An entry or import that is too
// large to be kept is refused for good; see [CheckEntry]. Other errors name no guest: they are logged, and a key can be found
// out from an address.
//
// A change function given to an update may run several times, in any goroutine. It may read the Store, but must not write
// through it: a store may hold the turn at a partition while it runs, and would wait for itself.
type Store interface {
	Guests
	Imports
	Entries
	Grants
	Tenants
	Breakers
	Mails

	// Now is the ledger's clock: the server's for a table, so that leases do not depend on the clocks of workers.
	Now(ctx context.Context) (time.Time, error)
}

// Guests is the part of a Store that keeps one row per guest of the tenant.
type Guests interface {
	// Guest returns the row of a guest key; ErrNotFound if nobody has claimed it yet.
	Guest(ctx context.Context, key string) (Guest, error)
	// Claim takes the guest for holder until now+d, making the row if there is none. A lease of the same holder is
	// extended, one that has run out is taken over. *HeldError if another holder's lease runs. One of several concurrent
	// claims wins.
	Claim(ctx context.Context, key, holder string, d time.Duration) (Guest, error)
	// SaveGuest writes a row that was read or claimed and returns it with its new version; ErrConflict if the stored
	// version is another. An empty Holder gives the lease back.
	SaveGuest(ctx context.Context, g Guest) (Guest, error)
}

// Imports is the part of a Store that keeps one row per import.
type Imports interface {
	// CreateImport writes a new import, or returns the stored one and false if the id exists.
	CreateImport(ctx context.Context, i Import) (Import, bool, error)
	// Import returns an import; ErrNotFound.
	Import(ctx context.Context, id string) (Import, error)
	// UpdateImport reads the row, applies change and writes it if nobody else did in between, otherwise again from the
	// start: change may run several times and must have no other effect; see [Store] for what it may do. An error of
	// change is returned as it is and nothing is written. It returns the row as stored afterwards.
	UpdateImport(ctx context.Context, id string, change func(*Import) error) (Import, error)
	// ListImports yields imports, open ones only if asked (see [Import.Open]), in order of id.
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[Import, error]
	// EndedBefore yields the imports that are not open and finished before t, those that finished first first. It reads an
	// index range, not all imports.
	EndedBefore(ctx context.Context, t time.Time) iter.Seq2[Import, error]
	// DeleteImport removes the row that was read as i; ErrConflict if it has changed since. One that is missing is no error.
	// What else there is of the import must have been removed before: nothing leads to it any more.
	DeleteImport(ctx context.Context, i Import) error
}

// Entries is the part of a Store that keeps one row per guest of an import, with the indexes and the [Tally] that belong
// to it: entry, index and tally always change in one transaction.
type Entries interface {
	// InsertEntries adds entries of one import and skips those that exist, whatever they look like by now. It returns how
	// many were new. It may stop half-way with an error; calling it again completes it.
	InsertEntries(ctx context.Context, entries []Entry) (int, error)
	// Entry returns one entry; ErrNotFound.
	Entry(ctx context.Context, importID, guest string) (Entry, error)
	// UpdateEntry works like UpdateImport, for one entry. It returns the entry as stored and the tally of its partition
	// after this update; Tally.Open is 0 there if this partition has no open guest left.
	UpdateEntry(ctx context.Context, importID, guest string, change func(*Entry) error) (Entry, Tally, error)
	// UpdateEntries applies change to several entries of one import in as few transactions as it can. Each entry is
	// written or left as a whole; it may stop half-way with an error. It returns the entries that change altered. One
	// that would become too large is left as it was; the others are altered, and then its refusal is returned.
	UpdateEntries(ctx context.Context, importID string, guests []string, change func(*Entry) error) ([]Entry, error)
	// ListEntries yields the entries of one of the [Parts] whose key is greater than after, in order of key.
	ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[Entry, error]
	// DueBefore yields the guests of an import with a sent step whose due time is before t, earliest first in each
	// partition. It reads an index range, not the entries.
	DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error]
	// WaitingFor yields the guests of an import with a step that waits for reason.
	WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error]
	// Tally sums the tallies of an import's partitions. Each partition is exact; together they are a moment apart.
	Tally(ctx context.Context, importID string) (Tally, error)
	// PurgeEntries removes all entries of an import with their indexes and tallies. It may be repeated.
	PurgeEntries(ctx context.Context, importID string) error
}

// Grants is the part of a Store that remembers what was granted to whom, by whatever import: who finds that a guest lacks a
// group can tell whether the guest has had it before. Targets are named by [Target.Key], guests by their keys.
type Grants interface {
	// Grant remembers for several guests which import granted them a target. The last import counts. It may be repeated.
	Grant(ctx context.Context, target string, by map[string]string) error
	// GrantedBy returns the import for those of the guests to whom a target was granted.
	GrantedBy(ctx context.Context, target string, guests []string) (map[string]string, error)
	// Forget removes what Grant remembered of a target for those of the guests to whom this import granted it last. It may
	// be repeated.
	Forget(ctx context.Context, target, importID string, guests []string) error
}

// Tenants is the part of a Store that keeps the tenant's row.
type Tenants interface {
	// Tenant returns the row; the zero Tenant if nobody has written it yet.
	Tenant(ctx context.Context) (Tenant, error)
	// UpdateTenant works like UpdateImport, and makes the row if there is none. The time given to change is the ledger's,
	// from after the row was read.
	UpdateTenant(ctx context.Context, change func(t *Tenant, now time.Time) error) (Tenant, error)
}

// Breakers is the part of a Store that keeps the tenant's circuit breaker.
type Breakers interface {
	// Breaker returns the row; the zero Breaker if nobody has written it yet.
	Breaker(ctx context.Context) (Breaker, error)
	// UpdateBreaker works like UpdateTenant.
	UpdateBreaker(ctx context.Context, change func(b *Breaker, now time.Time) error) (Breaker, error)
}

// Unreachable returns the verdict of a step that cannot read or write the ledger: the same message later, without using
// up an attempt, because the failure says nothing about the guest. An error that wraps [message.ErrNever] is returned as
// it is: waiting does not make an entry smaller.
func Unreachable(err error) error {
	if errors.Is(err, message.ErrNever) {
		return err
	}
	return &message.Later{After: 15 * time.Second, Why: fmt.Sprintf("the ledger cannot be reached: %v", err)}
}
