package sweep_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestReportIsAskedForOnceAWhile: writing the results of a big import takes minutes, and the sweep runs every minute.
func TestReportIsAskedForOnceAWhile(t *testing.T) {
	t.Parallel()
	for _, state := range []ledger.ImportState{ledger.Running, ledger.Refused, ledger.Broken} {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "a", State: state}, guest(0, ended(ledger.Done)))
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {time.Minute, 0}, {staleAfter/2 - time.Minute - 1, 0}, {1, 1}, {time.Minute, 0}} {
			if got := w.later(c.after); len(got) != c.want {
				t.Errorf("%s, %s later: sent %+v, want %d reports", state, c.after, briefs(got), c.want)
			}
		}
	}
}

// TestPlanThatStoppedEarlyIsPlannedOn: a plan that saw its import cancelled stopped, and a replay took the cancel back.
func TestPlanThatStoppedEarlyIsPlannedOn(t *testing.T) {
	t.Parallel()
	planned := ledger.Step{Generation: 1, State: ledger.Planned}
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running, Plan: ledger.Phase{Generation: 3}}, guest(0, planned), guest(1, ended(ledger.Done)))
	if diff := cmp.Diff([]brief{{message.Plan, "a", "", 0, 4}}, briefs(w.run())); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if i := w.get("a"); i.State != ledger.Planning || i.Plan != (ledger.Phase{Generation: 4, Due: w.now}) {
		t.Errorf("import %+v; want it planning again, now", i)
	}
	if got := w.later(time.Minute); len(got) != 0 {
		t.Errorf("sent again a minute later: %+v", briefs(got))
	}
}

func TestPlannedTargetsOfASentGuestNeedNoPlan(t *testing.T) {
	t.Parallel()
	planned := ledger.Step{Generation: 1, State: ledger.Planned}
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running, Plan: ledger.Phase{Generation: 1}}, guest(0, sent(w.now), planned))
	if got := w.run(); len(got) != 0 || w.get("a").State != ledger.Running {
		t.Errorf("sent %+v, state %s; want nothing and running", briefs(got), w.get("a").State)
	}
}

// TestBrokenPlanComesToAnEnd: who was sent goes on, who was not fails with the plan, and the report waits for all.
func TestBrokenPlanComesToAnEnd(t *testing.T) {
	t.Parallel()
	planned := ledger.Step{Generation: 1, State: ledger.Planned}
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Broken, Code: "attempts.exhausted", Text: "It broke."},
		guest(0, planned, planned), guest(1, sent(w.now), planned), guest(2, ended(ledger.Done), sent(w.now)))
	if got := w.run(); len(got) != 0 {
		t.Errorf("sent %+v; guests are open, and nothing is late", briefs(got))
	}
	e := w.entry("a", 0)
	for _, s := range []ledger.Step{e.Invite, e.Targets[0].Step} {
		if s.Outcome != ledger.Failed || s.Code != "attempts.exhausted" || s.Text != "It broke." || !s.At.Equal(w.now) {
			t.Errorf("a step that was never sent: %+v; want it failed with the plan's reason", s)
		}
	}
	if e := w.entry("a", 1); e.Invite.State != ledger.Sent || e.Targets[0].State != ledger.Planned {
		t.Errorf("a guest who was sent: %+v; want it to go on", e)
	}
	want := map[brief]bool{{message.Invite, "a", guestOf(1), 0, 2}: true, {message.Assign, "a", guestOf(2), 0, 2}: true}
	got := map[brief]bool{}
	for _, b := range briefs(w.later(staleAfter + time.Second)) {
		got[b] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lost messages, -want +got:\n%s", diff)
	}
	for n := 1; n <= 2; n++ {
		_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guestOf(n), func(e *ledger.Entry) error {
			e.EndAll(ledger.Done, &message.Failure{}, w.now)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := w.run(); len(got) != 1 || got[0].Kind != message.Report {
		t.Errorf("sent %+v, want the report", briefs(got))
	}
}

func TestBrokenPlanCanBeCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Broken, Code: "attempts.exhausted"},
		guest(0, ledger.Step{Generation: 1, State: ledger.Planned}), guest(1, sent(w.now)))
	w.cancel("a")
	got := w.later(time.Minute)
	if len(got) != 1 || got[0].Kind != message.Report {
		t.Errorf("sent %+v, want the report", briefs(got))
	}
	for n := range 2 {
		if s := w.entry("a", n).Invite; s.Outcome != ledger.Cancelled || s.Code != "import.cancelled" {
			t.Errorf("guest %d: %+v, want cancelled", n, s)
		}
	}
}

// TestWhoWaitsInABrokenImportGoesOn: the plan failed midway, and some who had been sent wait for the slow start, the day's cap
// or the breaker.
func TestWhoWaitsInABrokenImportGoesOn(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{ledger.WaitRate, ledger.WaitDay, ledger.WaitBreaker} {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "a", State: ledger.Broken, Code: "attempts.exhausted"}, guest(0, waits(reason)))
		got := w.later(time.Minute)
		if s := w.entry("a", 0).Invite; len(got) != 1 || got[0].Kind != message.Invite || s.State != ledger.Sent {
			t.Errorf("%s: sent %+v, %+v", reason, briefs(got), s)
		}
	}
}
