package ledgertest

import (
	"errors"
	"testing"

	"guestlist/pkg/ledger"
)

var purges = []test{
	{"NothingIsLeft", purgeAll},
	{"OtherImportsStay", purgeOther},
	{"PurgedImportTakesEntriesAgain", purgeAgain},
}

func purgeAll(t *testing.T, h Harness) {
	all := plannedEntries(150)
	for i := range all {
		all[i].Invite.Send(noon)
		all[i].Notify = waiting("rate")
	}
	insert(t, h.Store, all...)
	for range 2 {
		must(t, h.Store.PurgeEntries(t.Context(), importID))
	}
	same(t, "entries", nil, listAll(t, h.Store))
	same(t, "due", nil, collect(t, h.Store.DueBefore(t.Context(), importID, noon.AddDate(1, 0, 0))))
	same(t, "waiting", nil, collect(t, h.Store.WaitingFor(t.Context(), importID, "rate")))
	tallyEmpty(t, h)
	_, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(*ledger.Entry) error { return nil })
	if !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("update of a purged entry: %v", err)
	}
}

func purgeOther(t *testing.T, h Harness) {
	other := importID[:19]
	for _, id := range []string{other, other + "0", importID} {
		e := planned(1)
		e.Import = id
		insert(t, h.Store, e)
	}
	must(t, h.Store.PurgeEntries(t.Context(), other))
	for id, want := range map[string]bool{other: false, other + "0": true, importID: true} {
		_, err := h.Store.Entry(t.Context(), id, key(1))
		if got := err == nil; got != want {
			t.Errorf("entry of %s is there: %t (%v)", id, got, err)
		}
	}
}

func purgeAgain(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(30)...)
	must(t, h.Store.PurgeEntries(t.Context(), importID))
	insert(t, h.Store, plannedEntries(30)...)
	checkTally(t, h.Store)
}
