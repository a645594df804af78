package customhandler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

const (
	// longPause is how far a message may fall behind the time at which the ledger expects it before the ledger is told, so
	// that the sweep does not take it for lost. Many short delays add up to a long one.
	longPause = 10 * time.Minute
	// shortPause is the delay of a message that cannot be worked on now for a reason that is not its own.
	shortPause = 30 * time.Second
	// recordTime limits Step.Failed and Step.Postponed, which run after the step's own deadline.
	recordTime = 30 * time.Second
	// maxHold is the longest time that an invocation is held when the broker refuses.
	maxHold = time.Minute
)

var errBusy = errors.New("every place for messages of this kind is taken")

// worker is a Function at work.
type worker struct {
	Function
	*engine
	shared chan struct{}
	own    map[message.Kind]chan struct{}
}

// messages returns the runner of a function with messages.
func (e *engine) messages(f Function) runner {
	if f.Patience == 0 {
		f.Patience = DefaultPatience
	}
	if f.Deadline == 0 {
		f.Deadline = DefaultDeadline
	}
	if f.MaxDeliveries == 0 {
		f.MaxDeliveries = DefaultMaxDeliveries
	}
	w := &worker{Function: f, engine: e, shared: make(chan struct{}, max(1, f.Limit)), own: map[message.Kind]chan struct{}{}}
	for kind, n := range f.Limits {
		w.own[kind] = make(chan struct{}, max(1, n))
	}
	return w.run
}

func (w *worker) run(ctx context.Context, inv Invocation) bool {
	start := w.now()
	ctx = With(ctx, append(invocationAttrs(inv), slog.Int("delivery", inv.DeliveryCount()))...)
	m, err := w.read(inv)
	if err == nil {
		ctx = With(ctx, w.messageAttrs(m)...)
	}
	out := w.decide(ctx, inv, m, err)
	if out.hold > 0 {
		if err := w.wait(ctx, out.hold); err != nil {
			out.err = fmt.Errorf("%w; not held to the end: %w", out.err, err)
		}
	}
	w.finish(ctx, start, out)
	return !out.failed
}

// read decodes the message. Its errors are Failures: no later attempt would read it better.
func (w *worker) read(inv Invocation) (message.Message, error) {
	raw, err := inv.Body()
	if err != nil {
		return message.Message{}, message.Never("message.unreadable", err.Error())
	}
	m, err := message.Decode(raw, inv.ApplicationProperties())
	if err == nil && m.Queue() != w.Queue {
		return message.Message{}, message.Never("message.misplaced",
			fmt.Sprintf("a message of kind %s belongs in queue %s, not in %s", m.Kind, m.Queue(), w.Queue))
	}
	return m, err
}

func (w *worker) decide(ctx context.Context, inv Invocation, m message.Message, unreadable error) outcome {
	if unreadable != nil {
		return w.bury(ctx, inv, message.AsFailure(unreadable, "message.unreadable"))
	}
	leave, err := w.enter(ctx, m.Kind)
	if errors.Is(err, errBusy) {
		return w.later(ctx, inv, m, &message.Later{After: shortPause, Why: errBusy.Error()})
	}
	if err != nil {
		return outcome{verdict: "cancelled", level: slog.LevelWarn, err: err, failed: true}
	}
	defer leave()
	if n := inv.DeliveryCount(); n > w.MaxDeliveries {
		return w.fail(ctx, inv, m, &message.Failure{Code: "delivery.exhausted", Text: fmt.Sprintf(
			"the message was delivered %d times without an end; look for crashes of the handler in the logs, then replay it", n)})
	}
	return w.judge(ctx, inv, m, w.do(ctx, m))
}

// enter waits for a place; leave must be called to give it back.
func (w *worker) enter(ctx context.Context, kind message.Kind) (leave func(), err error) {
	places, ok := w.own[kind]
	if !ok {
		places = w.shared
	}
	patient, cancel := context.WithTimeoutCause(ctx, w.Patience, errBusy)
	defer cancel()
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-patient.Done():
		return nil, context.Cause(patient)
	}
}

func (w *worker) do(ctx context.Context, m message.Message) error {
	ctx, cancel := context.WithTimeout(ctx, w.Deadline)
	defer cancel()
	return w.guard(ctx, func() error { return w.Step.Do(ctx, m) })
}

// judge turns what the step returned into what happens to the message.
func (w *worker) judge(ctx context.Context, inv Invocation, m message.Message, err error) outcome {
	if err == nil {
		return outcome{verdict: "done", level: slog.LevelInfo}
	}
	if ctx.Err() != nil {
		// The host has gone or this process stops: the error says nothing about the message, which will come again.
		return outcome{verdict: "cancelled", level: slog.LevelWarn, err: err, failed: true}
	}
	if l, ok := errors.AsType[*message.Later](err); ok {
		return w.later(ctx, inv, m, l)
	}
	if errors.Is(err, message.ErrNever) {
		return w.fail(ctx, inv, m, message.AsFailure(err, "step.refused"))
	}
	next, ok := m.Retried(w.scheduled(ctx))
	if !ok {
		return w.fail(ctx, inv, m, message.AsFailure(err, "attempts.exhausted"))
	}
	return w.again(ctx, inv, next, outcome{verdict: "retry", level: slog.LevelWarn, err: err})
}

func (w *worker) later(ctx context.Context, inv Invocation, m message.Message, l *message.Later) outcome {
	next, spent := m.Delayed(l, w.scheduled(ctx))
	if spent != nil {
		return w.fail(ctx, inv, m, spent)
	}
	return w.again(ctx, inv, next, outcome{verdict: "later", level: slog.LevelInfo, err: l})
}

// again sends next in place of the message, which ends as out then says.
func (w *worker) again(ctx context.Context, inv Invocation, next message.Message, out outcome) outcome {
	if expected := next.Expected(); expected.IsZero() || next.At.Sub(expected) > longPause {
		next.Due = next.At
		err := w.record(ctx, func(ctx context.Context) error { return w.Step.Postponed(ctx, next, next.At) })
		if err != nil { // the sweep may ask for the step too early then, which harms nobody
			w.log.WarnContext(ctx, "the ledger does not know that the message is postponed", "error", err.Error())
		}
	}
	if err := w.sender.Send(ctx, next); err != nil {
		return refused(inv, fmt.Errorf("%v; its copy was refused: %w", out.err, err))
	}
	return out
}

// fail ends a message: the ledger first, then the broker, so that no dead letter is unknown to the ledger.
func (w *worker) fail(ctx context.Context, inv Invocation, m message.Message, f *message.Failure) outcome {
	err := w.record(ctx, func(ctx context.Context) error { return w.Step.Failed(ctx, m, f) })
	if err != nil {
		w.log.WarnContext(ctx, "the failure is not recorded", "error", err.Error(), "failure", f.Error())
	}
	if err != nil && !errors.Is(err, message.ErrNever) {
		return w.later(ctx, inv, m, &message.Later{After: shortPause, Why: "the failure cannot be recorded in the ledger"})
	}
	return w.bury(ctx, inv, f)
}

// record runs a call of the step that is no attempt: within recordTime and behind the panic wall.
func (w *worker) record(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	return w.guard(ctx, func() error { return f(ctx) })
}

// bury dead-letters the message in hand.
func (w *worker) bury(ctx context.Context, inv Invocation, f *message.Failure) outcome {
	err := w.dead.DeadLetter(ctx, w.Queue, inv.LockToken(), f.Code, f.Text)
	if errors.Is(err, bus.ErrLockLost) {
		// Either it is settled, or it comes again and is buried then. Success would have the host complete a message whose
		// lock is good after all, and leave a failure without a dead letter.
		out := refused(inv, fmt.Errorf("%w; not dead-lettered: %w", f, err))
		out.verdict = "lock-lost"
		return out
	}
	if err != nil {
		return refused(inv, fmt.Errorf("%v; its dead letter was refused: %w", f, err))
	}
	return outcome{verdict: "failed", level: slog.LevelError, err: f}
}

// refused is the outcome when the broker takes neither copy nor dead letter. The host abandons a failed message and gets
// it back at once; holding it longer each time keeps an outage from burning all deliveries in seconds.
func refused(inv Invocation, err error) outcome {
	hold := time.Second << min(inv.DeliveryCount(), 6)
	return outcome{verdict: "refused", level: slog.LevelError, err: err, hold: min(maxHold, hold), failed: true}
}
