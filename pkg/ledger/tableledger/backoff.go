package tableledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// firstWait is the longest wait before the second try of a write; it doubles up to longestWait. A transaction takes
	// about ten milliseconds, and of several writers one always gets through.
	firstWait, longestWait = 10 * time.Millisecond, 500 * time.Millisecond
	// busyTries is how often a transaction that a busy service refused is sent in all.
	busyTries = 4
)

// backoff spaces the tries of a write that others get in the way of.
type backoff struct {
	wait time.Duration
	busy int
}

func newBackoff() *backoff { return &backoff{wait: firstWait} }

// after waits before the next try if err is one that trying again can mend, and returns the error otherwise. A lost race
// is always tried again: each means that somebody else got through.
func (b *backoff) after(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errLost):
	case errors.Is(err, errBusy) && b.busy < busyTries-1:
		b.busy++
	default:
		return err
	}
	timer := time.NewTimer(rand.N(b.wait) + time.Millisecond)
	defer timer.Stop()
	b.wait = min(2*b.wait, longestWait)
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
