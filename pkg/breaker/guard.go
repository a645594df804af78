package breaker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Step is what a guard stands before: a step of pkg/customhandler.
type Step interface {
	Do(ctx context.Context, m message.Message) error
	Failed(ctx context.Context, m message.Message, f *message.Failure) error
	Postponed(ctx context.Context, m message.Message, until time.Time) error
}

// Guard is a step behind the breaker.
type Guard struct {
	Step
	b *Breaker
}

// Guard returns step behind the breaker. All steps that call Microsoft Graph for a guest belong behind the same one.
func (b *Breaker) Guard(step Step) *Guard { return &Guard{Step: step, b: b} }

// Waiting is an error of a step that makes it wait in the ledger, without a message, until its reason has ended.
type Waiting interface {
	error
	// WaitsFor returns one of the reasons of pkg/ledger.
	WaitsFor() string
}

// Do lets the step work on m, unless the breaker is open and m is no probe: then the step waits. It also waits, and m ends,
// where the step's error says so ([Waiting]) and where trouble opened the breaker or met an open one: what many guests would
// meet is no failure of one, and costs no attempt.
func (g *Guard) Do(ctx context.Context, m message.Message) error {
	row, err := g.b.look(ctx, fresh)
	if err == nil && Stops(row, m.Kind) && !row.Probe.Is(m) {
		row, err = g.b.look(ctx, 0) // it may have been closed, or m made the probe, a moment ago
	}
	if err != nil {
		return ledger.Unreachable(err)
	}
	if Stops(row, m.Kind) && !row.Probe.Is(m) {
		if held, err := g.hold(ctx, m, ledger.WaitBreaker); held || err != nil {
			return err
		}
	}
	if row.Open && row.Probe.Is(m) {
		return g.probe(ctx, m)
	}
	return g.judge(ctx, m, g.Step.Do(ctx, m))
}

// judge turns trouble and waits into what happens to m.
func (g *Guard) judge(ctx context.Context, m message.Message, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return err // it says nothing about anybody
	}
	if w, ok := errors.AsType[Waiting](err); ok {
		return g.wait(ctx, m, w.WaitsFor())
	}
	t, ok := errors.AsType[*Trouble](err)
	if !ok {
		return err
	}
	ctx, cancel := after(ctx)
	defer cancel()
	row, noted := g.b.failed(ctx, m, t)
	switch {
	case noted != nil:
		return ledger.Unreachable(noted)
	case Stops(row, m.Kind):
		slog.WarnContext(ctx, "the breaker is open", slog.String("cause", row.Cause), slog.String("error", err.Error()))
		return g.wait(ctx, m, ledger.WaitBreaker)
	case t.Cause == Denied:
		return again{err}
	}
	return err
}

// RecordTime limits what is written of a step's end, which may come after its own deadline.
const RecordTime = 20 * time.Second

// after is ctx for a write that must be made though the step's time may be over.
func after(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), RecordTime)
}

// again makes an ordinary failed attempt of a refusal that may be everybody's. A guest whose attempts are used up, because
// too few others were there to open the breaker, fails with the refusal.
type again struct{ err error }

func (a again) Error() string { return a.err.Error() }

// As finds the failure that Unwrap would make final.
func (a again) As(target any) bool {
	f, ok := target.(**message.Failure)
	return ok && errors.As(a.err, f)
}

// wait makes the step of m wait. If another delivery has ended it meanwhile, which has lost the lock, what follows the end,
// such as a dead letter, is left to this one.
func (g *Guard) wait(ctx context.Context, m message.Message, reason string) error {
	held, err := g.hold(ctx, m, reason)
	if err != nil || held {
		return err
	}
	return g.Step.Do(ctx, m)
}

// hold makes the step of m wait. False means that there is nothing to hold: the step has ended, and whatever follows it must
// be finished, or there is no such step.
func (g *Guard) hold(ctx context.Context, m message.Message, reason string) (bool, error) {
	held := true
	_, _, err := g.b.ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		s := e.Step(m.Kind, m.Target)
		held = s != nil && s.State != ledger.Ended
		if !held || s.Generation != m.Generation || s.State != ledger.Sent {
			return ledger.ErrUnchanged
		}
		s.Hold(reason, m.Attempt)
		return nil
	})
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return true, nil
	case err != nil:
		return false, ledger.Unreachable(err)
	case held:
		slog.InfoContext(ctx, "the step waits", slog.String("reason", reason))
	}
	return held, nil
}

// probe lets m pass an open breaker, and closes it if m met what had failed before and it worked.
func (g *Guard) probe(ctx context.Context, m message.Message) error {
	seen := &met{}
	g.b.mu.Lock()
	g.b.probes[seen] = struct{}{}
	g.b.mu.Unlock()
	err := g.Step.Do(ctx, m)
	g.b.mu.Lock()
	delete(g.b.probes, seen)
	g.b.mu.Unlock()
	if _, trouble := errors.AsType[*Trouble](err); !trouble {
		g.b.probed(ctx, m, seen)
	}
	return g.judge(ctx, m, err)
}

// probed notes a probe that met no trouble. One that did not come as far as the call that failed, such as an invitation of
// somebody who is a guest already, proves nothing: the next sweep sends another guest's. After several of them in a row the
// breaker is closed all the same: the others, too, may need nothing of it, and whoever does opens it again.
func (b *Breaker) probed(ctx context.Context, m message.Message, seen *met) {
	ctx, cancel := after(ctx)
	defer cancel()
	_, err := b.update(ctx, func(row *ledger.Breaker, now time.Time) error {
		switch {
		case !row.Open || !row.Probe.Is(m):
			return ledger.ErrUnchanged
		case seen.proves(row):
			slog.InfoContext(ctx, "the breaker is closed: a probe worked", slog.String("cause", row.Cause))
			shut(row, now, "")
		case seen.answered: // it worked, elsewhere
			row.Probe, row.NextProbe = ledger.Probe{}, now
			if row.Elsewhere++; row.Elsewhere >= streak {
				slog.InfoContext(ctx, "the breaker is closed: nobody who waits needs what had failed", slog.String("cause", row.Cause))
				shut(row, now, "")
			}
		default:
			return ledger.ErrUnchanged
		}
		return nil
	})
	if err != nil { // the next probe finds out
		slog.WarnContext(ctx, "the result of a probe is not recorded", slog.String("error", err.Error()))
	}
}

func (p *met) proves(row *ledger.Breaker) bool {
	return p.answered && Cause(row.Cause) == Outage || slices.Contains(p.operations, row.Operation)
}
