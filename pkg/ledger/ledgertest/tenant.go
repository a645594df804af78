package ledgertest

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var tenants = []test{
	{"UnwrittenRowIsZero", unwrittenTenant},
	{"UpdatesUnderContentionLoseNothing", tenantContention},
	{"UpdateOvertakenByAnotherStartsAgain", tenantOvertaken},
	{"UnchangedWritesNothing", tenantUnchanged},
	{"ErrorOfTheChangeWritesNothing", tenantRefused},
	{"TimeOfAnUpdateIsTheLedgers", tenantTime},
}

func unwrittenTenant(t *testing.T, h Harness) {
	got, err := h.Store.Tenant(t.Context())
	must(t, err)
	if got != (ledger.Tenant{}) {
		t.Errorf("row before the first write: %+v", got)
	}
}

func addTenant(t *testing.T, s ledger.Tenants) ledger.Tenant {
	t.Helper()
	got, err := s.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		row.Ramp.Count++
		return nil
	})
	must(t, err)
	return got
}

// tenantContention begins without a row: of the first writers one inserts it and the others change it.
func tenantContention(t *testing.T, h Harness) {
	const workers, each = 8, 5
	errs := make([]error, workers)
	together(workers, func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		for range each {
			_, err := store.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
				row.Ramp.Count++
				return nil
			})
			errs[i] = errors.Join(errs[i], err)
		}
	})
	must(t, errors.Join(errs...))
	read, err := h.Store.Tenant(t.Context())
	must(t, err)
	if read.Ramp.Count != workers*each {
		t.Errorf("%d of %d updates are there", read.Ramp.Count, workers*each)
	}
}

// tenantOvertaken lets another process write between reading and writing.
func tenantOvertaken(t *testing.T, h Harness) {
	runs := 0
	got, err := h.Store.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		if runs++; runs == 1 {
			_, err := h.Second.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
				row.Ramp.Count = 100
				return nil
			})
			must(t, err)
		}
		row.Ramp.Count++
		return nil
	})
	must(t, err)
	if got.Ramp.Count != 101 || runs != 2 {
		t.Errorf("count %d after %d runs", got.Ramp.Count, runs)
	}
}

func tenantUnchanged(t *testing.T, h Harness) {
	want := addTenant(t, h.Store)
	got, err := h.Store.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		row.Ramp.Count = 9
		return ledger.ErrUnchanged
	})
	must(t, err)
	read, err := h.Second.Tenant(t.Context())
	must(t, err)
	if got != want || read != want {
		t.Errorf("row %+v, returned %+v, read %+v", want, got, read)
	}
}

func tenantRefused(t *testing.T, h Harness) {
	want, refusal := addTenant(t, h.Store), errors.New("refused")
	_, err := h.Store.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		row.Ramp.Count = 9
		return refusal
	})
	if err != refusal { // it is promised to come back as it is
		t.Errorf("error %v", err)
	}
	read, err := h.Store.Tenant(t.Context())
	must(t, err)
	if read != want {
		t.Errorf("row %+v, want %+v", read, want)
	}
}

func tenantTime(t *testing.T, h Harness) {
	before, err := h.Store.Now(t.Context())
	must(t, err)
	var at time.Time
	_, err = h.Store.UpdateTenant(t.Context(), func(_ *ledger.Tenant, now time.Time) error {
		at = now
		return nil
	})
	must(t, err)
	after, err := h.Store.Now(t.Context())
	must(t, err)
	if at.Before(before) || at.After(after) || at.Location() != time.UTC {
		t.Errorf("update at %s, between %s and %s", at, before, after)
	}
}
