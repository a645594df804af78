package ledgertest

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var purges = []test{
	{"NothingIsLeft", purgeAll},
	{"OtherImportsStay", purgeOther},
	{"PurgedImportTakesEntriesAgain", purgeAgain},
	{"EndedImportsAreListedByTheirEnd", ended},
	{"DeletedImportIsGone", deleted},
	{"ImportThatChangedIsNotDeleted", deletedTooLate},
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

func endedBefore(t *testing.T, s ledger.Store, at time.Time) []string {
	t.Helper()
	var ids []string
	for _, i := range collect(t, s.EndedBefore(t.Context(), at)) {
		ids = append(ids, i.ID)
	}
	return ids
}

// finish writes the results of an import's wanted revision.
func finish(t *testing.T, s ledger.Store, id string, at time.Time) {
	t.Helper()
	_, err := s.UpdateImport(t.Context(), id, func(i *ledger.Import) error {
		i.Reported, i.Finished = i.Revision, at
		return nil
	})
	must(t, err)
}

func ended(t *testing.T, h Harness) {
	for _, id := range []string{"a1", "b2", "c3", "d4"} {
		create(t, h.Store, ledger.Import{ID: id, Revision: 1})
	}
	create(t, h.Store, ledger.Import{ID: "e5", Revision: 1, Reported: 1, Finished: noon.Add(2)})
	same(t, "at first", []string{"e5"}, endedBefore(t, h.Second, noon.Add(time.Hour)))
	finish(t, h.Store, "c3", noon.Add(1))
	finish(t, h.Store, "b2", noon.Add(3))
	finish(t, h.Store, "a1", noon.Add(time.Hour))
	same(t, "the first to end first", []string{"c3", "e5", "b2"}, endedBefore(t, h.Second, noon.Add(time.Hour)))
	same(t, "before their end", nil, endedBefore(t, h.Second, noon.Add(1)))
	for range h.Store.EndedBefore(t.Context(), noon.AddDate(1, 0, 0)) {
		break // a caller may stop early
	}
	_, err := h.Second.UpdateImport(t.Context(), "c3", func(i *ledger.Import) error { // a replay
		i.Revision, i.Finished = 2, time.Time{}
		return nil
	})
	must(t, err)
	same(t, "without the replayed one", []string{"e5", "b2"}, endedBefore(t, h.Store, noon.Add(time.Hour)))
	finish(t, h.Store, "c3", noon.Add(4))
	same(t, "ended again", []string{"e5", "b2", "c3"}, endedBefore(t, h.Store, noon.Add(time.Hour)))
}

func deleted(t *testing.T, h Harness) {
	open := create(t, h.Store, ledger.Import{ID: "a1", Revision: 1})
	create(t, h.Store, ledger.Import{ID: "b2", Revision: 1})
	finish(t, h.Store, "b2", noon)
	closed, err := h.Store.Import(t.Context(), "b2")
	must(t, err)
	for _, i := range []ledger.Import{open, closed, open, closed} {
		must(t, h.Second.DeleteImport(t.Context(), i))
	}
	same(t, "all", nil, importIDs(t, h.Store, false))
	same(t, "open", nil, importIDs(t, h.Store, true))
	same(t, "ended", nil, endedBefore(t, h.Store, noon.AddDate(1, 0, 0)))
	if _, err := h.Store.Import(t.Context(), "b2"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	create(t, h.Store, ledger.Import{ID: "b2", Revision: 1})
	same(t, "made again", []string{"b2"}, importIDs(t, h.Store, true))
}

func deletedTooLate(t *testing.T, h Harness) {
	before := create(t, h.Store, ledger.Import{ID: importID, Revision: 1})
	finish(t, h.Second, importID, noon)
	if err := h.Store.DeleteImport(t.Context(), before); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("delete of what changed: %v", err)
	}
	same(t, "still there", []string{importID}, endedBefore(t, h.Store, noon.AddDate(1, 0, 0)))
}
