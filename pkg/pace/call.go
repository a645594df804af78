package pace

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"guestlist/pkg/ledger"
)

const (
	// closedFor is how long a bucket is closed after a 429 that does not say: the longest of Microsoft's short windows.
	closedFor = 10 * time.Second
	// longestClosed is the longest that a 429 is believed: six of the longest documented windows.
	longestClosed = 15 * time.Minute
)

// Call is a call whose time has come. Tell it how the call went.
type Call struct {
	pacer      *Pacer
	invitation bool
	booked     time.Time
}

// Throttled is the error of a call that Microsoft Graph answered with "too many requests". It wraps the verdict on the
// message.
type Throttled struct {
	After time.Duration // as the answer says; 0 if it does not
	Err   error
}

// Error returns the verdict's text.
func (t *Throttled) Error() string { return t.Err.Error() }

// Unwrap returns the verdict.
func (t *Throttled) Unwrap() error { return t.Err }

// Done tells how the call went. A success of an invitation counts for the ramp. [Throttled] closes the bucket for as long as
// the answer says, 10 s if it does not and 15 min at most, and halves its rate, which regains 5 % of its limit each 10 s; an invitation's does
// so for both buckets, since the answer need not say which. A call that was booked before the last halving teaches nothing
// new. Any other error says nothing about the pace.
func (c *Call) Done(ctx context.Context, err error) {
	if err == nil && c.invitation {
		c.pacer.mu.Lock()
		defer c.pacer.mu.Unlock()
		c.pacer.succeeded++
		return
	}
	if t, ok := errors.AsType[*Throttled](err); ok {
		c.throttled(ctx, t.After)
	}
}

func (c *Call) throttled(ctx context.Context, after time.Duration) {
	if after <= 0 {
		after = closedFor
	}
	after = min(after, longestClosed)
	news := false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	t, err := c.pacer.ledger.UpdateTenant(ctx, func(t *ledger.Tenant, now time.Time) error {
		*t = c.pacer.settings.Fill(*t)
		news = c.teach(&t.Writes, now, after)
		if c.invitation {
			news = c.teach(&t.Invitations, now, after) || news
		}
		if !news {
			return ledger.ErrUnchanged
		}
		return nil
	})
	if err != nil { // the next 429 teaches the same
		slog.WarnContext(ctx, "the pace could not be lowered", slog.String("error", err.Error()))
		return
	}
	if news {
		slog.WarnContext(ctx, "Microsoft Graph asks to slow down", slog.Duration("closed_for", after),
			slog.Float64("writes_per_second", t.Writes.Rate))
	}
	c.pacer.learn(t)
}

// teach halves a bucket's rate unless the call was booked before the last halving, and reports whether it did.
func (c *Call) teach(b *ledger.Bucket, now time.Time, closed time.Duration) bool {
	if c.booked.Before(b.Halved) {
		return false
	}
	halve(b, now, closed)
	return true
}

// Refused notes that the tenant refused to invite: the ramp and the count towards the end of the cap begin anew.
func (p *Pacer) Refused(ctx context.Context) error {
	p.mu.Lock()
	p.succeeded = 0
	p.mu.Unlock()
	_, err := p.ledger.UpdateTenant(ctx, func(t *ledger.Tenant, _ time.Time) error {
		*t = p.settings.Fill(*t)
		if t.Ramp.Succeeded == 0 && t.Ramp.Earlier == 0 {
			return ledger.ErrUnchanged
		}
		t.Ramp.Succeeded, t.Ramp.Earlier = 0, 0
		return nil
	})
	return err
}
