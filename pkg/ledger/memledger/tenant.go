package memledger

import (
	"context"
	"errors"
	"time"

	"guestlist/pkg/ledger"
)

// Tenant implements [ledger.Tenants].
func (s *Store) Tenant(ctx context.Context) (ledger.Tenant, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Tenant{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tenant, nil
}

// UpdateTenant implements [ledger.Tenants]. change runs without the lock, so it may read the store, and runs again if the
// row changed meanwhile.
func (s *Store) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	for {
		old, err := s.Tenant(ctx)
		if err != nil {
			return ledger.Tenant{}, err
		}
		t := old
		if err := change(&t, utc(s.now())); errors.Is(err, ledger.ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return ledger.Tenant{}, err
		}
		if stored, ok := s.replaceTenant(t, old.Version); ok {
			return stored, nil
		}
	}
}

func (s *Store) replaceTenant(t ledger.Tenant, version string) (ledger.Tenant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenant.Version != version {
		return ledger.Tenant{}, false
	}
	for _, at := range t.Times() {
		*at = utc(*at)
	}
	t.Version = s.version()
	s.tenant = t
	return t, true
}
