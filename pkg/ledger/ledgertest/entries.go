package ledgertest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
)

var entries = []test{
	{"EveryFieldIsKept", entryFields},
	{"LargestEntryIsKept", entryLargest},
	{"UnknownEntryIsNotFound", unknownEntry},
	{"InsertSkipsWhatExists", insertSkips},
	{"InsertSkipsRepetitionsInOneCall", insertRepeated},
	{"ThreeHundredEntriesInOneCall", insertMany},
	{"MoreThanFourMegabytesInOneCall", insertBig},
	{"ConcurrentInsertsCountEachEntryOnce", insertRace},
	{"ListIsByPartInOrderOfKey", listParts},
	{"ListGoesOnAfterAKey", listAfter},
	{"ImportsDoNotMix", importsApart},
	{"ReturnedEntriesAreTheCallersOwn", ownCopy},
}

func entryFields(t *testing.T, h Harness) {
	want := planned(1)
	want.DisplayName, want.Text, want.CC, want.Language = "Zoë", "a\nb", "cc@partner.example", "en"
	want.Invite.Send(noon)
	want.Targets[0].State, want.Targets[0].Wait = ledger.Waiting, "rate"
	insert(t, h.Store, want)
	got, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "entry", want, got)
}

func entryLargest(t *testing.T, h Harness) {
	want := full(1)
	insert(t, h.Store, want)
	got, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "read", want, got)
	same(t, "listed", []ledger.Entry{want}, listAll(t, h.Store))
	got, _, err = h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		e.Targets, e.Text = e.Targets[:2], "short"
		return nil
	})
	must(t, err)
	want.Targets, want.Text = want.Targets[:2], "short"
	same(t, "shrunk", want, got)
	got, err = h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "read after shrinking", want, got)
}

func unknownEntry(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	_, err := h.Store.Entry(t.Context(), importID, key(2))
	if !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	_, _, err = h.Store.UpdateEntry(t.Context(), importID, key(2), func(*ledger.Entry) error { return nil })
	if !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("update: %v", err)
	}
}

func insertSkips(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(20)...)
	moved, _, err := h.Store.UpdateEntry(t.Context(), importID, key(3), func(e *ledger.Entry) error {
		e.Invite.Send(noon)
		return nil
	})
	must(t, err)
	n, err := h.Store.InsertEntries(t.Context(), plannedEntries(50))
	must(t, err)
	if n != 30 {
		t.Errorf("inserted %d, want 30", n)
	}
	got, err := h.Store.Entry(t.Context(), importID, key(3))
	must(t, err)
	same(t, "entry that existed", moved, got)
	checkTally(t, h.Store)
}

func insertRepeated(t *testing.T, h Harness) {
	n, err := h.Store.InsertEntries(t.Context(), []ledger.Entry{planned(1), planned(2), planned(1)})
	must(t, err)
	if n != 2 {
		t.Errorf("inserted %d, want 2", n)
	}
	checkTally(t, h.Store)
}

func insertMany(t *testing.T, h Harness) {
	all := plannedEntries(300)
	insert(t, h.Store, all...)
	slices.SortFunc(all, func(a, b ledger.Entry) int { return strings.Compare(a.Guest, b.Guest) })
	same(t, "entries", all, listAll(t, h.Store))
	checkTally(t, h.Store)
}

// insertBig puts 3,000 characters of two bytes each beside 16 KB into each entry, all in one partition of a table: more
// than one transaction of four megabytes can take.
func insertBig(t *testing.T, h Harness) {
	var all []ledger.Entry
	for n := 0; len(all) < 250; n++ {
		if e := planned(n); e.Guest[0] == '7' {
			e.Text = strings.Repeat("x", 14_000) + strings.Repeat("ü", 3000)
			all = append(all, e)
		}
	}
	insert(t, h.Store, all...)
	got := listAll(t, h.Store)
	if len(got) != len(all) {
		t.Fatalf("%d of %d entries are there", len(got), len(all))
	}
	for _, e := range got {
		if len(e.Text) != 20_000 {
			t.Errorf("text of %s has %d bytes", e.Guest, len(e.Text))
		}
	}
	checkTally(t, h.Store)
}

func insertRace(t *testing.T, h Harness) {
	const workers, n = 4, 100
	counts, errs := make([]int, workers), make([]error, workers)
	together(workers, func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		counts[i], errs[i] = store.InsertEntries(t.Context(), plannedEntries(n))
	})
	must(t, errors.Join(errs...))
	sum := 0
	for _, c := range counts {
		sum += c
	}
	if sum != n {
		t.Errorf("%v inserts claim to be new, want %d in all", counts, n)
	}
	checkTally(t, h.Store)
}

func listParts(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(200)...)
	var listed []string
	for part := range ledger.Parts {
		for _, e := range collect(t, h.Store.ListEntries(t.Context(), importID, part, "")) {
			if ledger.PartOf(e.Guest) != part {
				t.Errorf("part %d lists %s", part, e.Guest)
			}
			listed = append(listed, e.Guest)
		}
	}
	same(t, "keys", sorted(keys(200)), listed)
}

func listAfter(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(400)...)
	all := collect(t, h.Store.ListEntries(t.Context(), importID, 9, ""))
	if len(all) < 3 {
		t.Fatalf("part 9 has %d entries", len(all))
	}
	for i, e := range all {
		same(t, "rest", all[i+1:], collect(t, h.Store.ListEntries(t.Context(), importID, 9, e.Guest)))
	}
	for range h.Store.ListEntries(t.Context(), importID, 9, "") {
		break // a caller may stop early
	}
	same(t, "part after a later part's key", nil, collect(t, h.Store.ListEntries(t.Context(), importID, 9, "ff")))
	same(t, "part after an earlier part's key", all, collect(t, h.Store.ListEntries(t.Context(), importID, 9, "00")))
}

func importsApart(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(5)...)
	other := planned(1)
	other.Import = importID + "0"
	other.Invite.Send(noon)
	insert(t, h.Store, other)
	tally, err := h.Store.Tally(t.Context(), importID)
	must(t, err)
	if tally.Guests != 5 || tally.InviteSent != 0 {
		t.Errorf("tally counts another import's entry: %+v", tally)
	}
	same(t, "due", nil, collect(t, h.Store.DueBefore(t.Context(), importID, noon.AddDate(1, 0, 0))))
	same(t, "entries", 5, len(listAll(t, h.Store)))
}

func ownCopy(t *testing.T, h Harness) {
	spoil := func(e ledger.Entry) {
		e.Lines[0], e.Targets[0].ID, e.Targets[0].State = -1, "spoiled", ledger.Planned
	}
	given := full(1)
	insert(t, h.Store, given)
	spoil(given)
	got, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "after spoiling what was given", full(1), got)
	spoil(got)
	var kept ledger.Entry
	got, _, err = h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		kept = *e
		return nil
	})
	must(t, err)
	spoil(kept)
	spoil(got)
	got, err = h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "after spoiling what was returned", full(1), got)
}
