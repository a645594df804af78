package simtest

import (
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/message"
	"guestlist/pkg/sweep"
)

// TestNobodyIsLeftToProbe: the breaker opens, and the only import that waits is cancelled. Microsoft Graph comes back, and
// another file is dropped.
func TestNobodyIsLeftToProbe(t *testing.T) {
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(down)
		id := w.drop("three", 3)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		if _, err := sweep.Cancel(t.Context(), w.ledger, id); err != nil {
			t.Fatal(err)
		}
		w.reported(id, time.Hour)
		w.dir.meets(works)
		next := w.drop("next", 10)
		w.reported(next, time.Hour)
		w.all(next, 10)
	})
}

// TestGuestMadeByHandIsNoProof: invitations are switched off; an administrator makes the only guest who waits by hand, and
// switches them on again. The probe finds the guest and invites nobody.
func TestGuestMadeByHandIsNoProof(t *testing.T) {
	off := &message.Failure{Code: "tenant.invitations-off", Text: "Allow guest invitations."}
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(only("invite", breaker.Refused, off))
		id := w.drop("one", 1)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		w.dir.mu.Lock()
		w.dir.users["one-0@partner.example"] = "by-hand"
		w.dir.mu.Unlock()
		w.dir.meets(works)
		w.reported(id, 3*time.Hour)
		next := w.drop("next", 10)
		w.reported(next, 3*time.Hour)
		w.all(next, 10)
	})
}

// TestOutageOfGroupWritesOnly lasts an hour; users are found and invited meanwhile.
func TestOutageOfGroupWritesOnly(t *testing.T) {
	simulate(t, 2, fast, func(t *testing.T, w *world) {
		w.dir.meets(func(op string) (breaker.Cause, error) {
			if op == "add members" || op == "add member" {
				return down(op)
			}
			return "", nil
		})
		id := w.drop("away", 60)
		time.Sleep(time.Hour)
		if !w.breaker().Open || w.dead() != 0 {
			t.Errorf("after an hour: breaker %+v, %d dead letters", w.breaker(), w.dead())
		}
		w.dir.meets(works)
		w.reported(id, 26*time.Hour)
		w.all(id, 60)
	})
}

// TestOutageWhileCapped: invitations are capped, and then Microsoft Graph is away for three hours.
func TestOutageWhileCapped(t *testing.T) {
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(w.capped(50))
		id := w.drop("capped", 120)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		w.dir.meets(down)
		time.Sleep(3 * time.Hour)
		if w.dead() != 0 {
			t.Errorf("%d dead letters, breaker %s", w.dead(), w.breaker().Cause)
		}
		w.dir.meets(works)
		w.reported(id, 14*time.Hour)
		w.all(id, 120)
	})
}

// only is a directory of which one operation fails.
func only(operation string, c breaker.Cause, err error) func(string) (breaker.Cause, error) {
	return func(op string) (breaker.Cause, error) {
		if op == operation {
			return c, err
		}
		return "", nil
	}
}
