package tableledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// firstWait is the longest wait before the second try of a write; it doubles up to longestWait. A transaction takes
	// about ten milliseconds, and of several writers one always gets through.
	firstWait, longestWait = 10 * time.Millisecond, 500 * time.Millisecond
	// busyTries is how often a transaction that a busy service refused is sent in all.
	busyTries = 4
	// giveUp is for how long a write is tried that others, or a fault, always overtake. A message comes back, so waiting
	// longer would only hold its lock.
	giveUp = 10 * time.Second
)

// backoff spaces the tries of a write that others get in the way of.
type backoff struct {
	wait  time.Duration
	busy  int
	since time.Time
}

func newBackoff() *backoff { return &backoff{wait: firstWait, since: time.Now()} }

// after waits before the next try if err is one that trying again can mend, and returns the error otherwise. A lost race
// is tried again until giveUp: each means that somebody else got through, or that a write is overtaken by itself.
func (b *backoff) after(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errLost) && time.Since(b.since) < giveUp:
	case errors.Is(err, errLost):
		return fmt.Errorf("the table cannot be written: %w at each try for %s", err, giveUp)
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
