package tableledger

import (
	"context"
	"time"

	"guestlist/pkg/ledger"
)

var tenantRow = single[ledger.Tenant]{
	name: "tenant", column: "Tenant", times: (*ledger.Tenant).Times,
	version: func(t *ledger.Tenant) *string { return &t.Version },
	copy:    func(t ledger.Tenant) ledger.Tenant { return t },
}

// Tenant implements [ledger.Tenants].
func (s *Store) Tenant(ctx context.Context) (ledger.Tenant, error) {
	t, _, err := tenantRow.read(ctx, s)
	return t, err
}

// UpdateTenant implements [ledger.Tenants].
func (s *Store) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return tenantRow.update(ctx, s, change)
}

var mailRow = single[ledger.MailPace]{
	name: "mail", column: "Mail", times: (*ledger.MailPace).Times,
	version: func(p *ledger.MailPace) *string { return &p.Version },
	copy:    func(p ledger.MailPace) ledger.MailPace { return p },
}

// MailPace implements [ledger.Mails].
func (s *Store) MailPace(ctx context.Context) (ledger.MailPace, error) {
	p, _, err := mailRow.read(ctx, s)
	return p, err
}

// UpdateMailPace implements [ledger.Mails].
func (s *Store) UpdateMailPace(ctx context.Context, change func(*ledger.MailPace, time.Time) error) (ledger.MailPace, error) {
	return mailRow.update(ctx, s, change)
}

var breakerRow = single[ledger.Breaker]{
	name: "breaker", column: "Breaker", times: (*ledger.Breaker).Times,
	version: func(b *ledger.Breaker) *string { return &b.Version },
	copy:    ledger.Breaker.Copy,
}

// Breaker implements [ledger.Breakers].
func (s *Store) Breaker(ctx context.Context) (ledger.Breaker, error) {
	b, _, err := breakerRow.read(ctx, s)
	return b, err
}

// UpdateBreaker implements [ledger.Breakers].
func (s *Store) UpdateBreaker(ctx context.Context, change func(*ledger.Breaker, time.Time) error) (ledger.Breaker, error) {
	return breakerRow.update(ctx, s, change)
}
