package simtest

import (
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// TestOutageOfAnImportOfThreeGuests: too few for five in a row, but a fourth attempt of one that nobody contradicts counts.
func TestOutageOfAnImportOfThreeGuests(t *testing.T) {
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(down)
		id := w.drop("three", 3)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		time.Sleep(24 * time.Hour)
		w.dir.meets(works)
		w.reported(id, time.Hour)
		w.all(id, 3)
	})
}

// TestTenantBlockedAfterEleven: nobody else is tried, ever, until a person closes the breaker.
func TestTenantBlockedAfterEleven(t *testing.T) {
	block := &message.Failure{Code: "tenant.blocked", Text: "Only Microsoft support can lift this block."}
	simulate(t, 2, fast, func(t *testing.T, w *world) {
		w.dir.meets(func(op string) (breaker.Cause, error) {
			if op == "invite" && len(w.dir.users) >= 11 {
				return breaker.Blocked, block
			}
			return "", nil
		})
		id := w.drop("blocked", 300)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		time.Sleep(time.Minute)
		posts := w.dir.called("invite")
		if posts > 11+2*16 {
			t.Errorf("%d invitations were tried; only those under way when it opened may be", posts)
		}
		time.Sleep(48 * time.Hour)
		row := w.breaker()
		if n := w.dir.called("invite"); n != posts || w.dir.invited() != 11 || !row.Open || row.Code != block.Code || row.Probes != 0 {
			t.Errorf("two days later: %d invitations tried, %d made, breaker %+v", n, w.dir.invited(), row)
		}
		w.dir.meets(works)
		if _, err := breaker.New(w.ledger, breaker.DefaultWaits).Close(t.Context(), "case 4711: Microsoft lifted the block"); err != nil {
			t.Fatal(err)
		}
		w.reported(id, time.Hour)
		w.all(id, 300)
	})
}

// TestPermissionTakenAway: five refusals in a row open it; it is tried after 15, 30 and 60 minutes, and closes by itself.
func TestPermissionTakenAway(t *testing.T) {
	missing := &message.Failure{Code: "permission.missing", Text: "Grant it."}
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(func(op string) (breaker.Cause, error) {
			if op == "invite" {
				return breaker.Denied, missing
			}
			return "", nil
		})
		id := w.drop("denied", 100)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		time.Sleep(2 * time.Minute)
		before := w.dir.called("invite")
		time.Sleep(4 * time.Hour)
		if n := w.dir.called("invite") - before; n < 3 || n > 5 {
			t.Errorf("%d probes in four hours", n)
		}
		w.dir.meets(works)
		w.until(61*time.Minute, "the breaker closes", func() bool { return !w.breaker().Open })
		w.reported(id, time.Hour)
		w.all(id, 100)
	})
}

// TestDailyCapOfFifty: fifty new guests a day, each day from midnight UTC, the rest wait; who exists is not held back.
func TestDailyCapOfFifty(t *testing.T) {
	capped := fast
	capped.Cap = 50
	simulate(t, 2, capped, func(t *testing.T, w *world) {
		time.Sleep(20 * time.Hour)
		id := w.drop("capped", 170)
		w.until(10*time.Minute, "the day is used up", func() bool { return w.tally(id).Waiting[ledger.WaitDay] == 120 })
		if n := w.dir.invited(); n != 50 {
			t.Errorf("%d invited on the first day", n)
		}
		again := w.drop("capped-again", 1)
		time.Sleep(time.Minute)
		sent := len(w.bus.Sent())
		time.Sleep(3*time.Hour + 30*time.Minute)
		if n := len(w.bus.Sent()) - sent; n != 0 {
			t.Errorf("%d messages while everybody waits for the next day", n)
		}
		w.until(time.Hour, "the next day begins", func() bool { return w.dir.invited() > 50 })
		if now := time.Now().UTC(); now.Hour() != 0 || now.Minute() > 3 {
			t.Errorf("it went on at %s", now)
		}
		w.reported(id, 4*24*time.Hour)
		w.reported(again, time.Hour)
		w.all(id, 170)
		days := map[string]int{}
		for _, at := range w.dir.times {
			days[at.UTC().Format(time.DateOnly)]++
		}
		for day, n := range days {
			if n > 50 {
				t.Errorf("%d invited on %s", n, day)
			}
		}
	})
}

// TestSlowStart: ten a minute for the first fifty, then faster; what waits costs one look-up each and no more.
func TestSlowStart(t *testing.T) {
	simulate(t, 2, pace.Careful, func(t *testing.T, w *world) {
		id := w.drop("slow", 400)
		w.until(time.Hour, "fifty are invited", func() bool { return w.dir.invited() >= 50 })
		if took := w.dir.times[49].Sub(w.dir.times[0]); took < 4*time.Minute || took > 7*time.Minute {
			t.Errorf("the first fifty took %s, want about five minutes", took)
		}
		w.reported(id, 2*time.Hour)
		w.all(id, 400)
		if n := w.dir.called("find user"); n > 400*3 {
			t.Errorf("%d look-ups for 400 guests", n)
		}
		var fastest, n int
		for from := range w.dir.times { // the most within any minute of the first fifty
			if from >= 50 {
				break
			}
			for n = from; n < len(w.dir.times) && w.dir.times[n].Sub(w.dir.times[from]) < time.Minute; n++ {
			}
			if n <= 50 {
				fastest = max(fastest, n-from)
			}
		}
		if fastest > 12 {
			t.Errorf("%d of the first fifty within a minute", fastest)
		}
	})
}

// capped is a directory that takes so many invitations on the first day.
func (w *world) capped(n int) func(string) (breaker.Cause, error) {
	later := &message.Later{After: 15 * time.Minute, Why: "throttled by Microsoft Graph"}
	return func(op string) (breaker.Cause, error) {
		if op == "invite" && len(w.dir.users) >= n && time.Since(w.start) < 24*time.Hour {
			return breaker.Capped, later
		}
		return "", nil
	}
}

// TestMicrosoftTakesNoMoreToday: should there be a cap of Microsoft's own, only invitations wait, and are tried now and then.
func TestMicrosoftTakesNoMoreToday(t *testing.T) {
	simulate(t, 1, fast, func(t *testing.T, w *world) {
		w.dir.meets(w.capped(50))
		id := w.drop("capped", 120)
		w.until(10*time.Minute, "the breaker opens", func() bool { return w.breaker().Open })
		w.until(10*time.Minute, "who was invited gets access", func() bool { return w.tally(id).Ended[ledger.Done] == 50 })
		before := w.dir.called("invite")
		time.Sleep(12 * time.Hour)
		if n := w.dir.called("invite") - before; n < 10 || n > 16 {
			t.Errorf("%d probes in twelve hours", n)
		}
		w.reported(id, 14*time.Hour)
		w.all(id, 120)
	})
}
