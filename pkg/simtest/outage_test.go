package simtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// unburnt fails the test if a message was sent as a later attempt than the given one, or was delivered more often.
func (w *world) unburnt(attempts, deliveries int) {
	w.t.Helper()
	attempt, most := 0, 0
	for _, m := range w.bus.Sent() {
		attempt = max(attempt, m.Attempt)
	}
	for _, q := range message.Queues {
		most = max(most, w.bus.MostDeliveries(q))
	}
	if attempt > attempts || most > deliveries {
		w.t.Errorf("attempt %d and %d deliveries of one message, want %d and %d at most", attempt, most, attempts, deliveries)
	}
	w.t.Logf("highest attempt %d, most deliveries of a message %d", attempt, most)
}

// counted fails the test if an import's tally is not what a recount of its entries gives.
func (w *world) counted(id string) {
	w.t.Helper()
	var sum ledger.Tally
	for part := range ledger.Parts {
		for e, err := range w.ledger.ListEntries(w.t.Context(), id, part, "") {
			if err != nil {
				w.t.Fatal(err)
			}
			sum = sum.Plus(1, ledger.Count(&e))
		}
	}
	if got := w.tally(id); !equal(got, sum) {
		w.t.Errorf("tally %+v, a recount gives %+v", got, sum)
	}
}

// TestOutageGraphAnHour: thousands of guests, of whom nobody fails while Microsoft Graph is away for an hour, in each way that it
// may be away. It is called by one probe a minute, and when it is back the import goes on by itself.
func TestOutageGraphAnHour(t *testing.T) {
	for name, c := range map[string]struct {
		guests int
		away   time.Duration
	}{"refused": {5000, 0}, "silent": {800, 30 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			simulate(t, 2, fast, func(t *testing.T, w *world) {
				id := w.drop("outage", c.guests)
				w.until(10*time.Minute, "some are done", func() bool { return w.tally(id).Ended[ledger.Done] >= 200 })
				w.dir.slow(c.away)
				w.dir.meets(down)
				w.until(5*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
				time.Sleep(5 * time.Minute) // what was on its way has come to rest
				sent := len(w.bus.Sent())
				time.Sleep(54 * time.Minute)
				row := w.breaker()
				if !row.Open || breaker.Cause(row.Cause) != breaker.Outage || row.Probes < 45 || row.Probes > 62 {
					t.Errorf("breaker %+v, want it open with a probe a minute", row)
				}
				if n := len(w.bus.Sent()) - sent; n > 54*8 { // a probe is one message; plan's pauses are six a minute
					t.Errorf("%d messages in 54 minutes", n)
				}
				if w.moving(message.Invitations)+w.moving(message.Assignments) > 1 {
					t.Errorf("messages are on their way:\n%s", w.describe())
				}
				w.dir.slow(0)
				w.dir.meets(works)
				back := w.until(3*time.Minute, "the breaker closes", func() bool { return !w.breaker().Open })
				left := c.guests - w.tally(id).Ended[ledger.Done]
				took := w.reported(id, time.Hour)
				t.Logf("closed %s after the end; %d guests took %s then", back, left, took)
				if most := time.Duration(left)*120*time.Millisecond + 5*time.Minute; took > most { // about two writes a guest at 19.6 a second
					t.Errorf("%d guests took %s, want %s at most", left, took, most)
				}
				w.all(id, c.guests)
				w.counted(id)
				w.unburnt(5, 1)
			})
		})
	}
}

var errBusy = errors.New("server-busy: the namespace is being throttled. Error code : 50009")

// TestOutageServiceBusRefusesForAnHour: every send and dead letter is refused for an hour, while messages are delivered. The
// messages in work are held, the sweep sends nothing that it cannot send, and all ends well soon after.
func TestOutageServiceBusRefusesForAnHour(t *testing.T) {
	simulate(t, 2, fast, func(t *testing.T, w *world) {
		id := w.drop("busy", 1000)
		w.until(10*time.Minute, "some are done", func() bool { return w.tally(id).Ended[ledger.Done] >= 100 })
		w.bus.Refuse(errBusy)
		time.Sleep(time.Hour)
		w.bus.Refuse(nil)
		took := w.reported(id, 30*time.Minute)
		t.Logf("done %s after the end", took)
		if took > 12*time.Minute {
			t.Errorf("done %s after the end, want 12 minutes at most", took)
		}
		w.all(id, 1000)
		w.counted(id)
		w.unburnt(1, 10)
	})
}

// TestOutageServiceBusDownForAnHour: nothing is sent, delivered or settled, for longer than the sweep's patience: it takes what
// stands in the queues for lost, and cannot send it again. It must not wait for that another half an hour.
func TestOutageServiceBusDownForAnHour(t *testing.T) {
	for _, away := range []time.Duration{40 * time.Minute, time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			simulate(t, 2, fast, func(t *testing.T, w *world) {
				small, big := w.drop("small", 200), w.drop("big", 1000)
				w.until(10*time.Minute, "one is planned, the other is not", func() bool {
					i, err := w.ledger.Import(t.Context(), small)
					return err == nil && i.State == ledger.Running && w.tally(small).TargetsSent >= 50 && w.tally(big).InvitePlanned > 0
				})
				w.bus.Down(true)
				time.Sleep(away)
				w.bus.Down(false)
				took := w.reported(small, time.Hour) + w.reported(big, time.Hour)
				t.Logf("done %s after the end", took)
				if took > 5*time.Minute {
					t.Errorf("done %s after the end, want 5 minutes at most", took)
				}
				for id, n := range map[string]int{small: 200, big: 1000} {
					w.all(id, n)
					w.counted(id)
				}
				w.unburnt(1, 3)
			})
		})
	}
}

// TestOutageQueueFullForHours: each queue in turn takes nothing for three hours, as one does whose quota dead letters have
// used up. What would follow a step waits in the step's own queue.
func TestOutageQueueFullForHours(t *testing.T) {
	for _, queue := range []string{message.Uploads, message.Invitations, message.Assignments, message.Reports} {
		t.Run(queue, func(t *testing.T) {
			simulate(t, 1, fast, func(t *testing.T, w *world) {
				id := w.drop("full", 120)
				w.bus.Full(queue, true) // the event is in its queue already
				time.Sleep(3 * time.Hour)
				if i, err := w.ledger.Import(t.Context(), id); err != nil || !i.Open() {
					t.Errorf("reported although %s was full: %+v, %v", queue, i, err)
				}
				w.bus.Full(queue, false)
				took := w.reported(id, 40*time.Minute)
				t.Logf("done %s after the end", took)
				if took > 15*time.Minute {
					t.Errorf("done %s after the end, want 15 minutes at most", took)
				}
				w.all(id, 120)
				w.counted(id)
				w.unburnt(1, 20)
			})
		})
	}
}

func equal(a, b ledger.Tally) bool { return cmp.Equal(a, b, cmpopts.EquateEmpty()) }
