package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var breakers = []test{
	{"UnwrittenRowIsClosed", unwrittenBreaker},
	{"UpdatesUnderContentionLoseNothing", breakerContention},
	{"UnchangedKeepsWhatChangeTouched", breakerUnchanged},
	{"ErrorOfTheChangeWritesNothing", breakerRefused},
	{"TimeOfAnUpdateIsTheLedgers", breakerTime},
	{"TenantAndBreakerAreRowsOfTheirOwn", breakerApart},
}

func unwrittenBreaker(t *testing.T, h Harness) {
	got, err := h.Store.Breaker(t.Context())
	must(t, err)
	same(t, "row before the first write", ledger.Breaker{}, got)
}

// fail adds a failure to the row.
func fail(t *testing.T, s ledger.Breakers, guest string) (ledger.Breaker, error) {
	return s.UpdateBreaker(t.Context(), func(row *ledger.Breaker, now time.Time) error {
		row.Failures = append(row.Failures, ledger.BreakerFailure{Guest: guest, First: now, Last: now})
		return nil
	})
}

func breakerContention(t *testing.T, h Harness) {
	const workers, each = 6, 5
	errs := make([]error, workers)
	together(workers, func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		for n := range each {
			_, err := fail(t, store, fmt.Sprint(i, "-", n))
			errs[i] = errors.Join(errs[i], err)
		}
	})
	must(t, errors.Join(errs...))
	read, err := h.Store.Breaker(t.Context())
	must(t, err)
	seen := map[string]bool{}
	for _, f := range read.Failures {
		seen[f.Guest] = true
	}
	if len(seen) != workers*each || len(read.Failures) != workers*each {
		t.Errorf("%d rows, %d different, want %d", len(read.Failures), len(seen), workers*each)
	}
}

// breakerUnchanged: what change did to the row before it changed its mind is forgotten, in lists too.
func breakerUnchanged(t *testing.T, h Harness) {
	want, err := fail(t, h.Store, "a")
	must(t, err)
	got, err := h.Store.UpdateBreaker(t.Context(), func(row *ledger.Breaker, _ time.Time) error {
		row.Open = true
		row.Failures = slices.Delete(row.Failures, 0, 1)
		return ledger.ErrUnchanged
	})
	must(t, err)
	read, err := h.Second.Breaker(t.Context())
	must(t, err)
	same(t, "returned", want, got)
	identical(t, "read", want, read)
}

func breakerRefused(t *testing.T, h Harness) {
	want, err := fail(t, h.Store, "a")
	must(t, err)
	refusal := errors.New("refused")
	_, err = h.Store.UpdateBreaker(t.Context(), func(row *ledger.Breaker, _ time.Time) error {
		row.Failures[0].Guest = "b"
		return refusal
	})
	if err != refusal { // it is promised to come back as it is
		t.Errorf("error %v", err)
	}
	read, err := h.Store.Breaker(t.Context())
	must(t, err)
	identical(t, "read", want, read)
}

func breakerTime(t *testing.T, h Harness) {
	before, err := h.Store.Now(t.Context())
	must(t, err)
	row, err := fail(t, h.Store, "a")
	must(t, err)
	after, err := h.Store.Now(t.Context())
	must(t, err)
	if at := row.Failures[0].First; at.Before(before) || at.After(after) || at.Location() != time.UTC {
		t.Errorf("update at %s, between %s and %s", at, before, after)
	}
}

func breakerApart(t *testing.T, h Harness) {
	_, err := fail(t, h.Store, "a")
	must(t, err)
	tenant := addTenant(t, h.Store)
	row, err := fail(t, h.Second, "b")
	must(t, err)
	read, err := h.Store.Tenant(t.Context())
	must(t, err)
	if len(row.Failures) != 2 || read != tenant {
		t.Errorf("breaker %+v, tenant %+v; want two failures and %+v", row, read, tenant)
	}
}
