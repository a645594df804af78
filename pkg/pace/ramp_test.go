package pace_test

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// TestSlowStart invites as fast as the ramp allows: 10 a minute for the first 50, then twice as many for each 100 more.
func TestSlowStart(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p, start := pace.New(l, pace.Careful), time.Now()
		var at []time.Duration
		for range 360 {
			c := must(t, p.Invitation)
			at = append(at, time.Since(start))
			c.Done(t.Context(), nil)
		}
		near(t, "invitation 50", at[50], 300*time.Second)
		for n, interval := range map[int]time.Duration{20: 6 * time.Second, 60: 3 * time.Second, 160: 1500 * time.Millisecond,
			260: 750 * time.Millisecond, 358: 375 * time.Millisecond} {
			near(t, "interval", at[n]-at[n-1], interval)
		}
	})
}

// TestRampHoldsInvitationsOnly has one invitation wait for its step; the next one is told why it cannot, and assignments
// do not notice.
func TestRampHoldsInvitationsOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p, start := pace.New(l, pace.Careful), time.Now()
		must(t, p.Invitation)
		waits := make(chan error)
		go func() {
			_, err := p.Invitation(t.Context())
			waits <- err
		}()
		time.Sleep(time.Second)
		_, err := p.Invitation(t.Context())
		full, ok := errors.AsType[*pace.Full](err)
		if !ok || full.Reason != pace.Rate || full.WaitsFor() != "rate" || !full.Until.Equal(start.Add(12*time.Second)) {
			t.Errorf("%v, want Full until the next step", err)
		}
		if later, ok := errors.AsType[*message.Later](err); !ok || later.After != 11*time.Second {
			t.Errorf("%v, want a Later too", err)
		}
		for range 20 {
			must(t, p.Write)
		}
		if waited := time.Since(start); waited > 3*time.Second {
			t.Errorf("assignments took %s", waited)
		}
		if err := <-waits; err != nil || time.Since(start) != 6*time.Second {
			t.Errorf("%v after %s; want an invitation at its step", err, time.Since(start))
		}
	})
}

// TestCapOfTheDay uses up a day, and goes on at the next one. The cap falls on the day after enough have succeeded.
func TestCapOfTheDay(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations, Cap: 30, CapUntil: 50})
		invite := func(n int) {
			t.Helper()
			for range n {
				must(t, p.Invitation).Done(t.Context(), nil)
			}
		}
		for day := range 2 {
			invite(30)
			midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
			_, err := p.Invitation(t.Context())
			full, ok := errors.AsType[*pace.Full](err)
			if !ok || full.Reason != pace.Day || full.WaitsFor() != "day" || !full.Until.Equal(midnight) {
				t.Errorf("day %d: %v, want Full until %s", day, err, midnight)
			}
			must(t, p.Write)
			if left, capped := pace.DayLeft(row(t, l).Ramp, time.Now()); left != 0 || !capped {
				t.Errorf("day %d: %d left, capped %t", day, left, capped)
			}
			time.Sleep(time.Until(midnight))
		}
		invite(40)
		if left, capped := pace.DayLeft(row(t, l).Ramp, time.Now()); capped {
			t.Errorf("%d left; want no cap on the day after fifty have succeeded", left)
		}
	})
}

func TestCapOfAnOperatorStays(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		set(t, l, func(r *ledger.Tenant) { r.Ramp.Cap, r.Ramp.Succeeded, r.Ramp.Off = 3, 1_000_000, true })
		for range 3 {
			must(t, p.Invitation)
		}
		_, err := p.Invitation(t.Context())
		if full, ok := errors.AsType[*pace.Full](err); !ok || full.Reason != pace.Day {
			t.Errorf("%v, want Full", err)
		}
	})
}

// TestRefusalOfTheTenantBeginsAnew counts only what has worked since.
func TestRefusalOfTheTenantBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, pace.Careful)
		set(t, l, func(r *ledger.Tenant) {
			r.Ramp = ledger.Ramp{Succeeded: 5000, Earlier: 5000, Cap: 2000, CapUntil: 2000}
		})
		if r, ramped := pace.InviteRate(row(t, l), time.Now()); ramped || r != pace.Writes {
			t.Errorf("%.2f invitations/s, ramped %t; want the rate of the writes", r, ramped)
		}
		must(t, p.Invitation).Done(t.Context(), nil)
		if err := p.Refused(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := row(t, l)
		if perSecond, ramped := pace.InviteRate(r, time.Now()); !ramped || perSecond*60 != 10 {
			t.Errorf("%.2f invitations/s, ramped %t; want 10 a minute", perSecond, ramped)
		}
		if left, capped := pace.DayLeft(r.Ramp, time.Now()); !capped || left != 1999 {
			t.Errorf("%d left, capped %t; want the cap back, and the day's count kept", left, capped)
		}
	})
}

// TestSettingsFillNewRowsOnly leaves the row that an operator may have changed as it is.
func TestSettingsFillNewRowsOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		must(t, pace.New(l, pace.Careful).Invitation)
		must(t, pace.New(l, fast).Write)
		if r := row(t, l); r.Ramp.Off || r.Ramp.Cap != 2000 {
			t.Errorf("row %+v", r)
		}
		if r := fast.Fill(ledger.Tenant{}); !r.Ramp.Off || r.Ramp.Cap != 0 || r.Writes.Limit != pace.Writes {
			t.Errorf("row %+v", r)
		}
	})
}
