package breaker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestFailureOfAnotherDeliveryWhileItOpens: the other one has lost the lock, so that the dead letter is left to this one.
func TestFailureOfAnotherDeliveryWhileItOpens(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guests(1)
		m := invite(0)
		f := &message.Failure{Code: "delivery.exhausted", Text: "x"}
		w.do = func(context.Context, message.Message) error {
			if w.step(m).Outcome == ledger.Failed {
				return f // as steps do that find their failure recorded
			}
			_, _, err := w.ledger.UpdateEntry(t.Context(), m.Import, m.Guest, func(e *ledger.Entry) error {
				e.EndAll(ledger.Failed, f, time.Now())
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return &breaker.Trouble{Cause: breaker.Refused, Operation: "invite", Err: off}
		}
		err := w.guard.Do(t.Context(), m)
		if !errors.Is(err, message.ErrNever) {
			t.Errorf("verdict %v: the step failed in the ledger, and nobody makes its dead letter", err)
		}
	})
}
