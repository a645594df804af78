package forecast

import (
	"math"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
)

const (
	// perWrite is how many assignments go in one write where guests get the same group: those of a big file.
	perWrite = 20
	// writesPerGuest is what an invited guest costs: the invitation, and a share of a write to a group.
	writesPerGuest = 1 + 1.0/perWrite
	// settle is what the last guest takes after the invitation: the directory must know the user before an assignment.
	settle = 30 * time.Second
	// regains is how long a rate stays the same after it was halved.
	regains = 10 * time.Second
)

// run goes through the time to come, one step of the ramp and one day at a time.
type run struct {
	at     time.Time
	tenant ledger.Tenant
	capped bool // whether a day's end had to be waited for
}

func newRun(t ledger.Tenant, now time.Time) *run { return &run{at: now, tenant: t} }

// invite lets so many new invitations go by.
func (r *run) invite(n int) {
	for n > 0 {
		left, capped := pace.DayLeft(r.tenant.Ramp, r.at)
		if capped && left == 0 {
			r.at, r.capped = midnight(r.at), true
			r.book(0)
			continue
		}
		some := min(n, r.step())
		if capped {
			some = min(some, left)
		}
		r.at = r.at.Add(seconds(float64(some) / r.rate()))
		r.book(some)
		r.tenant.Ramp.Succeeded += some
		n -= some
	}
}

// book counts invitations of the day of r.at.
func (r *run) book(n int) {
	ramp := &r.tenant.Ramp
	if day := midnight(r.at).Add(-24 * time.Hour); day.After(ramp.Day) {
		ramp.Day, ramp.Count, ramp.Earlier = day, 0, ramp.Succeeded
	}
	ramp.Count += n
}

// throttled reports whether a rate has not regained its limit at r.at.
func (r *run) throttled() bool {
	t := r.tenant
	invitations := t
	invitations.Ramp.Off = true
	perSecond, _ := pace.InviteRate(invitations, r.at)
	return perSecond < min(t.Writes.Limit, t.Invitations.Limit)
}

// step returns how many invitations go before the rate changes. Steps are 100 after the first 50, and of one rate
// each.
func (r *run) step() int {
	if r.throttled() {
		return max(1, int(r.rate()*regains.Seconds()))
	}
	if r.tenant.Ramp.Off {
		return math.MaxInt
	}
	rate, n := pace.RampRate(r.tenant.Ramp), 1
	for next := r.tenant.Ramp; n < 200; n++ {
		next.Succeeded = r.tenant.Ramp.Succeeded + n
		if pace.RampRate(next) != rate {
			break
		}
	}
	return n
}

// rate returns the invitations per second at r.at.
func (r *run) rate() float64 {
	perSecond, _ := pace.InviteRate(r.tenant, r.at)
	return min(perSecond, pace.WriteRate(r.tenant, r.at)/writesPerGuest)
}

// cause returns what takes the time, of what holds at the beginning.
func (r *run) cause(t ledger.Tenant, now time.Time) Cause {
	_, ramped := pace.InviteRate(t, now)
	switch {
	case r.capped:
		return Cap
	case ramped:
		return Ramp
	case pace.WriteRate(t, now) < t.Writes.Limit:
		return Throttled
	}
	return Limit
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
