package main

import (
	"context"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
)

// actLedger is a ledger whose writes are acts of a process of several goroutines, which says itself what it hears of each.
type actLedger struct {
	ledger.Store
	Process *crashtest.Process
}

// Claim implements ledger.Guests.
func (l actLedger) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	return crashtest.Act(l.Process, func() (ledger.Guest, error) { return l.Store.Claim(ctx, key, holder, d) })
}

// SaveGuest implements ledger.Guests.
func (l actLedger) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	return crashtest.Act(l.Process, func() (ledger.Guest, error) { return l.Store.SaveGuest(ctx, g) })
}

// CreateImport implements ledger.Imports.
func (l actLedger) CreateImport(ctx context.Context, i ledger.Import) (stored ledger.Import, isNew bool, err error) {
	stored, err = crashtest.Act(l.Process, func() (ledger.Import, error) {
		var err error
		stored, isNew, err = l.Store.CreateImport(ctx, i)
		return stored, err
	})
	return stored, isNew, err
}

// UpdateImport implements ledger.Imports.
func (l actLedger) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	return crashtest.Act(l.Process, func() (ledger.Import, error) { return l.Store.UpdateImport(ctx, id, change) })
}

// InsertEntries implements ledger.Entries.
func (l actLedger) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	return crashtest.Act(l.Process, func() (int, error) { return l.Store.InsertEntries(ctx, entries) })
}

// UpdateEntry implements ledger.Entries.
func (l actLedger) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (e ledger.Entry, t ledger.Tally, err error) {
	e, err = crashtest.Act(l.Process, func() (ledger.Entry, error) {
		var err error
		e, t, err = l.Store.UpdateEntry(ctx, importID, guest, change)
		return e, err
	})
	return e, t, err
}

// UpdateEntries implements ledger.Entries.
func (l actLedger) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	return crashtest.Act(l.Process, func() ([]ledger.Entry, error) { return l.Store.UpdateEntries(ctx, importID, guests, change) })
}

// PurgeEntries implements ledger.Entries.
func (l actLedger) PurgeEntries(ctx context.Context, importID string) error {
	return actOf(l.Process, func() error { return l.Store.PurgeEntries(ctx, importID) })
}

// Grant implements ledger.Grants.
func (l actLedger) Grant(ctx context.Context, target string, by map[string]string) error {
	return actOf(l.Process, func() error { return l.Store.Grant(ctx, target, by) })
}

// UpdateTenant implements ledger.Tenants.
func (l actLedger) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return crashtest.Act(l.Process, func() (ledger.Tenant, error) { return l.Store.UpdateTenant(ctx, change) })
}

// actOf is crashtest.Act for what returns only an error.
func actOf(p *crashtest.Process, f func() error) error {
	_, err := crashtest.Act(p, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

var _ ledger.Store = actLedger{}
