package assign_test

import (
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// mailed makes the guest one whose mail waits for the targets.
func (w *world) mailed() {
	w.change(func(e *ledger.Entry) {
		e.Notify = ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now.Add(10 * time.Minute)}
	})
}

// sent returns the messages of a kind, each id once, as a broker that detects duplicates would.
func (w *world) sent(k message.Kind) (all []message.Message) {
	seen := map[string]bool{}
	for _, m := range w.bus.Sent() {
		if m.Kind == k && !seen[m.ID()] {
			seen[m.ID()] = true
			all = append(all, m)
		}
	}
	return all
}

func TestLastTargetSendsTheMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 2)
	w.mailed()
	w.must(target(1))
	if len(w.bus.Sent()) != 0 {
		t.Fatalf("sent %v while a target was open", w.bus.Sent())
	}
	w.must(target(0))
	mails, e := w.sent(message.Notify), w.entry()
	if len(mails) != 1 || mails[0].Generation != 2 || mails[0].At.After(w.now) || e.Notify.Generation != 2 || !e.Notify.Due.Equal(w.now) {
		t.Errorf("sent %+v, notify %+v; want one of generation 2, now", mails, e.Notify)
	}
	if n := len(w.sent(message.Report)); n != 0 {
		t.Errorf("%d reports before the mail is sent", n)
	}
}

func TestRefusedTargetSendsTheMailToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.mailed()
	if err := w.step().Failed(t.Context(), target(0), &message.Failure{Code: "group.unknown", Text: "gone"}); err != nil {
		t.Fatal(err)
	}
	if len(w.sent(message.Notify)) != 1 {
		t.Errorf("sent %v", w.bus.Sent())
	}
}

func TestMailThatWasSentIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.change(func(e *ledger.Entry) {
		e.Notify = ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Done}
	})
	w.must(target(0))
	if e := w.entry(); len(w.sent(message.Notify)) != 0 || e.Notify.Generation != 1 || len(w.sent(message.Report)) != 1 {
		t.Errorf("sent %v, notify %+v", w.bus.Sent(), e.Notify)
	}
}

// TestCrashBeforeTheMailIsAskedFor kills the worker at each of its acts: the mail's message is sent in the end, always the
// same one.
func TestCrashBeforeTheMailIsAskedFor(t *testing.T) {
	t.Parallel()
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.invited(ledger.Done, 1)
		w.mailed()
		w.process.DieAt(points)
		if err := w.deliver(target(0)); !w.process.Died() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		w.must(target(0))
		if mails := w.sent(message.Notify); len(mails) != 1 || mails[0].Generation != 2 {
			t.Errorf("crash at point %d: sent %+v", points, mails)
		}
	}
	if points < 6 {
		t.Errorf("only %d crash points: the acts are not instrumented", points)
	}
}
