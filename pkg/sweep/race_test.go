package sweep_test

import (
	"context"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

// overtaken is a ledger in which something happens after the sweep has looked and before it writes.
type overtaken struct {
	*memledger.Store
	first *func()
}

func (o overtaken) happen() {
	if f := *o.first; f != nil {
		*o.first = nil
		f()
	}
}

func (o overtaken) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	o.happen()
	return o.Store.UpdateImport(ctx, id, change)
}

func (o overtaken) UpdateEntries(ctx context.Context, id string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	o.happen()
	return o.Store.UpdateEntries(ctx, id, guests, change)
}

// overtake sweeps once; f happens in the middle of it. It returns what the overtaken sweep sent.
func (w *world) overtake(f func()) []message.Message {
	w.t.Helper()
	reached := false
	first := func() { reached = true; f(); w.take() }
	s := w.sweep()
	s.Ledger = overtaken{w.ledger, &first}
	if err := s.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !reached {
		w.t.Fatal("the sweep wrote nothing")
	}
	return w.take()
}

// setImport changes an import as a step would.
func (w *world) setImport(id string, change func(*ledger.Import)) {
	w.t.Helper()
	_, err := w.ledger.UpdateImport(w.t.Context(), id, func(i *ledger.Import) error { change(i); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestSweepOvertakenByAnotherSendsNothingTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, sent(w.now)))
	w.now = w.now.Add(time.Hour)
	if got := w.overtake(func() { w.run() }); len(got) != 0 {
		t.Errorf("sent %+v, which the other sweep had sent", briefs(got))
	}
	if g := w.entry("a", 0).Invite.Generation; g != 2 {
		t.Errorf("generation %d, want 2: raised once", g)
	}
}

func TestSweepOvertakenByAnotherRaisesAPhaseOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
	w.now = w.now.Add(time.Hour)
	for _, m := range w.overtake(func() { w.run() }) {
		if m.Generation != 2 {
			t.Errorf("sent %+v, want at most a copy of what the other sweep sent", briefs([]message.Message{m}))
		}
	}
	if g := w.get("a").Stage.Generation; g != 2 {
		t.Errorf("generation %d, want 2: raised once", g)
	}
}

func TestStageThatEndsMeanwhileIsNotStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
	w.now = w.now.Add(time.Hour)
	got := w.overtake(func() {
		w.setImport("a", func(i *ledger.Import) { i.State, i.Plan = ledger.Planning, ledger.Phase{Generation: 1, Due: w.now} })
	})
	if i := w.get("a"); len(got) != 0 || i.Stage.Generation != 1 || i.Plan.Generation != 1 {
		t.Errorf("sent %+v, import %+v; want neither phase raised", briefs(got), i)
	}
}

func TestCancelOvertakenByThePlanDoesNotRefuseTheImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
	w.cancel("a")
	got := w.overtake(func() { w.setImport("a", func(i *ledger.Import) { i.State = ledger.Planning }) })
	if i := w.get("a"); len(got) != 0 || i.State != ledger.Planning || i.Code != "" {
		t.Errorf("sent %+v, import %+v; the planner ends it", briefs(got), i)
	}
}

func TestGuestThatEndsMeanwhileIsNotSentAgainOrCancelled(t *testing.T) {
	t.Parallel()
	for _, cancel := range []bool{false, true} {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, sent(w.now)))
		if cancel {
			w.cancel("a")
		}
		w.now = w.now.Add(time.Hour)
		got := w.overtake(func() {
			_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guestOf(0), func(e *ledger.Entry) error {
				e.UserID = "user"
				e.Invite.End(ledger.Done, w.now)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		e := w.entry("a", 0)
		if e.Outcome() != ledger.Done || e.Invite.Generation != 1 || len(got) != 1 || got[0].Kind != message.Report {
			t.Errorf("cancelled %t: sent %+v, entry %+v; want done and a report", cancel, briefs(got), e)
		}
	}
}

// TestCancelLeavesWhatWasReplayedMeanwhile: the guest ended after the sweep had read it, and a replay, which that allows, sent
// it again before the sweep wrote.
func TestCancelLeavesWhatWasReplayedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, sent(w.now)))
	w.cancel("a")
	w.now = w.now.Add(time.Hour)
	w.overtake(func() {
		w.setImport("a", func(i *ledger.Import) { i.Cancelled, i.Revision = false, i.Revision+1 })
		_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guestOf(0), func(e *ledger.Entry) error {
			e.Invite.Generation++
			e.Invite.Send(w.now)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	if s := w.entry("a", 0).Invite; s.State != ledger.Sent || s.Generation != 2 {
		t.Errorf("the replayed step is %+v", s)
	}
}
