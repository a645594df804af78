package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/status"
)

// calm leaves nothing to chance: what fails is what the test makes fail.
func calm(o *options) { o.faults, o.limits = "off", "off" }

// until waits until ok; the test's own deadline ends it.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("%s: %v", what, w.ctx.Err())
		case <-tick.C:
		}
	}
}

// sweeps counts the sweeps that have ended, by the handler's log.
func (w *world) sweeps() int {
	w.t.Helper()
	log, err := os.ReadFile(strings.TrimSuffix(w.env, ".env") + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte(`"invocation ended"`)) && bytes.Contains(line, []byte("sweepledger")) {
			n++
		}
	}
	return n
}

func (w *world) row() ledger.Breaker {
	w.t.Helper()
	row, err := w.services.Ledger.Breaker(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) find(d *drop) status.Import {
	w.t.Helper()
	i, err := status.Find(w.ctx, w.services.Ledger, d.importID)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// done waits for the results, and fails the test unless every guest is done and no dead letter is left.
func (w *world) done(d *drop, guests int) {
	w.t.Helper()
	i := w.wait(d)[0]
	if i.Ended[ledger.Done] != guests {
		w.t.Errorf("outcomes: %s, want %d done", outcomesOf(i), guests)
	}
	w.oracle(0, i)
}

func (w *world) fault(f entra.Fault) {
	w.t.Helper()
	if err := w.entra.SetFault(f); err != nil {
		w.t.Fatal(err)
	}
}

// TestTenantThatIsBlocked after eleven invitations: nobody fails, nobody else is tried, until a person closes the breaker.
func TestTenantThatIsBlocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, calm)
	if err := w.entra.SetTenant(strings.NewReader(`{"blockAfter": 11}`)); err != nil {
		t.Fatal(err)
	}
	d := w.put(w.file("forty.csv", guests(40)), "forty.csv")
	w.progress(d, 5)
	w.until("nobody is on the way any more", func() bool {
		tally, err := w.services.Ledger.Tally(w.ctx, d.importID)
		if err != nil {
			t.Fatal(err)
		}
		return w.row().Open && tally.InviteSent+tally.TargetsSent == 0 && tally.Waiting[ledger.WaitBreaker] > 0
	})
	before := w.entra.Stats()
	row := w.row()
	if row.Cause != string(breaker.Blocked) || row.Code != "tenant.blocked" || !row.NextProbe.IsZero() || before.UsersCreated != 11 {
		t.Errorf("%d users; breaker %+v", before.UsersCreated, row)
	}
	i := w.find(d)
	if i.Expected == nil || i.Expected.Cause != "breaker" {
		t.Errorf("expected end %+v", i.Expected)
	}
	for _, q := range w.bus.Stats() {
		if q.DeadLettered > 0 {
			t.Errorf("queue %s has %d dead letters", q.Name, q.DeadLettered)
		}
	}
	sweeps := w.sweeps()
	w.until("two more sweeps", func() bool { return w.sweeps() >= sweeps+2 })
	if after := w.entra.Stats(); after.Invitations != before.Invitations {
		t.Errorf("%d invitations tried while the tenant was blocked", after.Invitations-before.Invitations)
	}
	if err := w.entra.SetInvitations("open"); err != nil {
		t.Fatal(err)
	}
	if was, err := breaker.New(w.services.Ledger, breaker.DefaultWaits).Close(w.ctx, "case 4711: the block is lifted"); err != nil || !was {
		t.Fatalf("%t, %v", was, err)
	}
	w.done(d, 40)
}

// TestDirectoryThatIsAway for a while, between guests and in the midst of them: the breaker opens, and closes by itself.
func TestDirectoryThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.faults, o.limitWindow = "off", 15*time.Second })
	d := w.put(w.file("hundred.csv", guests(100)), "hundred.csv") // at the pace of the writes not all can be done when the fault comes
	w.progress(d, 10)
	w.fault(entra.Fault{Operation: "*", Reset: true, Rate: 1})
	w.until("the breaker opens", func() bool { return w.row().Open })
	w.until("it was probed in vain", func() bool { return w.row().Probes >= 2 })
	if row := w.row(); row.Cause != string(breaker.Outage) {
		t.Errorf("breaker %+v", row)
	}
	w.control("DELETE", "/faults")
	w.until("it closes by itself", func() bool { return !w.row().Open })
	w.done(d, 100)
	if row := w.row(); row.Reason != "" {
		t.Errorf("closed by %q", row.Reason)
	}
}

// TestTokenThatIsExpired is replaced once, and nobody notices.
func TestTokenThatIsExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, calm)
	w.fault(entra.Fault{Operation: "invite", Refusal: "token-expired", Count: 3})
	d := w.put(w.file("ten.csv", guests(10)), "ten.csv")
	w.done(d, 10)
	if row := w.row(); !row.Opened.IsZero() {
		t.Errorf("the breaker opened: %+v", row)
	}
}

// TestCapOfTheDay: fifty are invited, ten wait for the next day, and go on when an operator raises the cap.
func TestCapOfTheDay(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	if left := time.Until(time.Now().Truncate(day).Add(day)); left < 5*time.Minute { // in UTC; the ten would not wait for long
		<-time.After(left + 2*time.Second)
	}
	w := newWorld(t, calm)
	first := w.put(w.file("one.csv", guests(1)), "one.csv") // the tenant's row is made with the first invitation
	w.done(first, 1)
	set := func(n int) {
		t.Helper()
		_, err := w.services.Ledger.UpdateTenant(w.ctx, func(row *ledger.Tenant, _ time.Time) error {
			row.Ramp.Cap, row.Ramp.CapUntil = n, 0
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(50)
	d := w.put(w.file("sixty.csv", guests(60)), "sixty.csv")
	w.until("ten wait for the next day", func() bool {
		i, err := status.Find(w.ctx, w.services.Ledger, d.importID)
		return err == nil && i.Waiting[ledger.WaitDay] == 10 && i.Open == 10
	})
	if i := w.find(d); i.Expected == nil || i.Expected.Cause != "cap" || !strings.Contains(i.Expected.Why, "50 new invitations a day") {
		t.Errorf("expected end %+v", i.Expected)
	}
	if n := w.entra.Stats().UsersCreated; n != 50 {
		t.Errorf("%d users", n)
	}
	w.drained(0)
	set(0)
	i := w.wait(d)[0]
	if n := i.Ended[ledger.Done] + i.Ended[ledger.Already]; n != 60 {
		t.Errorf("outcomes: %s", outcomesOf(i))
	}
	w.oracle(0, i)
}

// TestSmallFileOvertakesABigOne, by the limits that Microsoft documents.
func TestSmallFileOvertakesABigOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.faults, o.limitWindow = "off", 15*time.Second })
	big := w.put(w.file("big.csv", guests(600)), "big.csv")
	w.progress(big, 40)
	small := w.put(w.file("small.csv", strings.ReplaceAll(guests(10), "guest0", "small0")), "small.csv")
	i := w.wait(small)[0]
	all := w.wait(big)[0]
	if first := all.Finished.Sub(i.Finished); first < 10*time.Second || i.Ended[ledger.Done] != 10 {
		t.Errorf("small: %s, %s before the big file", outcomesOf(i), first)
	}
	t.Logf("the small file took %s, the big one %s", i.Finished.Sub(i.Received), all.Finished.Sub(all.Received))
	w.oracle(0, i, all)
}
