package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guestlist/pkg/message"
)

// Holding is the part of a [Store] that a step needs to work under a lease on a guest.
type Holding interface {
	Guests
	Now(ctx context.Context) (time.Time, error)
}

// Term divides a lease of so long: an act under it (an invitation, a mail, a new redeem link) begins in its first half only
// and ends within the next 3/8, so that the last eighth is left to write down how it went. With 120 s that is 60 s and 45 s.
type Term time.Duration

// Act is how long an act may take.
func (t Term) Act() time.Duration { return time.Duration(t) * 3 / 8 }

// Limit returns a context that ends when the last act has to: at 7/8 of the lease, by this process's clock. Call it before
// the row is claimed, so that a slow claim makes it shorter.
func (t Term) Limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration(t)*7/8)
}

// Enough returns the ledger's time if an act may begin under the lease on g, and else the verdict: less than half of the
// lease is left.
func (t Term) Enough(ctx context.Context, l Holding, g Guest) (time.Time, error) {
	now, err := l.Now(ctx)
	if err != nil {
		return now, Unreachable(err)
	}
	if g.Until.Sub(now) < time.Duration(t)/2 {
		return now, &message.Later{After: time.Second, Why: "too little of the guest's lease was left to act"}
	}
	return now, nil
}

// Begin returns the context of an act that somebody was told of at start, by this process's clock: it ends when the act has
// to. It is the last look before the act. If the act's time is over by then, this process was stopped in between, others
// may have taken the guest over, and the verdict is that nothing was done. It looks at both of the process's clocks: the
// monotonic one stands still while a virtual machine does.
func (t Term) Begin(ctx context.Context, start time.Time) (context.Context, context.CancelFunc, error) {
	now := time.Now()
	if now.Sub(start) >= t.Act() || now.Round(0).Sub(start.Round(0)) >= t.Act() || ctx.Err() != nil {
		return ctx, nil, &message.Later{After: time.Second, Why: "this process stood still before it could act"}
	}
	limited, cancel := context.WithDeadline(ctx, start.Add(t.Act()))
	return limited, cancel, nil
}

// Hold claims a guest as a step does: all errors are verdicts. Another message's lease is waited for with a Later. Most are
// given back within a second, so the first waits are short; they double, by how often the message has waited before, up to
// the end of the lease, which a worker that died leaves behind.
func Hold(ctx context.Context, l Holding, key, holder string, d time.Duration, before int) (Guest, error) {
	g, err := l.Claim(ctx, key, holder, d)
	held, isHeld := errors.AsType[*HeldError](err)
	switch {
	case err == nil:
		return g, nil
	case !isHeld:
		return g, Unreachable(err)
	}
	now, err := l.Now(ctx)
	if err != nil {
		return g, Unreachable(err)
	}
	wait := min(held.Until.Sub(now), time.Second<<min(before, 10))
	return g, &message.Later{After: max(wait, time.Second), Why: "another message is working on this guest"}
}

// Keep writes a guest's row under the lease; its errors are verdicts. A conflict means that the lease was lost: whoever has
// it knows better.
func Keep(ctx context.Context, l Guests, g *Guest) error {
	saved, err := l.SaveGuest(ctx, *g)
	if errors.Is(err, ErrConflict) {
		return &message.Later{After: 2 * time.Second, Why: "the guest's lease was lost to another message"}
	}
	if err != nil {
		return Unreachable(fmt.Errorf("save the guest's row: %w", err))
	}
	*g = saved
	return nil
}

// ReleaseTime limits Release, which may begin when the message's time is over.
const ReleaseTime = 15 * time.Second

// Release is Keep that gives the lease back, even when the message's time is over.
func Release(ctx context.Context, l Guests, g *Guest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ReleaseTime)
	defer cancel()
	g.Holder, g.Until = "", time.Time{}
	return Keep(ctx, l, g)
}

// EraseLink erases a guest's redeem link when no mail with it will be sent: a replay asks for a new one. Its errors are
// verdicts; whoever works on the guest is waited for, since a write would make him lose his lease, and since he may be about
// to write down a new link.
func EraseLink(ctx context.Context, l Holding, key, holder string, d time.Duration) error {
	g, err := l.Guest(ctx, key)
	if errors.Is(err, ErrNotFound) || err == nil && g.RedeemURL == "" && g.Holder == "" {
		return nil
	}
	if err != nil {
		return Unreachable(err)
	}
	if g, err = Hold(ctx, l, key, holder, d, 0); err != nil {
		return err
	}
	g.RedeemURL = ""
	return Release(ctx, l, &g)
}
