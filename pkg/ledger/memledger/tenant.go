package memledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"guestlist/pkg/ledger"
)

// single is a row of which there is one.
type single[T any] struct {
	times   func(*T) []*time.Time
	version func(*T) *string
	copy    func(T) T

	mu  sync.Mutex
	row T
}

func newTenant() *single[ledger.Tenant] {
	return &single[ledger.Tenant]{times: (*ledger.Tenant).Times, version: func(t *ledger.Tenant) *string { return &t.Version },
		copy: func(t ledger.Tenant) ledger.Tenant { return t }}
}

func newMail() *single[ledger.MailPace] {
	return &single[ledger.MailPace]{times: (*ledger.MailPace).Times, version: func(p *ledger.MailPace) *string { return &p.Version },
		copy: func(p ledger.MailPace) ledger.MailPace { return p }}
}

func newBreaker() *single[ledger.Breaker] {
	return &single[ledger.Breaker]{times: (*ledger.Breaker).Times, version: func(b *ledger.Breaker) *string { return &b.Version },
		copy: ledger.Breaker.Copy}
}

func (r *single[T]) read(ctx context.Context) (none T, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copy(r.row), nil
}

// update runs change without the lock, so that it may read the store, and again if the row changed meanwhile.
func (r *single[T]) update(ctx context.Context, s *Store, change func(*T, time.Time) error) (none T, err error) {
	for {
		old, err := r.read(ctx)
		if err != nil {
			return none, err
		}
		v := r.copy(old)
		if err := change(&v, utc(s.now())); errors.Is(err, ledger.ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return none, err
		}
		for _, at := range r.times(&v) {
			*at = utc(*at)
		}
		if r.replace(s, &v, *r.version(&old)) {
			return v, nil
		}
	}
}

func (r *single[T]) replace(s *Store, v *T, version string) bool {
	s.mu.Lock()
	next := s.version()
	s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if *r.version(&r.row) != version {
		return false
	}
	*r.version(v) = next
	r.row = r.copy(*v)
	return true
}

// Tenant implements [ledger.Tenants].
func (s *Store) Tenant(ctx context.Context) (ledger.Tenant, error) { return s.tenant.read(ctx) }

// UpdateTenant implements [ledger.Tenants].
func (s *Store) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return s.tenant.update(ctx, s, change)
}

// Breaker implements [ledger.Breakers].
func (s *Store) Breaker(ctx context.Context) (ledger.Breaker, error) { return s.breaker.read(ctx) }

// UpdateBreaker implements [ledger.Breakers].
func (s *Store) UpdateBreaker(ctx context.Context, change func(*ledger.Breaker, time.Time) error) (ledger.Breaker, error) {
	return s.breaker.update(ctx, s, change)
}

// MailPace implements [ledger.Mails].
func (s *Store) MailPace(ctx context.Context) (ledger.MailPace, error) { return s.mail.read(ctx) }

// UpdateMailPace implements [ledger.Mails].
func (s *Store) UpdateMailPace(ctx context.Context, change func(*ledger.MailPace, time.Time) error) (ledger.MailPace, error) {
	return s.mail.update(ctx, s, change)
}
