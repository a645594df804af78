package invite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func (w *world) once(t *testing.T) {
	t.Helper()
	if w.dir.users != 1 || w.dir.mails != 1 {
		t.Errorf("the directory has %d users and Microsoft sent %d mails; want one of each", w.dir.users, w.dir.mails)
	}
}

func (w *world) sent(kind message.Kind) (n int) {
	for _, m := range w.bus.Sent() {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

func TestInvitesThenSendsAssignments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.settle(w.plan("a", 2)); err != nil {
		t.Fatal(err)
	}
	w.once(t)
	e := w.entry("a")
	if e.Invite.Outcome != ledger.Done || e.UserID == "" || e.Targets[1].State != ledger.Sent {
		t.Errorf("entry: %+v", e)
	}
	for _, m := range w.bus.Sent() {
		if want := e.Targets[m.Target].Generation; m.Generation != want {
			t.Errorf("the assignment to target %d has generation %d, its step %d", m.Target, m.Generation, want)
		}
	}
	if w.sent(message.Assign) != 2 || w.sent(message.Report) != 0 {
		t.Errorf("sent %+v; want two assignments and no report, since targets are open", w.bus.Sent())
	}
}

func TestGuestWithoutTargetsEndsTheImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.settle(w.plan("a", 0)); err != nil {
		t.Fatal(err)
	}
	if w.sent(message.Report) != 1 || w.entry("a").Outcome() != ledger.Done {
		t.Errorf("sent %+v, outcome %s; want a report and done", w.bus.Sent(), w.entry("a").Outcome())
	}
}

func TestSecondImportFindsTheGuestAlready(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.plan("a", 0), w.plan("b", 0)
	for _, m := range []message.Message{first, second} {
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
	}
	w.once(t)
	if got := w.entry("b").Outcome(); got != ledger.Already {
		t.Errorf("the second import's guest ended %s, want already", got)
	}
}

func TestGuestOfTheDirectoryIsNotInvited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.made = map[string]time.Time{address: w.now.Add(-time.Hour)}
	if err := w.settle(w.plan("a", 0)); err != nil {
		t.Fatal(err)
	}
	if w.dir.posts != 0 || w.entry("a").Outcome() != ledger.Already {
		t.Errorf("%d POSTs, outcome %s; want none and already", w.dir.posts, w.entry("a").Outcome())
	}
}

func TestDeletedGuestIsInvitedAfresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.settle(w.plan("a", 0)); err != nil {
		t.Fatal(err)
	}
	w.dir.made, w.now = nil, w.now.Add(time.Hour)
	if err := w.settle(w.plan("b", 0)); err != nil {
		t.Fatal(err)
	}
	if w.dir.posts != 2 || w.entry("b").Outcome() != ledger.Done {
		t.Errorf("%d POSTs, outcome %s; want a second invitation, done", w.dir.posts, w.entry("b").Outcome())
	}
}

// TestCrashAnywhere kills the worker before and after each of its acts in turn. Whatever comes next, the redelivered
// message or the same guest in another import, the guest is made once and mailed once.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"redelivery", "another import first"} {
		points := 0
		for ; ; points++ {
			w := newWorld(t)
			w.dir.lag = 5 * time.Minute // beyond the lease: looking up alone does not save the second mail
			a, b := w.plan("a", 1), w.plan("b", 1)
			w.process.DieAt(points)
			if err := w.deliver(a); !w.process.Died() {
				if err != nil {
					t.Fatalf("without a crash: %v", err)
				}
				break
			}
			order := []message.Message{a, b}
			if next != "redelivery" {
				order = []message.Message{b, a}
			}
			for _, m := range order {
				if err := w.settle(m); err != nil {
					t.Fatalf("%s, crash at point %d: %v", next, points, err)
				}
			}
			check(t, w, fmt.Sprintf("%s, crash at point %d", next, points))
		}
		if points < 10 {
			t.Errorf("only %d crash points: the acts are not instrumented", points)
		}
		t.Logf("%s: %d crash points", next, points)
	}
}

func check(t *testing.T, w *world, when string) {
	t.Helper()
	if w.dir.users != 1 || w.dir.mails != 1 {
		t.Errorf("%s: %d users, %d mails; want one of each", when, w.dir.users, w.dir.mails)
	}
	for _, id := range []string{"a", "b"} {
		e := w.entry(id)
		if e.Invite.State != ledger.Ended || e.UserID == "" || e.Targets[0].State != ledger.Sent {
			t.Errorf("%s: import %s was left at %+v", when, id, e)
		}
		if !assigned(w, id) {
			t.Errorf("%s: the assignment of import %s was never sent", when, id)
		}
	}
}

func assigned(w *world, importID string) bool {
	for _, m := range w.bus.Sent() {
		if m.Kind == message.Assign && m.Import == importID {
			return true
		}
	}
	return false
}

func TestLostAnswerIsNotPostedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.lost = func(n int) bool { return n == 1 }
	if err := w.settle(w.plan("a", 0)); err != nil {
		t.Fatal(err)
	}
	w.once(t)
	if w.entry("a").Outcome() != ledger.Done {
		t.Errorf("outcome %s, want done: it was our own invitation", w.entry("a").Outcome())
	}
}

// TestUncertainWaitBindsEverybody loses an answer while the directory shows nothing for 14 minutes.
func TestUncertainWaitBindsEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.lag = 14 * time.Minute
	w.dir.lost = func(n int) bool { return n == 1 }
	a, b := w.plan("a", 0), w.plan("b", 0)
	if _, ok := errors.AsType[*message.Later](w.deliver(a)); !ok {
		t.Fatal("a lost answer must be waited for")
	}
	if err := w.settle(b); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(a); err != nil {
		t.Fatal(err)
	}
	w.once(t)
}

func TestCertainRefusalIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.err = func(n int) error {
		if n == 1 {
			return &message.Later{After: 7 * time.Second, Why: "throttled"}
		}
		return nil
	}
	m := w.plan("a", 0)
	start := w.now
	if err := w.settle(m); err != nil {
		t.Fatal(err)
	}
	w.once(t)
	if waited := w.now.Sub(start); waited > 10*time.Second {
		t.Errorf("a 429 did nothing, so it must not start the uncertain wait; waited %s", waited)
	}
}

func TestPermanentFailureEndsAllTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.err = func(int) error { return message.Never("invite.address-refused", "Correct the address.") }
	m := w.plan("a", 2)
	if err := w.settle(m); !errors.Is(err, message.ErrNever) {
		t.Fatalf("got %v", err)
	}
	e := w.entry("a")
	if e.Outcome() != ledger.Failed || e.Targets[1].Code != "invite.address-refused" || w.sent(message.Report) != 1 {
		t.Errorf("entry %+v, sent %+v; want everything failed for one reason, and a report", e, w.bus.Sent())
	}
	posts := w.dir.posts
	if err := w.deliver(m); !errors.Is(err, message.ErrNever) || w.dir.posts != posts {
		t.Errorf("a redelivered failure must be dead-lettered again and act on nothing: %v", err)
	}
}

func TestOldGenerationAndCancelledActOnNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 0)
	old := m
	old.Generation = 0
	if err := w.deliver(old); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.UpdateImport(t.Context(), "a", func(i *ledger.Import) error { i.Cancelled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(m); err != nil {
		t.Fatal(err)
	}
	if w.dir.posts != 0 || len(w.bus.Sent()) != 0 {
		t.Errorf("%d POSTs, sent %v", w.dir.posts, w.bus.Sent())
	}
}

func TestWithoutMicrosoftsMailALostAnswerIsPostedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mode = "none"
	w.dir.lost = func(n int) bool { return n == 1 }
	if err := w.settle(w.plan("a", 0)); err != nil {
		t.Fatal(err)
	}
	if w.dir.users != 1 || w.dir.mails != 0 {
		t.Errorf("%d users, %d mails; want 1 and 0", w.dir.users, w.dir.mails)
	}
}

var _ invite.Directory = (*directory)(nil)
