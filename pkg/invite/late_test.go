package invite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestRecordThatComesTooLate has the entry changed while the invitation is posted: then only the user id is worth keeping.
func TestRecordThatComesTooLate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *ledger.Entry){
		"cancelled": func(w *world, e *ledger.Entry) {
			e.EndAll(ledger.Cancelled, &message.Failure{Code: "import.cancelled"}, w.now)
		},
		"sent again":       func(w *world, e *ledger.Entry) { e.Invite.Resume(w.now) },
		"failed, replayed": func(w *world, e *ledger.Entry) { e.Invite.Generation += 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := w.plan("a", 1)
			var want ledger.Entry
			w.dir.err = func(int) error {
				var err error
				want, _, err = w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error { change(w, e); return nil })
				return err
			}
			if err := w.settle(m); err != nil {
				t.Fatal(err)
			}
			want.UserID = "user-of-" + address
			got := *w.entry("a")
			got.Version, want.Version = "", ""
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("entry (-want +got):\n%s", d)
			}
			if n := w.sent(message.Assign); n != 0 {
				t.Errorf("%d assignments were sent", n)
			}
		})
	}
}

// TestLateFailureChangesNothing covers failures of a step that was sent again or has ended, and of an import that was purged.
func TestLateFailureChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m, f := w.plan("a", 1), &message.Failure{Code: "attempts.exhausted", Text: "503"}
	old, purged := m, m
	old.Generation, purged.Import = 0, "b"
	failed := func(m message.Message) {
		t.Helper()
		before := *w.entry("a")
		if err := errors.Join(w.step().Failed(t.Context(), m, f), w.step().Postponed(t.Context(), m, w.now.Add(time.Hour))); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(before, *w.entry("a")); d != "" {
			t.Errorf("entry (-before +after):\n%s", d)
		}
	}
	failed(old)
	failed(purged)
	if err := w.settle(m); err != nil {
		t.Fatal(err)
	}
	failed(m)
}

// TestWaitingStepIsLeftToTheSweep delivers the message again that a step waits with.
func TestWaitingStepIsLeftToTheSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 0)
	if _, _, err := w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error { e.Invite.Hold(ledger.WaitBreaker, 1); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(m); err != nil || w.dir.posts != 0 || w.entry("a").Invite.State != ledger.Waiting {
		t.Errorf("%v, %d POSTs, step %+v; want it to wait", err, w.dir.posts, w.entry("a").Invite)
	}
}

func TestPostponedMovesTheDueTimeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 2)
	want, until := *w.entry("a"), w.now.Add(20*time.Minute)
	if err := w.step().Postponed(t.Context(), m, until); err != nil {
		t.Fatal(err)
	}
	m.Generation--
	if err := w.step().Postponed(t.Context(), m, until.Add(time.Hour)); err != nil { // of another generation: it moves nothing
		t.Fatal(err)
	}
	want.Invite.Due, want.Version = until, w.entry("a").Version
	if d := cmp.Diff(want, *w.entry("a")); d != "" || len(w.bus.Sent()) != 0 {
		t.Errorf("%d messages, -want +got:\n%s", len(w.bus.Sent()), d)
	}
}

// TestGuestUnderWorkIsWaitedFor has another message hold the guest: waiting costs no attempt.
func TestGuestUnderWorkIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 0)
	if _, err := w.ledger.Claim(t.Context(), guest, "another", time.Minute); err != nil {
		t.Fatal(err)
	}
	err := w.deliver(m)
	if _, ok := errors.AsType[*message.Later](err); !ok || w.dir.posts != 0 {
		t.Errorf("%v and %d POSTs; want a Later and none", err, w.dir.posts)
	}
	if err := w.settle(m); err != nil {
		t.Fatal(err)
	}
	w.once(t)
}

// TestRefusedTargetIsNotSent has a target that was refused before anything was sent.
func TestRefusedTargetIsNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 2)
	refused := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Rejected, Code: "group.dynamic"}
	if _, _, err := w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error { e.Targets[0].Step = refused; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(m); err != nil {
		t.Fatal(err)
	}
	if e := w.entry("a"); e.Targets[0].Step != refused || e.Targets[1].State != ledger.Sent || w.sent(message.Assign) != 1 {
		t.Errorf("targets %+v, %d assignments sent", e.Targets, w.sent(message.Assign))
	}
}

// TestAssignmentsGiveTheDirectoryTime compares when assignments are due: of the import that invites, of another that comes
// right after it, and of a guest who was there before.
func TestAssignmentsGiveTheDirectoryTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	due := func(importID string) time.Time {
		s := w.step()
		s.Settle, s.Gather = 20*time.Second, 5*time.Second
		if err := s.Do(t.Context(), w.plan(importID, 1)); err != nil {
			t.Fatal(err)
		}
		return w.entry(importID).Targets[0].Due
	}
	start := w.now
	if got, want := due("a"), start.Add(20*time.Second); !got.Equal(want) {
		t.Errorf("of the import that invites: %s, want %s", got, want)
	}
	w.now = start.Add(time.Second)
	if got, want := due("b"), start.Add(45*time.Second); !got.Equal(want) {
		t.Errorf("of an import right after it: %s, want %s", got, want)
	}
	w.now = start.Add(time.Minute)
	if got := due("c"); !got.Equal(w.now) {
		t.Errorf("of an import a minute later: %s, want %s", got, w.now)
	}
	there := newWorld(t)
	there.dir.made = map[string]time.Time{address: there.now.Add(-time.Hour)}
	w = there
	if got := due("a"); !got.Equal(w.now) {
		t.Errorf("of a guest who was there before: %s, want %s", got, w.now)
	}
}
