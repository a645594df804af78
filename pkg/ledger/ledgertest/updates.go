package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
)

var updates = []test{
	{"ContentionOnOneEntryLosesNothing", entryContention},
	{"ContentionInOnePartitionLosesNothing", partitionContention},
	{"UpdateOvertakenByAnotherStartsAgain", entryOvertaken},
	{"UnchangedWritesNothing", entryUnchanged},
	{"ErrorOfTheChangeWritesNothing", entryRefused},
	{"EachWriteHasAVersionOfItsOwn", entryVersions},
	{"LastOpenGuestOfAPartitionIsTold", lastOpen},
	{"SeveralEntriesAtOnce", updateSeveral},
	{"SeveralEntriesFarApart", updateFarApart},
	{"SeveralEntriesStopAtAnError", updateStops},
}

func entryContention(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	const workers, each = 8, 4
	errs := make([]error, workers)
	together(workers, func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		for range each {
			_, _, err := store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
				e.Invite.Generation++
				return nil
			})
			errs[i] = errors.Join(errs[i], err)
		}
	})
	must(t, errors.Join(errs...))
	e, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	if got := e.Invite.Generation - 1; got != workers*each {
		t.Errorf("%d of %d updates are there", got, workers*each)
	}
}

// entryOvertaken lets another process write the entry, and then a neighbour, between reading and writing.
func entryOvertaken(t *testing.T, h Harness) {
	numbers := samePartition(2)
	insert(t, h.Store, planned(numbers[0]), planned(numbers[1]))
	runs := 0
	got, _, err := h.Store.UpdateEntry(t.Context(), importID, key(numbers[0]), func(e *ledger.Entry) error {
		if runs++; runs <= len(numbers) {
			_, _, err := h.Second.UpdateEntry(t.Context(), importID, key(numbers[runs-1]), func(e *ledger.Entry) error {
				e.Invite.Send(noon)
				e.Invite.Generation = 100
				return nil
			})
			must(t, err)
		}
		e.Invite.Generation++
		return nil
	})
	must(t, err)
	if got.Invite.Generation != 101 || got.Invite.State != ledger.Sent || runs < 2 {
		t.Errorf("after %d runs: %+v", runs, got.Invite)
	}
	checkTally(t, h.Store)
	checkIndexes(t, h.Store)
}

// samePartition returns n guests whose keys begin with the same digit.
func samePartition(n int) []int {
	var found []int
	for i := 0; len(found) < n; i++ {
		if key(i)[0] == 'a' {
			found = append(found, i)
		}
	}
	return found
}

func partitionContention(t *testing.T, h Harness) {
	numbers := samePartition(24)
	for _, n := range numbers {
		insert(t, h.Store, planned(n))
	}
	errs := make([]error, len(numbers))
	zeros := make([]bool, len(numbers))
	together(len(numbers), func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		_, tally, err := store.UpdateEntry(t.Context(), importID, key(numbers[i]), endAll)
		errs[i], zeros[i] = err, tally.Open == 0
	})
	must(t, errors.Join(errs...))
	told := false
	for _, zero := range zeros {
		told = told || zero
	}
	if !told {
		t.Error("nobody was told that the partition has no open guest left")
	}
	checkTally(t, h.Store)
}

func endAll(e *ledger.Entry) error {
	for _, s := range e.Steps() {
		s.End(ledger.Done, noon)
	}
	return nil
}

func entryUnchanged(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	before, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	got, tally, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		_ = endAll(e)
		return fmt.Errorf("nothing new: %w", ledger.ErrUnchanged)
	})
	must(t, err)
	same(t, "returned", before, got)
	if got.Version != before.Version || tally.Open != 1 || tally.Guests != 1 {
		t.Errorf("version went from %q to %q; tally %+v", before.Version, got.Version, tally)
	}
	altered, err := h.Store.UpdateEntries(t.Context(), importID, []string{key(1)}, func(e *ledger.Entry) error {
		_ = endAll(e)
		return ledger.ErrUnchanged
	})
	must(t, err)
	same(t, "altered", nil, altered)
	after, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "stored", before, after)
}

func entryRefused(t *testing.T, h Harness) {
	want, refusal := planned(1), errors.New("refused")
	insert(t, h.Store, want)
	_, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		_ = endAll(e)
		return refusal
	})
	if err != refusal { // it is promised to come back as it is
		t.Errorf("error %v", err)
	}
	got, err := h.Store.Entry(t.Context(), importID, key(1))
	must(t, err)
	same(t, "stored", want, got)
	checkTally(t, h.Store)
}

func entryVersions(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	seen := map[string]bool{}
	for range 3 {
		e, err := h.Store.Entry(t.Context(), importID, key(1))
		must(t, err)
		if e.Version == "" || seen[e.Version] {
			t.Errorf("version %q came before", e.Version)
		}
		seen[e.Version] = true
		wrote, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(*ledger.Entry) error { return nil })
		must(t, err)
		if wrote.Version == e.Version {
			t.Errorf("version %q stayed", e.Version)
		}
	}
}

func lastOpen(t *testing.T, h Harness) {
	numbers := samePartition(3)
	for _, n := range numbers {
		insert(t, h.Store, planned(n))
	}
	for i, n := range numbers {
		_, tally, err := h.Store.UpdateEntry(t.Context(), importID, key(n), endAll)
		must(t, err)
		if zero := tally.Open == 0; zero != (i == len(numbers)-1) {
			t.Errorf("after %d of %d guests: open %d", i+1, len(numbers), tally.Open)
		}
	}
}

func updateSeveral(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(250)...)
	altered, err := h.Store.UpdateEntries(t.Context(), importID, append(keys(200), key(7)), func(e *ledger.Entry) error {
		if e.Guest == key(3) {
			return ledger.ErrUnchanged
		}
		e.Invite.Send(noon)
		return nil
	})
	must(t, err)
	var got []string
	for _, e := range altered {
		got = append(got, e.Guest)
		if e.Invite.State != ledger.Sent {
			t.Errorf("returned %s is %s", e.Guest, e.Invite.State)
		}
		read, err := h.Store.Entry(t.Context(), importID, e.Guest)
		must(t, err)
		same(t, "stored", e, read)
	}
	var want []string
	for _, k := range keys(200) {
		if k != key(3) {
			want = append(want, k)
		}
	}
	same(t, "altered", sorted(want), sorted(got))
	same(t, "due", sorted(want), sorted(collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(1)))))
	checkTally(t, h.Store)
}

// updateFarApart updates every seventh entry of a partition: more than are read one by one, and thinly spread.
func updateFarApart(t *testing.T, h Harness) {
	numbers := samePartition(210)
	var all []ledger.Entry
	for _, n := range numbers {
		all = append(all, planned(n))
	}
	insert(t, h.Store, all...)
	slices.SortFunc(all, func(a, b ledger.Entry) int { return strings.Compare(a.Guest, b.Guest) })
	var want []string
	for i := 0; i < len(all); i += 7 {
		want = append(want, all[i].Guest)
	}
	altered, err := h.Store.UpdateEntries(t.Context(), importID, want, func(e *ledger.Entry) error {
		e.Invite.Send(noon)
		return nil
	})
	must(t, err)
	if len(altered) != len(want) {
		t.Errorf("altered %d of %d", len(altered), len(want))
	}
	same(t, "due", want, sorted(collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(1)))))
	checkTally(t, h.Store)
}

func updateStops(t *testing.T, h Harness) {
	insert(t, h.Store, plannedEntries(40)...)
	refusal := errors.New("refused")
	altered, err := h.Store.UpdateEntries(t.Context(), importID, keys(40), func(e *ledger.Entry) error {
		if e.Guest == key(3) {
			return refusal
		}
		e.Invite.Send(noon)
		return nil
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error %v", err)
	}
	var got []string
	for _, e := range altered {
		got = append(got, e.Guest)
	}
	same(t, "returned are those written", sorted(got), sorted(collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(1)))))
	_, err = h.Store.UpdateEntries(t.Context(), importID, []string{key(41)}, func(*ledger.Entry) error { return nil })
	if !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("update of an unknown entry: %v", err)
	}
	checkTally(t, h.Store)
}
