// Package pace keeps calls to Microsoft Graph below its limits, for all processes together: a call that counts is booked in
// the tenant's row of the ledger and waits for its time. Start with [Pacer]; [Settings] says how fast, [WriteRate] and
// [InviteRate] what a row allows at present.
//
// The limits (Microsoft's page throttling-limits of 2026-02-06): 3,000 directory writes in 150 s for an application in a
// tenant, and 150 invitations in 5 s for a tenant, by whomever. Whether an invitation counts as a directory write is not
// documented; here it does. A bucket of the row is a generic cell rate algorithm: it holds the time at which it is free
// again, so nothing is lost while a process starts, dies or has nothing to do, and nothing is saved up for a burst.
//
// New invitations are held back more than the limits ask: tenants were blocked for "suspicious activity" after eleven fast
// ones, and the real thresholds are unknown. See [Settings].
//
// It leaves out what a refusal means for a message; a 429 only teaches the row ([Call.Done]).
package pace

import (
	"math"
	"time"

	"guestlist/pkg/ledger"
)

const (
	// share is the part of a documented limit that is used. The rest is for calls that are a little late, by which a
	// window meets more of them than were booked for it: 2 % of 150 s are three seconds.
	share = 0.98
	// Writes and Invitations are the rates that are kept where nothing else is set, in calls per second.
	Writes      = share * 3000 / 150
	Invitations = share * 150 / 5
	// Unlimited stands for no limit, in calls per second: far above what a process does.
	Unlimited = 1000.0

	// A halved rate regains regain of its limit each regainEvery: all of it in 100 s, within one window of the limits.
	regain, regainEvery = 0.05, 10 * time.Second
	// lowest is the part of its limit that a rate keeps however often it is halved: a call each 1.6 s.
	lowest = 1.0 / 32
)

// The ramp of new invitations: rampFirst a second until rampAfter have succeeded, then twice as many for each rampStep more.
const (
	rampFirst           = 10.0 / 60
	rampAfter, rampStep = 50, 100
	// proven is how many invitations must have succeeded before the default cap falls, and the cap itself.
	proven = 2000
)

// Settings is how fast a tenant is worked on where no operator has said otherwise.
type Settings struct {
	Writes      float64 // directory writes per second
	Invitations float64 // invitations per second, at most
	Ramp        bool    // begin slowly: 10 a minute for the first 50 new invitations, twice as many per 100 that succeed
	Cap         int     // invitations a day; 0 means no cap
	CapUntil    int     // the cap falls on the day after so many have succeeded; 0 means never
}

// Careful are the settings of production: the documented limits, the ramp, and 2,000 new invitations a day until 2,000
// have succeeded without a refusal of the tenant.
var Careful = Settings{Writes: Writes, Invitations: Invitations, Ramp: true, Cap: proven, CapUntil: proven}

// Fill returns a row that nobody has written yet with these settings, and any other as it is: rates and cap are the row's,
// so that changing them needs no restart.
func (s Settings) Fill(t ledger.Tenant) ledger.Tenant {
	if t.Writes.Limit > 0 && t.Invitations.Limit > 0 {
		return t
	}
	t.Writes.Limit, t.Invitations.Limit = s.Writes, s.Invitations
	t.Ramp.Off, t.Ramp.Cap, t.Ramp.CapUntil = !s.Ramp, s.Cap, s.CapUntil
	return t
}

// WriteRate returns how many directory writes a second the row allows at a time.
func WriteRate(t ledger.Tenant, now time.Time) float64 { return rate(t.Writes, now) }

// InviteRate returns how many new invitations a second the row allows at a time, and whether the ramp is what limits
// them. It does not look at the day's count; see [DayLeft].
func InviteRate(t ledger.Tenant, now time.Time) (perSecond float64, ramped bool) {
	r, ramp := min(rate(t.Invitations, now), rate(t.Writes, now)), RampRate(t.Ramp)
	if ramp < r {
		return ramp, true
	}
	return r, false
}

// RampRate returns how many invitations a second the ramp allows by what has succeeded.
func RampRate(r ledger.Ramp) float64 {
	if r.Off {
		return math.Inf(1)
	}
	if r.Succeeded < rampAfter {
		return rampFirst
	}
	return rampFirst * math.Pow(2, float64(1+(r.Succeeded-rampAfter)/rampStep))
}

// DayLeft returns how many new invitations the cap leaves for the day of now, and whether there is a cap.
func DayLeft(r ledger.Ramp, now time.Time) (int, bool) {
	r = today(r, now)
	if !capped(r) {
		return 0, false
	}
	return max(0, r.Cap-r.Count), true
}

func capped(r ledger.Ramp) bool {
	return r.Cap > 0 && (r.CapUntil == 0 || r.Earlier < r.CapUntil)
}

// today begins a new day if one has begun.
func today(r ledger.Ramp, now time.Time) ledger.Ramp {
	if day := midnight(now); day.After(r.Day) {
		r.Day, r.Count, r.Earlier = day, 0, r.Succeeded
	}
	return r
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// rate returns the calls per second of a bucket: its limit, or what it has regained since the last halving.
func rate(b ledger.Bucket, now time.Time) float64 {
	if b.Halved.IsZero() {
		return b.Limit
	}
	steps := max(0, now.Sub(b.Halved)/regainEvery)
	return min(b.Limit, b.Rate+regain*b.Limit*float64(steps))
}

// halve halves the rate of a bucket that is closed for a while.
func halve(b *ledger.Bucket, now time.Time, closed time.Duration) {
	b.Rate = max(rate(*b, now)/2, lowest*b.Limit)
	b.Halved, b.Next = now, now.Add(closed)
}
