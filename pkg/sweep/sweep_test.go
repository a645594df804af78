package sweep_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestLostMessagesAreSentAgainWithANewGeneration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running},
		guest(0, sent(w.now)),
		guest(1, ended(ledger.Done), sent(w.now), ended(ledger.Done), sent(w.now)))
	if got := w.later(staleAfter); got != nil {
		t.Fatalf("at the limit: %+v; it is not beyond it", briefs(got))
	}
	want := map[brief]bool{{message.Invite, "a", guestOf(0), 0, 2}: true,
		{message.Assign, "a", guestOf(1), 0, 2}: true, {message.Assign, "a", guestOf(1), 2, 2}: true}
	got := map[brief]bool{}
	for _, m := range w.later(time.Second) {
		got[briefs([]message.Message{m})[0]] = true
		if m.Attempt != 1 || m.Source != "partners" {
			t.Errorf("%+v; want the first attempt of source partners", m)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	for _, s := range []ledger.Step{w.entry("a", 0).Invite, w.entry("a", 1).Targets[0].Step, w.entry("a", 1).Targets[2].Step} {
		if s.State != ledger.Sent || s.Generation != 2 || !s.Due.Equal(w.now) {
			t.Errorf("step: %+v; want it sent now, generation 2", s)
		}
	}
	if s := w.entry("a", 1).Targets[1]; s.Generation != 1 || s.State != ledger.Ended {
		t.Errorf("the step that had ended: %+v", s.Step)
	}
	if got := w.later(staleAfter); got != nil {
		t.Errorf("sent again within the limit: %+v", briefs(got))
	}
	if got := w.later(time.Second); len(got) != 3 || got[0].Generation != 3 {
		t.Errorf("beyond the limit again: %+v, want generation 3 of all", briefs(got))
	}
}

// TestOnlyTheOverdueStepsOfAGuestAreSent keeps a step of the same guest that is postponed.
func TestOnlyTheOverdueStepsOfAGuestAreSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, ended(ledger.Done), sent(w.now), sent(w.now.Add(time.Hour))))
	got := briefs(w.later(staleAfter + time.Second))
	if diff := cmp.Diff([]brief{{message.Assign, "a", guestOf(0), 0, 2}}, got); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if s := w.entry("a", 0).Targets[1]; s.Generation != 1 {
		t.Errorf("the postponed step: %+v; its message still comes", s.Step)
	}
}

func TestPlannedAndWaitingStepsAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.open()
	waits := ledger.Step{Generation: 1, State: ledger.Waiting, Wait: "breaker", Due: w.now}
	planned := ledger.Step{Generation: 1, State: ledger.Planned, Due: w.now}
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, waits, planned), guest(1, ended(ledger.Done), waits, sent(w.now)))
	if got := w.later(24 * time.Hour); len(got) != 1 || got[0].Target != 1 {
		t.Errorf("sent %+v; want only what was sent before: the second target", briefs(got))
	}
	if s := w.entry("a", 1).Targets[0]; s.Wait != "breaker" || s.Generation != 1 {
		t.Errorf("the waiting target became %+v", s.Step)
	}
}

// TestMessagesLostWhilePlanningAreSentAgain: the planner's window counts what is sent, so a planner whose messages were
// lost would wait for them for ever.
func TestMessagesLostWhilePlanningAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	due := w.now.Add(time.Hour) // the planner looks at its window every few seconds
	w.imports(ledger.Import{ID: "a", State: ledger.Planning, Plan: ledger.Phase{Generation: 1, Due: due}}, guest(0, sent(w.now)))
	got := briefs(w.later(staleAfter + time.Second))
	if diff := cmp.Diff([]brief{{message.Invite, "a", guestOf(0), 0, 2}}, got); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
}

func TestManyLostMessagesAreAllSent(t *testing.T) {
	t.Parallel()
	for _, n := range []int{39, 40, 41, 400} {
		w := newWorld(t)
		var all []ledger.Entry
		for g := range n {
			all = append(all, guest(g, sent(w.now)))
		}
		w.imports(ledger.Import{ID: "a", State: ledger.Running}, all...)
		different := map[string]bool{}
		for _, m := range w.later(time.Hour) {
			different[m.Guest] = true
		}
		if len(different) != n {
			t.Errorf("%d guests were sent again, want %d", len(different), n)
		}
	}
}

func TestLostStageAndPlanMessages(t *testing.T) {
	t.Parallel()
	for state, kind := range map[ledger.ImportState]message.Kind{ledger.Staging: message.Stage, ledger.Planning: message.Plan} {
		w := newWorld(t)
		i := ledger.Import{ID: "a", State: state}
		*i.Phase() = ledger.Phase{Generation: 4, Due: w.now}
		w.imports(i)
		if got := w.later(staleAfter); got != nil {
			t.Errorf("%s at the limit: %+v", state, briefs(got))
		}
		if diff := cmp.Diff([]brief{{kind, "a", "", 0, 5}}, briefs(w.later(time.Second))); diff != "" {
			t.Errorf("%s, -want +got:\n%s", state, diff)
		}
		after := w.get("a")
		if p := *after.Phase(); p.Generation != 5 || !p.Due.Equal(w.now) || after.State != state {
			t.Errorf("%s: %+v", state, after)
		}
		if got := w.later(staleAfter); got != nil {
			t.Errorf("%s: sent again within the limit: %+v", state, briefs(got))
		}
	}
}

func TestHeldImportsWaitForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Held, Stage: ledger.Phase{Generation: 1}})
	if got := w.later(1000 * time.Hour); got != nil || w.get("a").State != ledger.Held {
		t.Errorf("sent %+v, state %s; want nothing and held", briefs(got), w.get("a").State)
	}
}

func TestReportIsAskedForWhereItIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "all ended", State: ledger.Running}, guest(0, ended(ledger.Done)))
	w.imports(ledger.Import{ID: "broken", State: ledger.Broken})
	w.imports(ledger.Import{ID: "no guest", State: ledger.Running})
	w.imports(ledger.Import{ID: "one open", State: ledger.Running}, guest(0, ended(ledger.Done)), guest(1, sent(w.now)))
	w.imports(ledger.Import{ID: "refused", State: ledger.Refused})
	w.imports(ledger.Import{ID: "replayed", State: ledger.Running, Revision: 2, Reported: 1}, guest(0, ended(ledger.Done)))
	w.imports(ledger.Import{ID: "reported", State: ledger.Running, Reported: 1}, guest(0, ended(ledger.Done)))
	w.imports(ledger.Import{ID: "staging", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
	w.imports(ledger.Import{ID: "superseded", State: ledger.Superseded})
	var got []string
	for _, m := range w.run() {
		if m.Kind != message.Report || m.Nonce == "" {
			t.Errorf("sent %+v, want reports with random ids", m)
		}
		got = append(got, m.Import)
	}
	want := []string{"all ended", "broken", "no guest", "refused", "replayed", "superseded"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSweepsAtOnceSendEachLostMessageOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []ledger.Entry
	for n := range 100 {
		all = append(all, guest(n, sent(w.now)))
	}
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, all...)
	w.imports(ledger.Import{ID: "b", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
	w.now = w.now.Add(time.Hour)
	var wait sync.WaitGroup
	for range 4 {
		s := w.sweep()
		s.Tidy = func(context.Context) (int, error) { return 0, nil }
		wait.Go(func() {
			if err := s.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	different := map[string]bool{}
	for _, m := range w.take() {
		different[m.ID()] = true
		if m.Generation != 2 {
			t.Errorf("sent %+v, want generation 2 only", briefs([]message.Message{m}))
		}
	}
	if len(different) != 101 {
		t.Errorf("%d different messages, want 101", len(different))
	}
	for n := range 100 {
		if g := w.entry("a", n).Invite.Generation; g != 2 {
			t.Errorf("guest %d has generation %d, want 2", n, g)
		}
	}
	if g := w.get("b").Stage.Generation; g != 2 {
		t.Errorf("stage has generation %d, want 2", g)
	}
}
