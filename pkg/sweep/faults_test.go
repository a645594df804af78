package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestOneBadImportDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"a", "bad", "c"} {
		w.imports(ledger.Import{ID: id, State: ledger.Running}, guest(0, sent(w.now)))
	}
	w.now = w.now.Add(time.Hour)
	s := w.sweep()
	s.Ledger = broken{Store: w.ledger, bad: map[string]bool{"bad": true}}
	err := s.Run(t.Context())
	if !errors.Is(err, errLedger) || !strings.Contains(fmt.Sprint(err), "bad") {
		t.Errorf("got %v, want an error that names the import", err)
	}
	want := []brief{{message.Invite, "a", guestOf(0), 0, 2}, {message.Invite, "c", guestOf(0), 0, 2}}
	if diff := cmp.Diff(want, briefs(w.take())); diff != "" || w.tidied != 1 {
		t.Errorf("tidied %d times; sent, -want +got:\n%s", w.tidied, diff)
	}
}

func TestListThatBreaksOffIsAnErrorAfterWhatCouldBeDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running})
	s := w.sweep()
	s.Ledger = broken{Store: w.ledger, list: true}
	if err := s.Run(t.Context()); !errors.Is(err, errLedger) || len(w.take()) != 1 || w.tidied != 1 {
		t.Errorf("got %v, tidied %d times; want the error, one report and a tidy", err, w.tidied)
	}
}

func TestTidyIsCalledEachTimeAndItsErrorIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	w.run()
	if w.tidied != 2 {
		t.Errorf("tidied %d times in two sweeps", w.tidied)
	}
	s := w.sweep()
	s.Tidy = func(context.Context) (int, error) { return 3, errLedger }
	if err := s.Run(t.Context()); !errors.Is(err, errLedger) {
		t.Errorf("got %v", err)
	}
}

// TestRefusedMessagesAreSentByTheNextSweep: the entry was raised, the message was not sent. A broker that is away for an hour
// must not cost half an hour more.
func TestRefusedMessagesAreSentByTheNextSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, sent(w.now)))
	w.now = w.now.Add(time.Hour)
	w.bus.Refuse(errLedger)
	if err := w.sweep().Run(t.Context()); !errors.Is(err, errLedger) {
		t.Fatalf("got %v, want the broker's error", err)
	}
	w.bus.Refuse(nil)
	if got := w.run(); len(got) != 1 || got[0].Generation != 3 {
		t.Errorf("sent %+v, want generation 3", briefs(got))
	}
	if got := w.run(); got != nil {
		t.Errorf("sent %+v again", briefs(got))
	}
}

// TestRefusedStageAndPlanAreSentByTheNextSweep: the same for the message that moves an import on.
func TestRefusedStageAndPlanAreSentByTheNextSweep(t *testing.T) {
	t.Parallel()
	for _, state := range []ledger.ImportState{ledger.Staging, ledger.Planning} {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "a", State: state, Stage: ledger.Phase{Generation: 1, Due: w.now}, Plan: ledger.Phase{Generation: 1, Due: w.now}})
		w.now = w.now.Add(time.Hour)
		w.bus.Refuse(errLedger)
		if err := w.sweep().Run(t.Context()); !errors.Is(err, errLedger) {
			t.Fatalf("%s: got %v, want the broker's error", state, err)
		}
		w.bus.Refuse(nil)
		if got := w.run(); len(got) != 1 || got[0].Generation != 3 {
			t.Errorf("%s: sent %+v, want generation 3", state, briefs(got))
		}
		if got := w.run(); got != nil {
			t.Errorf("%s: sent %+v again", state, briefs(got))
		}
	}
}
