package simtest

import (
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/sweep"
)

// TestNobodyWaitsForTheBreakerButForTheDay: those for whom the breaker opened were cancelled; whoever waits for the next day
// would wait for ever if none of them could be the probe.
func TestNobodyWaitsForTheBreakerButForTheDay(t *testing.T) {
	missing := &message.Failure{Code: "permission.missing", Text: "Grant it."}
	member := func(op string) (breaker.Cause, error) {
		if op == "add members" || op == "add member" {
			return breaker.Denied, missing
		}
		return "", nil
	}
	for _, c := range []struct {
		name   string
		refuse func(string) (breaker.Cause, error)
		mended time.Duration // so long after the cancel
	}{
		{"denied", member, 0},
		{"denied for two days", member, 48 * time.Hour},
		{"outage", down, 0},
		{"outage for two days", down, 48 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) { unprobed(t, c.refuse, c.mended) })
	}
}

func unprobed(t *testing.T, refuse func(string) (breaker.Cause, error), mended time.Duration) {
	capped := fast
	capped.Cap = 50
	simulate(t, 1, capped, func(t *testing.T, w *world) {
		time.Sleep(12 * time.Hour)
		b := w.drop("big", 120)
		w.until(20*time.Minute, "the day is used up", func() bool { return w.tally(b).Waiting[ledger.WaitDay] == 70 && w.tally(b).Ended[ledger.Done] == 50 })
		w.dir.mu.Lock()
		for n := range 8 {
			w.dir.users[fmt.Sprintf("old-%d@partner.example", n)] = fmt.Sprint("u", n)
		}
		w.dir.mu.Unlock()
		c := w.drop("old", 8)
		w.until(time.Hour, "the guests are planned", func() bool { return w.tally(c).Guests == 8 })
		w.dir.meets(refuse)
		w.until(time.Hour, "the breaker opens", func() bool { return w.breaker().Open })
		if _, err := sweep.Cancel(t.Context(), w.ledger, c); err != nil {
			t.Fatal(err)
		}
		w.reported(c, time.Hour)
		time.Sleep(mended)
		w.dir.meets(works)
		w.reported(b, 4*24*time.Hour)
		if ended := w.tally(b).Ended; ended[ledger.Done] != 120 || w.dead() > 0 {
			t.Errorf("ended %v, %d dead letters", ended, w.dead())
		}
	})
}
