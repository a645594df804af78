package assign_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestMessagesThatActOnNothing(t *testing.T) {
	t.Parallel()
	other := func(generation int) message.Message { m := target(0); m.Generation = generation; return m }
	unknown := target(0)
	unknown.Guest = message.GuestKey("bo@partner.example")
	for name, c := range map[string]struct {
		m      message.Message
		before func(*world)
	}{
		"an older generation":          {m: other(0)},
		"a newer generation":           {m: other(2)},
		"an entry that was purged":     {m: unknown},
		"a target that is planned":     {target(0), func(w *world) { w.change(func(e *ledger.Entry) { e.Targets[0].State = ledger.Planned }) }},
		"a target that waits":          {target(0), func(w *world) { w.change(func(e *ledger.Entry) { e.Targets[0].State = ledger.Waiting }) }},
		"an import that was cancelled": {target(0), func(w *world) { w.cancel() }},
	} {
		w := newWorld(t)
		w.invited(ledger.Done, 1)
		if c.before != nil {
			c.before(w)
		}
		before := w.entry()
		if err := w.deliver(c.m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, w.entry()); diff != "" || w.dir.writes != 0 || w.reports() != 0 {
			t.Errorf("%s: %d writes, %d reports, entry:\n%s", name, w.dir.writes, w.reports(), diff)
		}
	}
}

func (w *world) cancel() {
	_, err := w.ledger.UpdateImport(w.t.Context(), importID, func(i *ledger.Import) error { i.Cancelled = true; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestTargetThatCannotBeIsAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	for _, n := range []int{1, -1} {
		f, ok := errors.AsType[*message.Failure](w.deliver(target(n)))
		if !ok || f.Code != "message.target" {
			t.Errorf("target %d: %v, want message.target", n, f)
		}
		if err := w.step().Failed(t.Context(), target(n), f); err != nil {
			t.Errorf("target %d: recording the failure: %v", n, err)
		}
	}
}

// TestTargetAheadOfTheInvitation is retried: whoever sent it records the user id first.
func TestTargetAheadOfTheInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.change(func(e *ledger.Entry) { e.UserID = "" })
	err := w.deliver(target(0))
	_, isLater := errors.AsType[*message.Later](err)
	if err == nil || isLater || errors.Is(err, message.ErrNever) || w.dir.writes != 0 {
		t.Errorf("%v, %d writes; want an attempt that failed", err, w.dir.writes)
	}
}

func TestVerdictsOfTheDirectoryPassUnrecorded(t *testing.T) {
	t.Parallel()
	for _, verdict := range []error{&message.Later{After: time.Second, Why: "throttled"}, errors.New("502")} {
		w := newWorld(t)
		w.invited(ledger.Done, 1)
		w.dir.err = verdict
		if err := w.deliver(target(0)); !errors.Is(err, verdict) {
			t.Errorf("got %v, want %v", err, verdict)
		}
		if s := w.entry().Targets[0].Step; s.State != ledger.Sent || w.reports() != 0 {
			t.Errorf("%v: %+v, %d reports; the target is still to be granted", verdict, s, w.reports())
		}
	}
}

func TestUnreachableLedgerIsWaitedForBeforeAnythingIsGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.stop = errors.New("503")
	if _, ok := errors.AsType[*message.Later](w.deliver(target(0))); !ok || w.dir.writes != 0 {
		t.Errorf("%d writes; want Later and none", w.dir.writes)
	}
}
