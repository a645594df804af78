// Package customhandler is the HTTP side of an Azure Functions custom handler: it answers the Functions host, decodes its
// invocations, and turns what a step returns into what happens to the message.
//
// Start with [New], which makes an [http.Handler] of named functions, and [Server], which listens where the host expects
// it, answers readiness at once and lets invocations wait until slow set-up is done. A function is either a [Function]
// (one Service Bus message, worked on by a [Step]) or a [Timer].
//
// Promises:
//   - Every answer is application/json with a JSON object: the real host hangs on an empty one.
//   - A message is completed only after its step succeeded, or after its copy or its dead letter was accepted by the
//     broker. Nothing is dead-lettered before [Step.Failed] has recorded it.
//   - A panic is logged with its stack and is an ordinary failed attempt.
//   - Retries are scheduled copies, never an abandoned message: the host redelivers that at once. Only if the broker
//     itself refuses is the invocation held for a while and then failed.
//   - Bodies of messages are never logged.
//
// It leaves out output bindings, HTTP triggers, batches and sessions.
package customhandler

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

// Step does the work of one kind of message, or of several. All methods may be called concurrently and repeatedly.
type Step interface {
	// Do works on m; what it returns is the verdict: nil completes the message, *message.Later sends it again after a
	// while, an error that wraps message.ErrNever ends it as a dead letter, any other error is a failed attempt. A message
	// whose failure is recorded already must get that failure again: its dead letter may not have been made yet.
	Do(ctx context.Context, m message.Message) error
	// Failed records that m ended in failure f. It is called before the message is dead-lettered. An error keeps the
	// message alive, to be tried again in half a minute; one that wraps message.ErrNever says that there is nothing to
	// record in (an import that was purged), and the message is dead-lettered nevertheless.
	Failed(ctx context.Context, m message.Message, f *message.Failure) error
	// Postponed records that m will act next at until. It is called only when that is more than ten minutes after the time
	// that was recorded before. An error is logged; the message is postponed nevertheless.
	Postponed(ctx context.Context, m message.Message, until time.Time) error
}

// Function works on the messages of one queue.
type Function struct {
	Name  string // of the folder of function.json, and so of the URL path, in its own casing
	Queue string
	Step  Step

	// Limit is how many messages are worked on at the same time in this process; 0 means 1. Kinds named in Limits have
	// places of their own and use none of these.
	Limit  int
	Limits map[message.Kind]int

	// Patience is how long a message waits for a free place before it is sent again half a minute later; 0 means
	// DefaultPatience. Patience, Deadline and three minutes for the verdict must fit into host.json's functionTimeout, since the
	// host kills the whole process when one invocation overruns it.
	Patience time.Duration
	// Deadline is the longest time Step.Do has; 0 means DefaultDeadline. A step that overruns it has failed an attempt.
	Deadline time.Duration
	// MaxDeliveries ends a message that was delivered more often, before its step is asked; 0 means
	// DefaultMaxDeliveries. It must be below the queue's own limit, so that the end is recorded.
	MaxDeliveries int
}

// Defaults of [Function] and [Timer].
const (
	DefaultPatience      = time.Minute
	DefaultDeadline      = 5 * time.Minute
	DefaultMaxDeliveries = 40
)

// Timer runs without a message, on a schedule that the host keeps. An error fails the invocation; the schedule goes on.
type Timer struct {
	Name     string
	Run      func(ctx context.Context) error
	Deadline time.Duration // 0 means DefaultDeadline
}

// Options are what New needs.
type Options struct {
	Functions []Function
	Timers    []Timer

	Sender       bus.Sender
	DeadLetterer bus.DeadLetterer

	// Log gets one line per invocation; nil means slog.Default. Use [NewLogger] so that steps' lines carry the same keys.
	Log *slog.Logger
	// LogKey hides guests in logs, see [Pseudonym]. Without one, a random key serves this process only.
	LogKey []byte

	// Now is this process's clock; nil means time.Now.
	Now func() time.Time
	// Clock is the clock that copies of messages are scheduled by, the same for all processes: a worker whose own is ten
	// minutes slow would have every copy delivered at once. nil means Now. While it fails, Now counts, corrected by what
	// Clock said last.
	Clock func(ctx context.Context) (time.Time, error)
	// Wait waits for d or until ctx is done, and returns ctx's error then; nil waits by a timer. Tests pass their own.
	Wait func(ctx context.Context, d time.Duration) error
}

// New returns the handler of the host's requests: GET / for readiness and health, POST /{name} for invocations. It
// refuses names that are missing or taken, functions without step or queue, and a missing sender or dead-letterer if there are functions.
func New(o Options) (http.Handler, error) {
	e := newEngine(o)
	runs := map[string]runner{}
	add := func(name string, r runner) error {
		if name == "" || runs[name] != nil {
			return fmt.Errorf("function name %q is missing or taken", name)
		}
		runs[name] = r
		return nil
	}
	for _, f := range o.Functions {
		if f.Step == nil || f.Queue == "" || o.Sender == nil || o.DeadLetterer == nil {
			return nil, fmt.Errorf("function %s needs a step, a queue, a sender and a dead-letterer", f.Name)
		}
		if err := add(f.Name, e.messages(f)); err != nil {
			return nil, err
		}
	}
	for _, t := range o.Timers {
		if t.Run == nil {
			return nil, fmt.Errorf("timer %s has nothing to run", t.Name)
		}
		if err := add(t.Name, e.timer(t)); err != nil {
			return nil, err
		}
	}
	return route(runs, e.log), nil
}
