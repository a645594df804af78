package ledgertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var claims = []test{
	{"OneOfSixteenClaimsOfANewGuestWins", func(t *testing.T, h Harness) { claimRace(t, h) }},
	{"OneOfSixteenClaimsOfAnEndedLeaseWins", claimEnded},
	{"LeaseEndsByTheLedgersClock", leaseEnd},
	{"SameHolderExtendsItsLease", extend},
	{"ReturnedLeaseIsFreeAtOnce", giveBack},
	{"TakeOverKeepsTheRowAndBarsTheFormerHolder", takeOver},
	{"ClockDoesNotRunBackwards", clockForward},
}

// claimRace claims guest 1 sixteen times at once, and wants one to win and the others to learn of its lease.
func claimRace(t *testing.T, h Harness) {
	t.Helper()
	type answer struct {
		guest ledger.Guest
		err   error
	}
	answers := make([]answer, 16)
	together(len(answers), func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		g, err := store.Claim(t.Context(), key(1), fmt.Sprint("worker ", i), time.Minute)
		answers[i] = answer{g, err}
	})
	stored, err := h.Store.Guest(t.Context(), key(1))
	must(t, err)
	won := 0
	for i, a := range answers {
		held, ok := errors.AsType[*ledger.HeldError](a.err)
		switch {
		case a.err == nil && a.guest.Holder == fmt.Sprint("worker ", i):
			won++
			same(t, "winner's row", stored, a.guest)
		case !ok || !held.Until.Equal(stored.Until):
			t.Errorf("worker %d: %v, %v; stored until %s", i, a.guest, a.err, stored.Until)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d claims won", won, len(answers))
	}
}

func claimEnded(t *testing.T, h Harness) {
	_, err := h.Store.Claim(t.Context(), key(1), "gone", h.Patience)
	must(t, err)
	h.Advance(t, 2*h.Patience)
	claimRace(t, h)
}

func leaseEnd(t *testing.T, h Harness) {
	before, err := h.Store.Now(t.Context())
	must(t, err)
	g, err := h.Store.Claim(t.Context(), key(1), "first", time.Hour)
	must(t, err)
	after, err := h.Store.Now(t.Context())
	must(t, err)
	// A second is what a server's clock in a header is good for.
	if g.Until.Before(before.Add(time.Hour-time.Second)) || g.Until.After(after.Add(time.Hour+time.Second)) {
		t.Errorf("lease until %s, claimed between %s and %s for an hour", g.Until, before, after)
	}
	_, err = h.Second.Claim(t.Context(), key(1), "second", time.Minute)
	if held, ok := errors.AsType[*ledger.HeldError](err); !ok || !held.Until.Equal(g.Until) {
		t.Errorf("claim of a held guest: %v", err)
	}
	_, err = h.Store.Claim(t.Context(), key(1), "first", h.Patience) // its own lease is set anew
	must(t, err)
	h.Advance(t, 2*h.Patience)
	if _, err := h.Second.Claim(t.Context(), key(1), "second", time.Minute); err != nil {
		t.Errorf("claim after the end of the lease: %v", err)
	}
}

func extend(t *testing.T, h Harness) {
	first, err := h.Store.Claim(t.Context(), key(1), "worker", time.Minute)
	must(t, err)
	second, err := h.Store.Claim(t.Context(), key(1), "worker", time.Hour)
	must(t, err)
	if longer := second.Until.Sub(first.Until); longer < 58*time.Minute {
		t.Errorf("lease grew by %s", longer)
	}
	if _, err := h.Store.SaveGuest(t.Context(), first); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("save of the row before the extension: %v", err)
	}
}

func giveBack(t *testing.T, h Harness) {
	g, err := h.Store.Claim(t.Context(), key(1), "first", time.Hour)
	must(t, err)
	g.Holder = ""
	_, err = h.Store.SaveGuest(t.Context(), g)
	must(t, err)
	if _, err := h.Store.Claim(t.Context(), key(1), "second", time.Minute); err != nil {
		t.Errorf("claim of a returned guest: %v", err)
	}
}

func takeOver(t *testing.T, h Harness) {
	first, err := h.Store.Claim(t.Context(), key(1), "first", h.Patience)
	must(t, err)
	first.Invite, first.Since = ledger.InvitePosting, noon
	first, err = h.Store.SaveGuest(t.Context(), first)
	must(t, err)
	h.Advance(t, 2*h.Patience)
	second, err := h.Second.Claim(t.Context(), key(1), "second", time.Minute)
	must(t, err)
	if second.Holder != "second" || second.Invite != ledger.InvitePosting || !second.Since.Equal(noon) {
		t.Errorf("row after the take-over: %+v", second)
	}
	if _, err := h.Store.SaveGuest(t.Context(), first); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("save by the former holder: %v", err)
	}
}

func clockForward(t *testing.T, h Harness) {
	last, err := h.Store.Now(t.Context())
	must(t, err)
	for range 20 {
		now, err := h.Store.Now(t.Context())
		must(t, err)
		if now.Before(last) {
			t.Fatalf("clock went from %s back to %s", last, now)
		}
		last = now
	}
}
