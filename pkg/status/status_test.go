package status_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
)

var received = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func newLedger(t *testing.T, imports ...ledger.Import) *memledger.Store {
	t.Helper()
	l := memledger.New(func() time.Time { return received })
	for _, i := range imports {
		if _, _, err := l.CreateImport(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func insert(t *testing.T, l *memledger.Store, entries ...ledger.Entry) {
	t.Helper()
	if _, err := l.InsertEntries(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

func ended(o ledger.Outcome) ledger.Step { return ledger.Step{State: ledger.Ended, Outcome: o} }

func entry(id, name string, invite ledger.Step, targets ...ledger.Target) ledger.Entry {
	address := name + "@partner.example"
	return ledger.Entry{Import: id, Guest: message.GuestKey(address), Address: address, Lines: []int{2}, Invite: invite, Targets: targets,
		Notify: ledger.Step{State: ledger.Ended}}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		i       ledger.Import
		state   string
		settled bool
	}{
		{ledger.Import{State: ledger.Staging}, "staging", false},
		{ledger.Import{State: ledger.Held}, "held", true},
		{ledger.Import{State: ledger.Planning}, "planning", false},
		{ledger.Import{State: ledger.Running}, "running", false},
		{ledger.Import{State: ledger.Running, Reported: 1}, "finished", true},
		{ledger.Import{State: ledger.Running, Revision: 2, Reported: 1}, "running", false},
		{ledger.Import{State: ledger.Refused}, "rejected", false},
		{ledger.Import{State: ledger.Refused, Reported: 1}, "rejected", true},
		{ledger.Import{State: ledger.Superseded, Reported: 1}, "superseded", true},
		{ledger.Import{State: ledger.Broken, Reported: 1}, "failed", true},
		{ledger.Import{State: ledger.Running, Cancelled: true}, "cancelled", false},
		{ledger.Import{State: ledger.Running, Cancelled: true, Reported: 1}, "cancelled", true},
		{ledger.Import{State: ledger.Held, Cancelled: true}, "cancelled", false},
	} {
		c.i.ID, c.i.Revision = "a", max(1, c.i.Revision)
		got, err := status.Find(t.Context(), newLedger(t, c.i), "a")
		if err != nil {
			t.Fatal(err)
		}
		if got.State != c.state || got.Settled() != c.settled {
			t.Errorf("%+v is %s, settled %t; want %s, %t", c.i, got.State, got.Settled(), c.state, c.settled)
		}
	}
}

func TestFindByPrefix(t *testing.T) {
	t.Parallel()
	l := newLedger(t, ledger.Import{ID: "abc1"}, ledger.Import{ID: "abd2"}, ledger.Import{ID: "0bd3"})
	for prefix, want := range map[string]string{"abc": "abc1", "abd2": "abd2", "0": "0bd3", "ABC1": "abc1",
		"ab": "import.ambiguous", "": "import.ambiguous", "bc": "import.unknown", "abc12": "import.unknown"} {
		got, err := status.Find(t.Context(), l, prefix)
		if f, ok := errors.AsType[*message.Failure](err); ok {
			got.ID = f.Code
			if !strings.Contains(f.Text, fmt.Sprintf("%q", prefix)) {
				t.Errorf("%q: the failure does not name it: %s", prefix, f.Text)
			}
		} else if err != nil {
			t.Fatal(err)
		}
		if got.ID != want {
			t.Errorf("%q: %s, want %s", prefix, got.ID, want)
		}
	}
}

func TestFindShowsTheWholeImport(t *testing.T) {
	t.Parallel()
	finished := received.Add(time.Hour)
	l := newLedger(t, ledger.Import{ID: "a", Source: "partners", Path: "in/x.csv", Created: received, Finished: finished, State: ledger.Running, Code: "c",
		Text: "t", Rows: 9, RowsRejected: 2, GuestsPlanned: 1, Plan: ledger.Phase{Generation: 1}, Revision: 3, Reported: 2, Results: "r.json", Run: "1-x", Ask: `{"guests":1}`})
	done := entry("a", "ana", ended(ledger.Done))
	done.UserID = "u"
	insert(t, l, done, entry("a", "bo", ended(ledger.Failed)), entry("a", "cy", ledger.Step{State: ledger.Waiting, Wait: "rate"}))
	got, err := status.Find(t.Context(), l, "a")
	if err != nil {
		t.Fatal(err)
	}
	want := status.Import{ID: "a", Source: "partners", File: "in/x.csv", Received: received, Finished: finished, State: "running", Code: "c", Text: "t",
		Rows: 9, RowsRejected: 2, Guests: 3, Open: 1, Invited: 1, Ended: map[ledger.Outcome]int{ledger.Done: 1, ledger.Failed: 1},
		Waiting: map[string]int{"rate": 1}, Revision: 3, Reported: 2, Results: "r.json", Work: "a/1-x"}
	if got.Expected == nil || got.Expected.Cause != forecast.Ramp || !got.Expected.At.After(received) || got.Expected.Why == "" {
		t.Errorf("expected %+v, want the slow start", got.Expected)
	}
	got.Expected = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatAHeldFileAsksForIsShownWhileItIsHeld(t *testing.T) {
	t.Parallel()
	for state, want := range map[ledger.ImportState]string{ledger.Held: `{"guests":1}`, ledger.Staging: ""} {
		got, err := status.Find(t.Context(), newLedger(t, ledger.Import{ID: "a", State: state, Ask: `{"guests":1}`}), "a")
		if err != nil || string(got.Ask) != want {
			t.Errorf("%s: %s, %v; want %q", state, got.Ask, err, want)
		}
	}
}

func TestListIsNewestFirst(t *testing.T) {
	t.Parallel()
	l := newLedger(t, ledger.Import{ID: "a", Created: received.Add(time.Minute), Revision: 1, Reported: 1}, ledger.Import{ID: "b", Created: received},
		ledger.Import{ID: "c", Created: received.Add(time.Hour), Revision: 1})
	all, err := status.List(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	if !slices.Equal(ids, []string{"c", "a", "b"}) {
		t.Errorf("%v; want all, the newest first", ids)
	}
}

var errLedger = errors.New("503 server busy")

// broken is a ledger of which one call fails.
type broken struct {
	*memledger.Store
	what string
}

func (b broken) ListImports(ctx context.Context, open bool) iter.Seq2[ledger.Import, error] {
	if b.what == "imports" {
		return func(yield func(ledger.Import, error) bool) { yield(ledger.Import{}, errLedger) }
	}
	return b.Store.ListImports(ctx, open)
}

func (b broken) ListEntries(ctx context.Context, id string, part int, after string) iter.Seq2[ledger.Entry, error] {
	if b.what == "entries" {
		return func(yield func(ledger.Entry, error) bool) { yield(ledger.Entry{}, errLedger) }
	}
	return b.Store.ListEntries(ctx, id, part, after)
}

func (b broken) Tally(ctx context.Context, id string) (ledger.Tally, error) {
	if b.what == "tally" {
		return ledger.Tally{}, errLedger
	}
	return b.Store.Tally(ctx, id)
}

func TestLedgerErrorsAreNotTakenForNothing(t *testing.T) {
	t.Parallel()
	l := newLedger(t, ledger.Import{ID: "a", Plan: ledger.Phase{Generation: 1}})
	for _, what := range []string{"imports", "tally"} {
		if _, err := status.List(t.Context(), broken{l, what}); !errors.Is(err, errLedger) {
			t.Errorf("List without %s: %v", what, err)
		}
		if _, err := status.Find(t.Context(), broken{l, what}, "a"); !errors.Is(err, errLedger) {
			t.Errorf("Find without %s: %v", what, err)
		}
	}
	n := 0
	for _, err := range status.Guests(t.Context(), broken{l, "entries"}, "a") {
		if n++; !errors.Is(err, errLedger) {
			t.Errorf("Guests: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("Guests yielded %d times, want the error once", n)
	}
}
