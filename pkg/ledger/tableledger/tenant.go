package tableledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/pkg/ledger"
)

// tenantKey is the partition and the row of the tenant.
const tenantKey = "tenant"

// Tenant implements [ledger.Tenants].
func (s *Store) Tenant(ctx context.Context) (ledger.Tenant, error) {
	t, _, err := s.readTenant(ctx)
	if err != nil {
		return ledger.Tenant{}, fmt.Errorf("the tenant's row: %w", err)
	}
	return t, nil
}

// readTenant returns the zero Tenant and no ETag if there is no row.
func (s *Store) readTenant(ctx context.Context) (ledger.Tenant, azcore.ETag, error) {
	found, err := s.tenants.get(ctx, tenantKey, tenantKey)
	if errors.Is(err, errMissing) {
		return ledger.Tenant{}, "", nil
	}
	if err != nil {
		return ledger.Tenant{}, "", err
	}
	var t ledger.Tenant
	err = found.json("Tenant", &t)
	return t, found.etag(), err
}

// UpdateTenant implements [ledger.Tenants].
func (s *Store) UpdateTenant(ctx context.Context, change func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	for wait := newBackoff(); ; {
		old, etag, err := s.readTenant(ctx)
		if err != nil {
			return ledger.Tenant{}, fmt.Errorf("the tenant's row: %w", err)
		}
		t := old
		if err := change(&t, s.clock.now()); errors.Is(err, ledger.ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return ledger.Tenant{}, err
		}
		t, err = s.writeTenant(ctx, t, etag)
		if err == nil {
			return t, nil
		}
		if err := wait.after(ctx, err); err != nil {
			return ledger.Tenant{}, fmt.Errorf("update the tenant's row: %w", refused("tenant", err))
		}
	}
}

// writeTenant writes the row under its ETag, or inserts it without; errLost.
func (s *Store) writeTenant(ctx context.Context, t ledger.Tenant, etag azcore.ETag) (ledger.Tenant, error) {
	for _, at := range t.Times() {
		*at = utc(*at)
	}
	t.Version = newVersion()
	row := newRow(tenantKey, tenantKey).one(versionProperty, t.Version)
	if err := row.putJSON("Tenant", t); err != nil {
		return t, err
	}
	var err error
	if etag == "" {
		_, err = s.tenants.add(ctx, row.done())
	} else {
		_, err = s.tenants.replace(ctx, row.done(), etag)
	}
	if errors.Is(err, errLost) {
		// A row with our version means that only the answer was lost.
		if found, _, readErr := s.readTenant(ctx); readErr == nil && found.Version == t.Version {
			return found, nil
		}
	}
	return t, err
}
