package customhandler

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
	"guestlist/pkg/wait"
)

// runner runs one invocation and reports whether the host may take it for done.
type runner func(ctx context.Context, inv Invocation) bool

// engine is what all functions of a handler share.
type engine struct {
	sender bus.Sender
	dead   bus.DeadLetterer
	log    *slog.Logger
	logKey []byte
	now    func() time.Time
	clock  func(context.Context) (time.Time, error)
	ahead  atomic.Int64 // how far clock was ahead of now when it was last read
	wait   func(context.Context, time.Duration) error
}

func newEngine(o Options) *engine {
	e := &engine{sender: o.Sender, dead: o.DeadLetterer, log: o.Log, logKey: o.LogKey, now: o.Now, clock: o.Clock, wait: o.Wait}
	if e.log == nil {
		e.log = slog.Default()
	}
	if len(e.logKey) == 0 {
		e.logKey = []byte(rand.Text())
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.wait == nil {
		e.wait = wait.For
	}
	return e
}

// clockTime limits the reading of the clock: a verdict does not wait for it.
const clockTime = 5 * time.Second

// scheduled is the time by which copies of messages are scheduled.
func (e *engine) scheduled(ctx context.Context) time.Time {
	if e.clock == nil {
		return e.now()
	}
	ctx, cancel := context.WithTimeout(ctx, clockTime)
	defer cancel()
	now, err := e.clock(ctx)
	if err != nil {
		return e.now().Add(time.Duration(e.ahead.Load()))
	}
	e.ahead.Store(int64(now.Sub(e.now())))
	return now
}

// outcome is how an invocation ends.
type outcome struct {
	verdict string
	level   slog.Level
	err     error         // what to log; an outcome that succeeds may have one
	hold    time.Duration // how long to keep the message from coming back before the invocation fails
	failed  bool          // whether the host is told to abandon the message
}

// finish writes the one line that every invocation ends with.
func (e *engine) finish(ctx context.Context, start time.Time, out outcome) {
	attrs := []slog.Attr{slog.String("verdict", out.verdict), slog.Int64("duration_ms", e.now().Sub(start).Milliseconds())}
	if out.err != nil {
		attrs = append(attrs, slog.String("error", out.err.Error()))
	}
	e.log.LogAttrs(ctx, out.level, "invocation ended", attrs...)
}

// guard is the panic wall: a panic of f is logged with its stack and becomes an ordinary error.
func (e *engine) guard(ctx context.Context, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			e.log.ErrorContext(ctx, "panic", "error", err.Error(), "stack", string(debug.Stack()))
		}
	}()
	return f()
}

// timer returns the runner of a function without a message.
func (e *engine) timer(t Timer) runner {
	if t.Deadline == 0 {
		t.Deadline = DefaultDeadline
	}
	return func(ctx context.Context, inv Invocation) bool {
		start := e.now()
		ctx = With(ctx, invocationAttrs(inv)...)
		limited, cancel := context.WithTimeout(ctx, t.Deadline)
		defer cancel()
		out := outcome{verdict: "done", level: slog.LevelInfo}
		if err := e.guard(limited, func() error { return t.Run(limited) }); err != nil {
			out = outcome{verdict: "error", level: slog.LevelError, err: err, failed: true}
		}
		e.finish(ctx, start, out)
		return !out.failed
	}
}

func invocationAttrs(inv Invocation) []slog.Attr {
	return []slog.Attr{slog.String("function", inv.Function), slog.String("invocation_id", inv.ID)}
}

// messageAttrs names a message in logs; what it is about is shown by a pseudonym only.
func (e *engine) messageAttrs(m message.Message) []slog.Attr {
	id := m.ID()
	if m.Guest != "" {
		id = Pseudonym(e.logKey, id)
	}
	attrs := []slog.Attr{slog.String("kind", string(m.Kind)), slog.String("message_id", id)}
	if m.Import != "" {
		attrs = append(attrs, slog.String("import_id", m.Import))
	}
	if m.Guest != "" {
		attrs = append(attrs, slog.String("guest_key", Pseudonym(e.logKey, m.Guest)))
	}
	return append(attrs, slog.Int("attempt", m.Attempt), slog.Int("delay", m.Delay), slog.Int("generation", m.Generation))
}
