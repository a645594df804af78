package assign_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestGrantsGroupsAndAppRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Already, 2)
	w.must(target(0))
	w.must(target(1))
	want := []string{"group-0<-" + userID, "sp/role<-" + userID}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(w.dir.has))); diff != "" {
		t.Errorf("the directory, -want +got:\n%s", diff)
	}
	for n, target := range w.entry().Targets {
		if target.State != ledger.Ended || target.Outcome != ledger.Done || !target.At.Equal(w.now) || target.Generation != 1 {
			t.Errorf("target %d: %+v; want done now, of the same generation", n, target.Step)
		}
	}
}

// TestWhatWasThere tells a guest who had the access from one whose access an earlier delivery gave: a guest whom this
// import invited had nothing before.
func TestWhatWasThere(t *testing.T) {
	t.Parallel()
	for invite, want := range map[ledger.Outcome]ledger.Outcome{ledger.Already: ledger.Already, ledger.Done: ledger.Done} {
		w := newWorld(t)
		w.invited(invite, 1)
		w.dir.has["group-0<-"+userID] = true
		w.must(target(0))
		if got := w.entry().Targets[0].Outcome; got != want {
			t.Errorf("invitation %s, access was there: %s, want %s", invite, got, want)
		}
	}
}

// TestGrantOfAMessageThatWasTakenForLost raises the generation while the message of the older one is at work: it gave the
// access, so the guest did not have it already, whatever the newer message finds.
func TestGrantOfAMessageThatWasTakenForLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Already, 1)
	w.dir.after = func() {
		w.dir.after = nil
		w.change(func(e *ledger.Entry) { e.Targets[0].Generation++; e.Targets[0].Send(w.now) })
	}
	w.must(target(0))
	next := target(0)
	next.Generation++
	w.must(next)
	if s := w.entry().Targets[0].Step; s.Outcome != ledger.Done || s.Generation != 2 || w.reports() == 0 {
		t.Errorf("step %+v, %d reports; want done and a report", s, w.reports())
	}
}

func TestOnlyTheLastTargetAsksForTheReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 3)
	for n, want := range []int{0, 0, 1} {
		w.must(target(n))
		if got := w.reports(); got != want {
			t.Errorf("after target %d: %d reports, want %d", n, got, want)
		}
	}
}

func TestRedeliveryOfWhatIsDoneAsksAgainForTheReportAndGrantsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Already, 1)
	w.must(target(0))
	before := w.entry()
	w.must(target(0))
	if w.dir.writes != 1 || w.reports() != 2 {
		t.Errorf("%d writes, %d reports; want one write and a second report, since the first may be lost", w.dir.writes, w.reports())
	}
	if diff := cmp.Diff(before, w.entry()); diff != "" {
		t.Errorf("the entry changed:\n%s", diff)
	}
}

// TestCrashAnywhere kills the worker before and after each of its acts in turn. The redelivered message leaves the same
// directory, entry and outcome as one that was never disturbed, and the report is asked for.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	calm := newWorld(t)
	calm.invited(ledger.Done, 2)
	calm.must(target(0))
	calm.must(target(1))
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.invited(ledger.Done, 2)
		w.must(target(0))
		w.process.DieAt(points)
		if err := w.deliver(target(1)); !w.process.Died() {
			if err != nil {
				t.Fatalf("without a crash: %v", err)
			}
			break
		}
		w.must(target(1))
		if diff := cmp.Diff(calm.dir.has, w.dir.has); diff != "" {
			t.Errorf("crash at point %d: the directory, -calm +got:\n%s", points, diff)
		}
		if diff := cmp.Diff(calm.entry().Targets, w.entry().Targets); diff != "" {
			t.Errorf("crash at point %d: the targets, -calm +got:\n%s", points, diff)
		}
		if w.reports() == 0 || w.entry().Outcome() != ledger.Done {
			t.Errorf("crash at point %d: %d reports, outcome %q; want a report and done", points, w.reports(), w.entry().Outcome())
		}
	}
	if points != 8 {
		t.Errorf("%d crash points, want 8: around grant, memory, record and report", points)
	}
}

func TestFailureIsRecordedAndDeadLetteredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 2)
	w.must(target(0))
	refusal := &message.Failure{Code: "group.unknown", Text: "Make the group, then replay.", Request: "req-7"}
	w.dir.err = refusal
	m := target(1)
	if err := w.deliver(m); !errors.Is(err, message.ErrNever) {
		t.Fatalf("got %v, want the directory's verdict", err)
	}
	if err := w.step().Failed(t.Context(), m, refusal); err != nil {
		t.Fatal(err)
	}
	got := w.entry()
	if s := got.Targets[1].Step; s.State != ledger.Ended || s.Outcome != ledger.Failed || !s.At.Equal(w.now) || *s.Failure() != *refusal {
		t.Errorf("target: %+v", s)
	}
	if got.Outcome() != ledger.Partial || w.reports() != 1 {
		t.Errorf("outcome %s, %d reports; want partial and one report: it was the last target", got.Outcome(), w.reports())
	}
	w.dir.err = nil
	if f, ok := errors.AsType[*message.Failure](w.deliver(m)); !ok || *f != *refusal {
		t.Errorf("redelivered: %v, want the recorded failure, so that it is dead-lettered again", f)
	}
	if w.dir.writes != 2 || w.entry().Targets[1].Outcome != ledger.Failed {
		t.Errorf("%d writes, %s; a redelivered failure must act on nothing", w.dir.writes, w.entry().Targets[1].Outcome)
	}
}

func TestFailureDoesNotOverwriteWhatHasEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.must(target(0))
	if err := w.step().Failed(t.Context(), target(0), &message.Failure{Code: "delivery.exhausted", Text: "Replay it."}); err != nil {
		t.Fatal(err)
	}
	if got := w.entry().Targets[0].Outcome; got != ledger.Done {
		t.Errorf("outcome %s, want done: the access is there", got)
	}
	old := target(0)
	w.change(func(e *ledger.Entry) { e.Targets[0].Generation++; e.Targets[0].Send(w.now) })
	if err := w.step().Failed(t.Context(), old, &message.Failure{Code: "attempts.exhausted", Text: "Replay it."}); err != nil {
		t.Fatal(err)
	}
	if got := w.entry().Targets[0].State; got != ledger.Sent {
		t.Errorf("state %s, want sent: the failure is of an older generation", got)
	}
}

func TestPostponedMovesTheDueTimeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 2)
	want := w.entry()
	until := w.now.Add(20 * time.Minute)
	if err := w.step().Postponed(t.Context(), target(0), until); err != nil {
		t.Fatal(err)
	}
	want.Targets[0].Due, want.Version = until, w.entry().Version
	if diff := cmp.Diff(want, w.entry()); diff != "" || w.reports() != 0 {
		t.Errorf("%d reports, -want +got:\n%s", w.reports(), diff)
	}
	old := target(0)
	old.Generation = 0
	if err := w.step().Postponed(t.Context(), old, until.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := w.entry().Targets[0].Due; !got.Equal(until) {
		t.Errorf("due %s, want %s: a message of another generation moves nothing", got, until)
	}
}

// TestRefusedReportIsAskedForAgain covers a broker that fails between the record and the report.
func TestRefusedReportIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	refusal := errors.New("the broker is away")
	w.bus.Refuse(refusal)
	if err := w.deliver(target(0)); !errors.Is(err, refusal) {
		t.Fatalf("got %v, want the broker's error: the message must not end", err)
	}
	w.bus.Refuse(nil)
	w.must(target(0))
	if w.reports() != 1 || w.dir.writes != 1 {
		t.Errorf("%d reports, %d writes; want one of each", w.reports(), w.dir.writes)
	}
}
