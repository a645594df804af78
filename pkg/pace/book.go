package pace

import (
	"fmt"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

const (
	// assignAhead and inviteAhead are how far ahead of its time a call may be booked. The difference is the priority of
	// assignments: while they keep the bucket busy for more than inviteAhead, no invitation is booked.
	assignAhead, inviteAhead = 20 * time.Second, 2 * time.Second
	// longestStep bounds the wait for a slow bucket's next calls, of which two may wait, so that no step of it is lost and
	// doubling its rate makes nobody come too early.
	longestStep = 10 * time.Second
	// portion is how much time's worth of calls one booking takes at most, so that no process takes all.
	portion = 2 * time.Second
)

// What an invitation waits for that is [Full].
const (
	Rate = "rate" // the ramp: the next step of the slow start
	Day  = "day"  // the cap: the next day
)

// Full says that no invitation may be booked now for the tenant's own good: the ramp or the day's cap is what limits it. It
// is a [message.Later] too, for callers that know nothing better.
type Full struct {
	Reason string        // Rate or Day
	Until  time.Time     // when the next one may be booked, by the ledger's clock
	After  time.Duration // from now to Until
}

// Error says what is waited for.
func (f *Full) Error() string {
	if f.Reason == Day {
		return fmt.Sprintf("the day's new invitations are used up until %s", f.Until.Format(time.RFC3339))
	}
	return fmt.Sprintf("new invitations begin slowly; the next may go at %s", f.Until.Format(time.RFC3339))
}

// WaitsFor returns Reason: the step waits in the ledger until it has ended.
func (f *Full) WaitsFor() string { return f.Reason }

// Unwrap returns the same as a Later.
func (f *Full) Unwrap() error {
	return &message.Later{After: max(f.After, time.Second), Why: f.Error()}
}

// later is the verdict on a call that would have to wait too long in the process.
func later(wait time.Duration, what string) error {
	return &message.Later{After: max(wait, time.Second), Why: fmt.Sprintf("%s wait for their turn at Microsoft Graph", what)}
}

// far is the verdict on an invitation that may not be booked yet, because the calls before it reach too far ahead.
type far struct {
	in time.Duration // when it may be
	error
}

// Unwrap returns the verdict.
func (f *far) Unwrap() error { return f.error }

// bookWrite books one directory write that is no invitation, and returns its time. It is not booked, and the error is a
// verdict, if its time would be too far ahead or after latest.
func bookWrite(t *ledger.Tenant, now, latest time.Time) (time.Time, error) {
	at := next(t.Writes, now)
	if wait := at.Sub(now); wait > assignAhead || at.After(latest) {
		return at, later(wait-assignAhead/2, "assignments")
	}
	advance(&t.Writes, now)
	return at, nil
}

// bookInvitation books one invitation in both buckets, likewise.
func bookInvitation(t *ledger.Tenant, now, latest time.Time) (time.Time, error) {
	ramp := today(t.Ramp, now)
	if left, is := DayLeft(ramp, now); is && left == 0 {
		return time.Time{}, full(Day, ramp.Day.Add(24*time.Hour), now)
	}
	perSecond, ramped := InviteRate(*t, now)
	write, invitation := next(t.Writes, now), next(t.Invitations, now)
	ahead := max(inviteAhead, min(longestStep, 2*interval(perSecond)))
	switch {
	case invitation.Sub(now) > ahead && ramped:
		return invitation, full(Rate, invitation, now)
	case invitation.After(latest) || write.After(latest):
		return write, later(time.Second, "invitations")
	case invitation.Sub(now) > ahead || write.Sub(now) > inviteAhead:
		in := max(invitation.Sub(now)-ahead, write.Sub(now)-inviteAhead)
		return write, &far{in, later(in, "invitations")}
	}
	ramp.Count++
	t.Ramp = ramp
	advance(&t.Writes, now)
	t.Invitations.Next = invitation.Add(interval(min(rate(t.Invitations, now), RampRate(ramp))))
	if invitation.After(write) {
		return invitation, nil
	}
	return write, nil
}

func full(reason string, until, now time.Time) error {
	return &Full{Reason: reason, Until: until, After: until.Sub(now)}
}

// next returns when the next call of a bucket may go.
func next(b ledger.Bucket, now time.Time) time.Time {
	if b.Next.After(now) {
		return b.Next
	}
	return now
}

func advance(b *ledger.Bucket, now time.Time) { b.Next = next(*b, now).Add(interval(rate(*b, now))) }

func interval(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}
