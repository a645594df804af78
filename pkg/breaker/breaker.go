// Package breaker is the tenant's circuit breaker: it stops all work while Microsoft Graph refuses or cannot be reached,
// finds out by a single guest now and then whether it works again, and lets nobody fail for what is not his fault.
//
// The breaker is one row of the ledger. A process looks at its copy of the row, at most five seconds old, before it works on
// a message ([Guard.Do]), and writes to the row when a call failed with a cause that may be everybody's ([Trouble]), or when
// one worked while the copy shows failures ([Breaker.Answered]). While the breaker is open, steps wait in the ledger without
// a message, and cost nothing; only the message that the row names passes, the probe. pkg/sweep sends probes, by
// [Breaker.Probe], and what waited, once the breaker is closed.
package breaker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Cause says why the breaker may open.
type Cause string

// The causes. All but Outage are about what Microsoft Graph answered.
const (
	Outage  Cause = "outage"  // 5xx, time-out, no connection: probed every minute
	Denied  Cause = "denied"  // 401 or 403 about Guestlist's identity: probed every 15 to 60 min
	Refused Cause = "refused" // the tenant takes no guests: opens at once; probed every 15 to 60 min
	Blocked Cause = "blocked" // Microsoft's block for suspicious activity: opens at once; a person closes it
	Capped  Cause = "capped"  // no more invitations for long, as at the end of a day's; only they wait; probed every 15 to 60 min
)

const (
	// streak is how many different guests in a row have to fail with one operation before the breaker opens.
	streak = 5
	// tries is how often one guest has to meet an outage in a row, with nobody answered in between: the attempts of one
	// message then have been spread over half a minute or so.
	tries = 4
	// fresh is how old a process's copy of the row may be.
	fresh = 5 * time.Second
)

// Ledger is the part of the ledger that the breaker uses.
type Ledger interface {
	ledger.Breakers
	Now(ctx context.Context) (time.Time, error)
	Entry(ctx context.Context, importID, guest string) (ledger.Entry, error)
	UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error)
}

// Breaker is one process's view of the breaker. It may be used by many goroutines.
type Breaker struct {
	ledger Ledger
	waits  Waits

	mu     sync.Mutex
	row    ledger.Breaker
	read   time.Time
	probes map[*met]struct{} // under way in this process
}

// Waits says when an open breaker is probed.
type Waits struct {
	Outage time.Duration // after an outage: a minute
	// Refusal is the first wait after any other cause, 15 min; it doubles with each probe up to Longest, an hour: what a
	// person changes in a tenant takes 15 to 60 min to work.
	Refusal, Longest time.Duration
}

// DefaultWaits are those of production.
var DefaultWaits = Waits{Outage: time.Minute, Refusal: 15 * time.Minute, Longest: time.Hour}

// New returns a view of the breaker in l.
func New(l Ledger, w Waits) *Breaker {
	return &Breaker{ledger: l, waits: w, probes: map[*met]struct{}{}}
}

// met is what one probe met on its way.
type met struct {
	answered   bool
	operations []string
}

// Open returns the row of an open breaker, at most five seconds old, or false if it is closed.
func (b *Breaker) Open(ctx context.Context) (ledger.Breaker, bool, error) {
	row, err := b.look(ctx, fresh)
	return row, row.Open, err
}

// look returns a copy of the row that is at most so old.
func (b *Breaker) look(ctx context.Context, old time.Duration) (ledger.Breaker, error) {
	b.mu.Lock()
	row, read := b.row, b.read
	b.mu.Unlock()
	if !read.IsZero() && time.Since(read) < old {
		return row, nil
	}
	start := time.Now()
	row, err := b.ledger.Breaker(ctx)
	if err != nil {
		return row, err
	}
	b.keep(row, start)
	return row, nil
}

// keep takes a row for the process's copy unless a later one is there: a read counts from its beginning, a write from its end.
func (b *Breaker) keep(row ledger.Breaker, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !at.Before(b.read) {
		b.row, b.read = row, at
	}
}

func (b *Breaker) update(ctx context.Context, change func(*ledger.Breaker, time.Time) error) (ledger.Breaker, error) {
	row, err := b.ledger.UpdateBreaker(ctx, change)
	if err == nil {
		b.keep(row, time.Now())
	}
	return row, err
}

// Answered notes that Microsoft Graph answered a call below 500. operation is the call if the answer was about it, and empty
// if it was not, such as one that says "too many requests". It costs nothing unless failures are noted that it ends.
func (b *Breaker) Answered(ctx context.Context, operation string) {
	b.mu.Lock()
	for p := range b.probes {
		p.answered = true
		p.operations = append(p.operations, operation)
	}
	ends := !Stops(b.row, message.Assign) && slices.ContainsFunc(b.row.Failures, ended(operation))
	b.mu.Unlock()
	if !ends {
		return
	}
	ctx, cancel := after(ctx)
	defer cancel()
	_, err := b.update(ctx, func(row *ledger.Breaker, _ time.Time) error {
		if Stops(*row, message.Assign) || !slices.ContainsFunc(row.Failures, ended(operation)) {
			return ledger.ErrUnchanged
		}
		answered(row, operation)
		return nil
	})
	if err != nil { // the next answer tries again
		slog.WarnContext(ctx, "the breaker does not know of a success", slog.String("error", err.Error()))
	}
}

// ended returns whether an answer to an operation changes what is known of a failure. One to the same operation ends it. One to
// another says that Microsoft Graph is there, so that the guest's attempts in an outage are counted anew; but reads may work
// while all invitations, or all writes to groups, are away.
func ended(operation string) func(ledger.BreakerFailure) bool {
	return func(f ledger.BreakerFailure) bool {
		return f.Cause == string(Outage) && f.Count > 0 || f.Operation == operation
	}
}

// answered takes out of the row what an answer to an operation has ended.
func answered(row *ledger.Breaker, operation string) {
	row.Failures = slices.DeleteFunc(row.Failures, func(f ledger.BreakerFailure) bool { return f.Operation == operation })
	for i := range row.Failures {
		if row.Failures[i].Cause == string(Outage) {
			row.Failures[i].Count = 0
		}
	}
}

// Close closes the breaker for an operator, and says whether it was open. Steps that waited are sent by the next sweeps.
func (b *Breaker) Close(ctx context.Context, reason string) (bool, error) {
	was := false
	_, err := b.update(ctx, func(row *ledger.Breaker, now time.Time) error {
		if was = row.Open; !was {
			return ledger.ErrUnchanged
		}
		shut(row, now, reason)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("close the breaker: %w", err)
	}
	return was, nil
}

// shut closes the row. What it was open for stays, for people.
func shut(row *ledger.Breaker, now time.Time, reason string) {
	row.Open, row.Closed, row.Reason = false, now, reason
	row.Probe, row.NextProbe, row.Elsewhere, row.Failures = ledger.Probe{}, time.Time{}, 0, nil
}

// Stops reports whether messages of a kind have to wait.
func Stops(row ledger.Breaker, kind message.Kind) bool {
	return row.Open && (Cause(row.Cause) != Capped || kind == message.Invite)
}

// first returns the steps of a message's kind before all others.
func first(kind message.Kind) func(a, b message.Message) int {
	return func(x, y message.Message) int {
		switch {
		case x.Kind == kind && y.Kind != kind:
			return -1
		case y.Kind == kind && x.Kind != kind:
			return 1
		}
		return 0
	}
}
