package acts

import (
	"context"
	"iter"
	"time"

	"guestlist/pkg/ledger"
)

// Ledger is a ledger whose writes are acts. An update counts whether it changes anything or not.
type Ledger struct {
	Store ledger.Store
	Mark  Mark
}

var _ ledger.Store = Ledger{}

var ledgerWrites = []string{"ledger.Claim", "ledger.SaveGuest", "ledger.CreateImport", "ledger.UpdateImport", "ledger.InsertEntries",
	"ledger.UpdateEntry", "ledger.UpdateEntries", "ledger.PurgeEntries", "ledger.Grant", "ledger.UpdateTenant", "ledger.UpdateBreaker",
	"ledger.UpdateMailPace", "ledger.DeleteImport", "ledger.Forget"}

// Claim implements ledger.Guests.
func (l Ledger) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	return Do(ctx, l.Mark, "ledger.Claim", func() (ledger.Guest, error) { return l.Store.Claim(ctx, key, holder, d) })
}

// SaveGuest implements ledger.Guests.
func (l Ledger) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	return Do(ctx, l.Mark, "ledger.SaveGuest", func() (ledger.Guest, error) { return l.Store.SaveGuest(ctx, g) })
}

// CreateImport implements ledger.Imports.
func (l Ledger) CreateImport(ctx context.Context, i ledger.Import) (stored ledger.Import, isNew bool, err error) {
	err = l.Mark(ctx, "ledger.CreateImport", func() error {
		stored, isNew, err = l.Store.CreateImport(ctx, i)
		return err
	})
	return stored, isNew, err
}

// UpdateImport implements ledger.Imports.
func (l Ledger) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	return Do(ctx, l.Mark, "ledger.UpdateImport", func() (ledger.Import, error) { return l.Store.UpdateImport(ctx, id, change) })
}

// InsertEntries implements ledger.Entries.
func (l Ledger) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	return Do(ctx, l.Mark, "ledger.InsertEntries", func() (int, error) { return l.Store.InsertEntries(ctx, entries) })
}

// UpdateEntry implements ledger.Entries.
func (l Ledger) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (e ledger.Entry, t ledger.Tally, err error) {
	err = l.Mark(ctx, "ledger.UpdateEntry", func() error {
		e, t, err = l.Store.UpdateEntry(ctx, importID, guest, change)
		return err
	})
	return e, t, err
}

// UpdateEntries implements ledger.Entries.
func (l Ledger) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	return Do(ctx, l.Mark, "ledger.UpdateEntries", func() ([]ledger.Entry, error) { return l.Store.UpdateEntries(ctx, importID, guests, change) })
}

// PurgeEntries implements ledger.Entries.
func (l Ledger) PurgeEntries(ctx context.Context, importID string) error {
	return l.Mark(ctx, "ledger.PurgeEntries", func() error { return l.Store.PurgeEntries(ctx, importID) })
}

// Grant implements ledger.Grants.
func (l Ledger) Grant(ctx context.Context, target string, by map[string]string) error {
	return l.Mark(ctx, "ledger.Grant", func() error { return l.Store.Grant(ctx, target, by) })
}

// UpdateTenant implements ledger.Tenants.
func (l Ledger) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return Do(ctx, l.Mark, "ledger.UpdateTenant", func() (ledger.Tenant, error) { return l.Store.UpdateTenant(ctx, change) })
}

// UpdateBreaker implements ledger.Breakers.
func (l Ledger) UpdateBreaker(ctx context.Context, change func(*ledger.Breaker, time.Time) error) (ledger.Breaker, error) {
	return Do(ctx, l.Mark, "ledger.UpdateBreaker", func() (ledger.Breaker, error) { return l.Store.UpdateBreaker(ctx, change) })
}

// UpdateMailPace implements ledger.Mails.
func (l Ledger) UpdateMailPace(ctx context.Context, change func(*ledger.MailPace, time.Time) error) (ledger.MailPace, error) {
	return Do(ctx, l.Mark, "ledger.UpdateMailPace", func() (ledger.MailPace, error) { return l.Store.UpdateMailPace(ctx, change) })
}

// DeleteImport implements ledger.Imports.
func (l Ledger) DeleteImport(ctx context.Context, i ledger.Import) error {
	return l.Mark(ctx, "ledger.DeleteImport", func() error { return l.Store.DeleteImport(ctx, i) })
}

// Forget implements ledger.Grants.
func (l Ledger) Forget(ctx context.Context, target, importID string, guests []string) error {
	return l.Mark(ctx, "ledger.Forget", func() error { return l.Store.Forget(ctx, target, importID, guests) })
}

// Guest implements ledger.Guests; it reads.
func (l Ledger) Guest(ctx context.Context, key string) (ledger.Guest, error) {
	return l.Store.Guest(ctx, key)
}

// Import implements ledger.Imports; it reads.
func (l Ledger) Import(ctx context.Context, id string) (ledger.Import, error) {
	return l.Store.Import(ctx, id)
}

// ListImports implements ledger.Imports; it reads.
func (l Ledger) ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error] {
	return l.Store.ListImports(ctx, openOnly)
}

// EndedBefore implements ledger.Imports; it reads.
func (l Ledger) EndedBefore(ctx context.Context, t time.Time) iter.Seq2[ledger.Import, error] {
	return l.Store.EndedBefore(ctx, t)
}

// Entry implements ledger.Entries; it reads.
func (l Ledger) Entry(ctx context.Context, importID, guest string) (ledger.Entry, error) {
	return l.Store.Entry(ctx, importID, guest)
}

// ListEntries implements ledger.Entries; it reads.
func (l Ledger) ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error] {
	return l.Store.ListEntries(ctx, importID, part, after)
}

// DueBefore implements ledger.Entries; it reads.
func (l Ledger) DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error] {
	return l.Store.DueBefore(ctx, importID, t)
}

// WaitingFor implements ledger.Entries; it reads.
func (l Ledger) WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error] {
	return l.Store.WaitingFor(ctx, importID, reason)
}

// Tally implements ledger.Entries; it reads.
func (l Ledger) Tally(ctx context.Context, importID string) (ledger.Tally, error) {
	return l.Store.Tally(ctx, importID)
}

// GrantedBy implements ledger.Grants; it reads.
func (l Ledger) GrantedBy(ctx context.Context, target string, guests []string) (map[string]string, error) {
	return l.Store.GrantedBy(ctx, target, guests)
}

// Tenant implements ledger.Tenants; it reads.
func (l Ledger) Tenant(ctx context.Context) (ledger.Tenant, error) { return l.Store.Tenant(ctx) }

// Breaker implements ledger.Breakers; it reads.
func (l Ledger) Breaker(ctx context.Context) (ledger.Breaker, error) { return l.Store.Breaker(ctx) }

// MailPace implements ledger.Mails; it reads.
func (l Ledger) MailPace(ctx context.Context) (ledger.MailPace, error) { return l.Store.MailPace(ctx) }

// Now implements ledger.Store; it reads.
func (l Ledger) Now(ctx context.Context) (time.Time, error) { return l.Store.Now(ctx) }
