package ledgertest

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var processes = []test{
	{"WhatOneWritesTheOtherReads", otherReads},
	{"ClocksAgree", clocksAgree},
	{"LeaseOfOneHoldsAgainstTheOther", otherHolds},
}

func otherReads(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(20)...)
	e, _, err := h.Second.UpdateEntry(t.Context(), importID, key(3), func(e *ledger.Entry) error {
		e.Invite.Send(noon)
		return nil
	})
	must(t, err)
	got, err := h.Store.Entry(t.Context(), importID, key(3))
	must(t, err)
	if got.Version != e.Version {
		t.Errorf("versions %q and %q of one entry", got.Version, e.Version)
	}
	same(t, "entry", e, got)
	same(t, "due", []string{key(3)}, collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(1))))
	checkTally(t, h.Store)
	checkTally(t, h.Second)
}

func clocksAgree(t *testing.T, h Harness) {
	first, err := h.Store.Now(t.Context())
	must(t, err)
	second, err := h.Second.Now(t.Context())
	must(t, err)
	if apart := second.Sub(first).Abs(); apart > 3*time.Second {
		t.Errorf("clocks of two processes are %s apart", apart)
	}
}

func otherHolds(t *testing.T, h Harness) {
	g, err := h.Store.Claim(t.Context(), key(1), "first", time.Hour)
	must(t, err)
	_, err = h.Second.Claim(t.Context(), key(1), "second", time.Hour)
	if held, ok := errors.AsType[*ledger.HeldError](err); !ok || !held.Until.Equal(g.Until) {
		t.Errorf("claim: %v", err)
	}
	g.UserID = "user"
	g, err = h.Store.SaveGuest(t.Context(), g)
	must(t, err)
	read, err := h.Second.Guest(t.Context(), key(1))
	must(t, err)
	same(t, "guest", g, read)
}
