package crashtest

import (
	"context"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Ledger is a ledger whose writes are acts of the process.
type Ledger struct {
	ledger.Store
	Process *Process
}

// Claim implements ledger.Guests.
func (l Ledger) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	return Act(l.Process, func() (ledger.Guest, error) { return l.Store.Claim(ctx, key, holder, d) })
}

// SaveGuest implements ledger.Guests.
func (l Ledger) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	return Act(l.Process, func() (ledger.Guest, error) { return l.Store.SaveGuest(ctx, g) })
}

// CreateImport implements ledger.Imports.
func (l Ledger) CreateImport(ctx context.Context, i ledger.Import) (stored ledger.Import, isNew bool, err error) {
	stored, err = Act(l.Process, func() (ledger.Import, error) {
		var err error
		stored, isNew, err = l.Store.CreateImport(ctx, i)
		return stored, err
	})
	return stored, isNew, err
}

// UpdateImport implements ledger.Imports.
func (l Ledger) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	return Act(l.Process, func() (ledger.Import, error) { return l.Store.UpdateImport(ctx, id, change) })
}

// InsertEntries implements ledger.Entries.
func (l Ledger) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	return Act(l.Process, func() (int, error) { return l.Store.InsertEntries(ctx, entries) })
}

// UpdateEntry implements ledger.Entries.
func (l Ledger) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (e ledger.Entry, t ledger.Tally, err error) {
	e, err = Act(l.Process, func() (ledger.Entry, error) {
		var err error
		e, t, err = l.Store.UpdateEntry(ctx, importID, guest, change)
		return e, err
	})
	return e, t, err
}

// UpdateEntries implements ledger.Entries.
func (l Ledger) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	return Act(l.Process, func() ([]ledger.Entry, error) { return l.Store.UpdateEntries(ctx, importID, guests, change) })
}

// PurgeEntries implements ledger.Entries.
func (l Ledger) PurgeEntries(ctx context.Context, importID string) error {
	return act(l.Process, func() error { return l.Store.PurgeEntries(ctx, importID) })
}

// Grant implements ledger.Grants.
func (l Ledger) Grant(ctx context.Context, target string, by map[string]string) error {
	return act(l.Process, func() error { return l.Store.Grant(ctx, target, by) })
}

// Forget implements ledger.Grants.
func (l Ledger) Forget(ctx context.Context, target, importID string, guests []string) error {
	return act(l.Process, func() error { return l.Store.Forget(ctx, target, importID, guests) })
}

// DeleteImport implements ledger.Imports.
func (l Ledger) DeleteImport(ctx context.Context, i ledger.Import) error {
	return act(l.Process, func() error { return l.Store.DeleteImport(ctx, i) })
}

// UpdateTenant implements ledger.Tenants.
func (l Ledger) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return Act(l.Process, func() (ledger.Tenant, error) { return l.Store.UpdateTenant(ctx, change) })
}

// Bus is a broker whose sends are acts of the process: one, however many messages.
type Bus struct {
	bus.Sender
	Process *Process
}

// Send implements bus.Sender.
func (b Bus) Send(ctx context.Context, msgs ...message.Message) error {
	return act(b.Process, func() error { return b.Sender.Send(ctx, msgs...) })
}

// act is Act for what returns only an error.
func act(p *Process, f func() error) error {
	_, err := Act(p, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

var (
	_ ledger.Store = Ledger{}
	_ bus.Sender   = Bus{}
)
