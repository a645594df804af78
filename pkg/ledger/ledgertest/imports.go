package ledgertest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
)

var imports = []test{
	{"EveryFieldIsKept", importFields},
	{"SecondCreateReturnsTheStoredOne", createTwice},
	{"OneOfSeveralCreatesIsNew", createRace},
	{"UnknownImportIsNotFound", unknownImport},
	{"UpdatesUnderContentionLoseNothing", importContention},
	{"UpdateOvertakenByAnotherStartsAgain", importOvertaken},
	{"UnchangedWritesNothing", importUnchanged},
	{"ErrorOfTheChangeWritesNothing", importRefused},
	{"ListIsInOrderOfID", importList},
	{"OpenListFollowsTheRevisions", importOpen},
}

func fullImport(id string) ledger.Import {
	return ledger.Import{
		ID: id, Source: "partners", Account: "account", Container: "inbox-partners", Path: "a/b ü.csv", ETag: "0x8D",
		Created: noon, Finished: noon.Add(1), State: ledger.Held, Code: "source.unknown", Text: "no policy: 'partners'",
		Stage: ledger.Phase{Generation: 2, Due: noon}, Plan: ledger.Phase{Generation: 3}, Rows: 1_000_000, RowsRejected: 7,
		GuestsPlanned: 999_000, Revision: 2, Reported: 1, Cancelled: true, CancelledAt: noon.Add(2), Reopening: noon.Add(3), Results: "partners/b/r.json",
		Ask: `{"groups":["` + strings.Repeat("ü", 50_000) + `"]}`,
	}
}

func create(t *testing.T, s ledger.Store, i ledger.Import) ledger.Import {
	t.Helper()
	stored, created, err := s.CreateImport(t.Context(), i)
	must(t, err)
	if !created {
		t.Fatalf("import %s existed", i.ID)
	}
	return stored
}

func importFields(t *testing.T, h Harness) {
	want := fullImport(importID)
	same(t, "created", want, create(t, h.Store, want))
	read, err := h.Store.Import(t.Context(), importID)
	must(t, err)
	same(t, "read", want, read)
	same(t, "listed", []ledger.Import{want}, collect(t, h.Store.ListImports(t.Context(), false)))
}

func createTwice(t *testing.T, h Harness) {
	first := create(t, h.Store, ledger.Import{ID: importID, Source: "first", Revision: 1})
	again, created, err := h.Store.CreateImport(t.Context(), ledger.Import{ID: importID, Source: "second"})
	must(t, err)
	if created || again.Version != first.Version {
		t.Errorf("created %t, version %q, want %q", created, again.Version, first.Version)
	}
	same(t, "stored", first, again)
}

func createRace(t *testing.T, h Harness) {
	created, errs := make([]bool, 8), make([]error, 8)
	together(8, func(i int) {
		_, created[i], errs[i] = h.Store.CreateImport(t.Context(), ledger.Import{ID: importID, Revision: 1})
	})
	must(t, errors.Join(errs...))
	n := 0
	for _, c := range created {
		if c {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d creates were told to be the first", n)
	}
}

func unknownImport(t *testing.T, h Harness) {
	if _, err := h.Store.Import(t.Context(), importID); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	_, err := h.Store.UpdateImport(t.Context(), importID, func(*ledger.Import) error { return nil })
	if !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("update: %v", err)
	}
}

func importContention(t *testing.T, h Harness) {
	const workers, each = 8, 5
	create(t, h.Store, ledger.Import{ID: importID, Revision: 1})
	errs := make([]error, workers)
	together(workers, func(i int) {
		store := h.Store
		if i%2 == 1 {
			store = h.Second
		}
		for range each {
			_, err := store.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
				i.Rows++
				return nil
			})
			errs[i] = errors.Join(errs[i], err)
		}
	})
	must(t, errors.Join(errs...))
	read, err := h.Store.Import(t.Context(), importID)
	must(t, err)
	if read.Rows != workers*each {
		t.Errorf("%d of %d updates are there", read.Rows, workers*each)
	}
}

// importOvertaken lets another process write between reading and writing.
func importOvertaken(t *testing.T, h Harness) {
	create(t, h.Store, ledger.Import{ID: importID, Revision: 1})
	runs := 0
	got, err := h.Store.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
		if runs++; runs == 1 {
			_, err := h.Second.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
				i.Rows = 100
				return nil
			})
			must(t, err)
		}
		i.Rows++
		return nil
	})
	must(t, err)
	if got.Rows != 101 || runs != 2 {
		t.Errorf("%d rows after %d runs", got.Rows, runs)
	}
}

func importUnchanged(t *testing.T, h Harness) {
	want := create(t, h.Store, ledger.Import{ID: importID, Revision: 1})
	got, err := h.Store.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
		i.Rows = 9
		return fmt.Errorf("nothing new: %w", ledger.ErrUnchanged)
	})
	must(t, err)
	if got.Version != want.Version {
		t.Errorf("version went from %q to %q", want.Version, got.Version)
	}
	same(t, "returned", want, got)
	read, err := h.Store.Import(t.Context(), importID)
	must(t, err)
	same(t, "stored", want, read)
}

func importRefused(t *testing.T, h Harness) {
	want, refusal := create(t, h.Store, ledger.Import{ID: importID, Revision: 1}), errors.New("refused")
	_, err := h.Store.UpdateImport(t.Context(), importID, func(i *ledger.Import) error {
		i.Rows = 9
		return refusal
	})
	if err != refusal { // it is promised to come back as it is
		t.Errorf("error %v", err)
	}
	read, err := h.Store.Import(t.Context(), importID)
	must(t, err)
	same(t, "stored", want, read)
}

func importList(t *testing.T, h Harness) {
	for _, id := range []string{"c3", "a1", "b2"} {
		create(t, h.Store, ledger.Import{ID: id, Revision: 1})
	}
	same(t, "ids", []string{"a1", "b2", "c3"}, importIDs(t, h.Store, false))
	for range h.Store.ListImports(t.Context(), false) {
		break // a caller may stop early
	}
}

func importOpen(t *testing.T, h Harness) {
	create(t, h.Store, ledger.Import{ID: "a1", Revision: 1})
	create(t, h.Store, ledger.Import{ID: "b2", Revision: 1, Reported: 1})
	same(t, "at first", []string{"a1"}, importIDs(t, h.Store, true))
	update := func(id string, change func(*ledger.Import)) {
		_, err := h.Store.UpdateImport(t.Context(), id, func(i *ledger.Import) error {
			change(i)
			return nil
		})
		must(t, err)
	}
	update("a1", func(i *ledger.Import) { i.Rows = 1 })
	same(t, "after another change", []string{"a1"}, importIDs(t, h.Store, true))
	update("a1", func(i *ledger.Import) { i.Reported = 1 })
	same(t, "after the report", nil, importIDs(t, h.Store, true))
	update("b2", func(i *ledger.Import) { i.Revision = 2 })
	same(t, "after a replay", []string{"b2"}, importIDs(t, h.Store, true))
	same(t, "all", []string{"a1", "b2"}, importIDs(t, h.Store, false))
}

func importIDs(t *testing.T, s ledger.Store, openOnly bool) []string {
	t.Helper()
	var ids []string
	for _, i := range collect(t, s.ListImports(t.Context(), openOnly)) {
		ids = append(ids, i.ID)
	}
	return ids
}
