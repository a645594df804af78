package breaker

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Trouble is a step's error that came from a call which failed with a cause that may be everybody's. It is the same verdict
// as the error that it wraps; only a [Guard] makes another one of it. Guests who share a call share its Trouble, so that one
// call counts as one.
type Trouble struct {
	Cause     Cause
	Operation string // the call
	Err       error

	noted atomic.Bool
}

// Error says what Err says.
func (t *Trouble) Error() string { return t.Err.Error() }

// Unwrap returns Err.
func (t *Trouble) Unwrap() error { return t.Err }

// atOnce reports whether the first failure with the cause opens the breaker.
func (c Cause) atOnce() bool { return c == Refused || c == Blocked }

// failed notes that m met trouble, and returns the row then. If the breaker is open, m was the probe or on its way already.
func (b *Breaker) failed(ctx context.Context, m message.Message, t *Trouble) (ledger.Breaker, error) {
	shared := t.noted.Swap(true)
	return b.update(ctx, func(row *ledger.Breaker, now time.Time) error {
		switch {
		case Stops(*row, m.Kind) && !row.Probe.Is(m):
			return ledger.ErrUnchanged
		case shared && known(row, t.Operation, m.Guest) < 0:
			return ledger.ErrUnchanged // another guest stands for the call
		case row.Open && row.Probe.Is(m) && (Cause(row.Cause) != Outage || t.Cause != Denied):
			b.still(row, t, now)
		default:
			if row.Open && row.Probe.Is(m) { // the outage is over; one refusal is one refusal
				shut(row, now, "")
			}
			f := note(row, m, t, now)
			if t.Cause.atOnce() || f.Count >= tries && t.Cause == Outage || inARow(row, t.Operation) >= streak {
				b.open(row, m.Kind, t, now)
			}
		}
		return nil
	})
}

// note adds a failure to the row: the guest moves to the end of its operation's five.
func note(row *ledger.Breaker, m message.Message, t *Trouble, now time.Time) ledger.BreakerFailure {
	f := ledger.BreakerFailure{Operation: t.Operation, Cause: string(t.Cause), Import: m.Import, Guest: m.Guest, First: now}
	if at := known(row, f.Operation, f.Guest); at >= 0 {
		if row.Failures[at].Cause == f.Cause {
			f.Count, f.First = row.Failures[at].Count, row.Failures[at].First
		}
		row.Failures = slices.Delete(row.Failures, at, at+1)
	}
	f.Count, f.Last = f.Count+1, now
	row.Failures = append(row.Failures, f)
	if inARow(row, f.Operation) > streak {
		at := slices.IndexFunc(row.Failures, func(o ledger.BreakerFailure) bool { return o.Operation == f.Operation })
		row.Failures = slices.Delete(row.Failures, at, at+1)
	}
	return f
}

// known returns where a guest's failure is in the row, or -1.
func known(row *ledger.Breaker, operation, guest string) int {
	return slices.IndexFunc(row.Failures, func(f ledger.BreakerFailure) bool { return f.Operation == operation && f.Guest == guest })
}

// inARow counts the guests for whom an operation failed.
func inARow(row *ledger.Breaker, operation string) int {
	n := 0
	for _, f := range row.Failures {
		if f.Operation == operation {
			n++
		}
	}
	return n
}

func (b *Breaker) open(row *ledger.Breaker, kind message.Kind, t *Trouble, now time.Time) {
	*row = ledger.Breaker{Open: true, Opened: now, Failures: row.Failures, Version: row.Version}
	row.Kind = kind
	describe(row, t)
	row.NextProbe = b.next(row, now)
}

// still keeps the breaker open after a probe that met trouble, perhaps with another cause than before. The next one's time
// was set when this one was sent.
func (b *Breaker) still(row *ledger.Breaker, t *Trouble, now time.Time) {
	row.Probe, row.Elsewhere = ledger.Probe{}, 0
	same := Cause(row.Cause) == t.Cause
	describe(row, t)
	if !same {
		row.Probes = 1
		row.NextProbe = b.next(row, now)
	}
}

func describe(row *ledger.Breaker, t *Trouble) {
	code := "graph.unreachable"
	if t.Cause == Capped {
		code = "tenant.capped"
	}
	f := message.AsFailure(t.Err, code)
	row.Cause, row.Operation = string(t.Cause), t.Operation
	row.Code, row.Text, row.Request = f.Code, f.Text, f.Request
}

// next returns when the next probe goes.
func (b *Breaker) next(row *ledger.Breaker, now time.Time) time.Time {
	switch Cause(row.Cause) {
	case Blocked:
		return time.Time{}
	case Outage:
		return now.Add(b.waits.Outage)
	}
	return now.Add(min(b.waits.Longest, b.waits.Refusal<<min(row.Probes, 10)))
}
