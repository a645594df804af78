package assign_test

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/sweep"
	"guestlist/pkg/sweep/sweeptest"
)

// TestCancelDuringAWriteTellsWhatWasGranted: an operator cancels, and a sweep comes, while the answer is under way.
func TestCancelDuringAWriteTellsWhatWasGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.dir.after = func() {
		if _, err := sweep.Cancel(t.Context(), w.ledger, importID); err != nil {
			t.Error(err)
		}
		w.now = w.now.Add(55 * time.Second) // gathering, the wait for a turn and a slow call
		sweeptest.Once(t, w.ledger, w.bus)
	}
	w.must(target(0))
	if s := w.entry().Targets[0].Step; len(w.dir.has) == 0 || s.Outcome != ledger.Done {
		t.Errorf("granted %v, and the row says %s: %s", w.dir.has, s.Outcome, s.Text)
	}
}

// TestFailureOfAnotherDeliveryDuringTheWrite: the other one has lost its lock, so its dead letter is refused. This one makes it.
func TestFailureOfAnotherDeliveryDuringTheWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.invited(ledger.Done, 1)
	w.dir.after = func() {
		if err := w.step().Failed(t.Context(), target(0), &message.Failure{Code: "attempts.exhausted", Text: "503"}); err != nil {
			t.Error(err)
		}
	}
	err := w.deliver(target(0))
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "attempts.exhausted" {
		t.Errorf("%v; row %+v, want the recorded failure", err, w.entry().Targets[0].Step)
	}
}
