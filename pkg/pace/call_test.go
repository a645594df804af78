package pace_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

func throttled(after time.Duration) error {
	return &pace.Throttled{After: after, Err: &message.Later{After: after, Why: "throttled"}}
}

// TestThrottlingClosesAndHalves follows a bucket through a 429: closed as long as it says, then at half the rate, which
// comes back by a twentieth of the limit each ten seconds.
func TestThrottlingClosesAndHalves(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		must(t, p.Write).Done(t.Context(), throttled(1000*time.Hour))
		near(t, "closed at most", time.Until(row(t, l).Writes.Next), 15*time.Minute)
		for said, closed := range map[time.Duration]time.Duration{15 * time.Second: 15 * time.Second, 0: 10 * time.Second, -time.Second: 10 * time.Second} {
			time.Sleep(time.Hour)
			start := time.Now()
			must(t, p.Write).Done(t.Context(), throttled(said))
			must(t, p.Write)
			near(t, "closed for", time.Since(start), closed)
			for after, share := range map[time.Duration]float64{0: 0.5, 9 * time.Second: 0.5, 10 * time.Second: 0.55, 55 * time.Second: 0.75, 2 * time.Minute: 1} {
				if got, want := pace.WriteRate(row(t, l), start.Add(after)), share*pace.Writes; got < want*0.999 || got > want*1.001 {
					t.Errorf("%s after the 429: %.2f writes/s, want %.2f", after, got, want)
				}
			}
		}
	})
}

// TestEarlierCallsTeachNothingNew answers five calls of one moment with 429: they met one limit, so one halving is due.
func TestEarlierCallsTeachNothingNew(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		var all []*pace.Call
		for range 5 {
			all = append(all, must(t, p.Write))
		}
		time.Sleep(time.Second)
		for _, c := range all {
			c.Done(t.Context(), throttled(2*time.Second))
			time.Sleep(100 * time.Millisecond)
		}
		if got := pace.WriteRate(row(t, l), time.Now()); got != pace.Writes/2 {
			t.Errorf("%.2f writes/s, want half of %.2f", got, pace.Writes)
		}
		must(t, p.Write).Done(t.Context(), throttled(2*time.Second))
		if got := pace.WriteRate(row(t, l), time.Now()); got != pace.Writes/4 {
			t.Errorf("%.2f writes/s after a later call's 429, want a quarter", got)
		}
	})
}

func TestRateNeverEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		for range 20 {
			must(t, p.Write).Done(t.Context(), throttled(time.Second))
		}
		if got := pace.WriteRate(row(t, l), time.Now()); got < pace.Writes/33 {
			t.Errorf("%.3f writes/s after twenty halvings", got)
		}
	})
}

// TestBookingsBeforeAHalvingAreMadeAnew has calls wait when the bucket closes, in the process that was throttled and in
// another one: they go when it opens, at the new rate.
func TestBookingsBeforeAHalvingAreMadeAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		one, other := pace.New(l, fast), pace.New(l, fast)
		struck := must(t, one.Write)
		set(t, l, func(r *ledger.Tenant) { r.Writes.Next = time.Now().Add(4 * time.Second) })
		went := &calls{}
		for _, p := range []*pace.Pacer{one, one, other, other} {
			go func() {
				must(t, p.Write)
				went.went()
			}()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		start := time.Now()
		struck.Done(t.Context(), throttled(12*time.Second))
		time.Sleep(time.Minute)
		synctest.Wait()
		at := went.sorted(start)
		if len(at) != 4 {
			t.Fatalf("%d calls went, want 4", len(at))
		}
		for n := range at {
			near(t, "call", at[n], 12*time.Second+seconds(n, pace.Writes/2)) // booked while the rate was half
		}
	})
}

// TestInvitationsAnswerClosesBoth holds because the answer need not say which limit was met.
func TestInvitationsAnswerClosesBoth(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		must(t, p.Invitation).Done(t.Context(), throttled(5*time.Second))
		r := row(t, l)
		if r.Writes.Rate != pace.Writes/2 || r.Invitations.Rate != pace.Invitations/2 || !r.Writes.Next.Equal(r.Invitations.Next) {
			t.Errorf("row %+v", r)
		}
		must(t, p.Write)
	})
}

func TestOtherErrorsTeachNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		c := must(t, p.Write)
		before := row(t, l)
		c.Done(t.Context(), errors.New("504"))
		c.Done(t.Context(), nil)
		if row(t, l) != before {
			t.Errorf("row %+v, want %+v", row(t, l), before)
		}
	})
}

func TestThrottledIsStillAVerdict(t *testing.T) {
	t.Parallel()
	later, ok := errors.AsType[*message.Later](throttled(7 * time.Second))
	if !ok || later.After != 7*time.Second {
		t.Errorf("%v", later)
	}
}
