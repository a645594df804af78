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

// Release is Keep that gives the lease back, even when the message's time is over.
func Release(ctx context.Context, l Guests, g *Guest) error {
	g.Holder, g.Until = "", time.Time{}
	return Keep(context.WithoutCancel(ctx), l, g)
}
