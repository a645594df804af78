package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

const importID = "0123456789abcdef0123"

// world is a breaker on a ledger of one import, seen by one process, and a step that does what the test says. Its time is
// that of the synctest bubble.
type world struct {
	t      *testing.T
	ledger *counting
	b      *breaker.Breaker
	guard  *breaker.Guard
	do     func(context.Context, message.Message) error
	worked []message.Message // what the step was given
	sent   []message.Message // what probes were sent
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ledger: &counting{Store: memledger.New(time.Now)}}
	w.b = breaker.New(w.ledger, breaker.DefaultWaits)
	w.guard = w.b.Guard(w)
	w.do = func(context.Context, message.Message) error { return nil }
	return w
}

// another is the same breaker in another process.
func (w *world) another() *world {
	o := *w
	o.b = breaker.New(w.ledger, breaker.DefaultWaits)
	o.guard = o.b.Guard(&o)
	o.worked = nil
	return &o
}

func (w *world) Do(ctx context.Context, m message.Message) error {
	w.worked = append(w.worked, m)
	return w.do(ctx, m)
}

func (w *world) Failed(context.Context, message.Message, *message.Failure) error { return nil }

func (w *world) Postponed(context.Context, message.Message, time.Time) error { return nil }

// counting counts writes of the breaker's row.
type counting struct {
	*memledger.Store
	reads, writes int
	broken        error
}

func (c *counting) Breaker(ctx context.Context) (ledger.Breaker, error) {
	c.reads++
	if c.broken != nil {
		return ledger.Breaker{}, c.broken
	}
	return c.Store.Breaker(ctx)
}

func (c *counting) UpdateBreaker(ctx context.Context, change func(*ledger.Breaker, time.Time) error) (ledger.Breaker, error) {
	return c.Store.UpdateBreaker(ctx, func(row *ledger.Breaker, now time.Time) error {
		err := change(row, now)
		if err == nil {
			c.writes++
		}
		return err
	})
}

func guestOf(n int) string { return message.GuestKey(fmt.Sprint("guest", n, "@partner.example")) }

// guests inserts guests 0 to n-1 with an invitation and one target that are both sent.
func (w *world) guests(n int) {
	w.t.Helper()
	var all []ledger.Entry
	for g := range n {
		step := ledger.Step{Generation: 1, State: ledger.Sent, Due: time.Now()}
		all = append(all, ledger.Entry{Import: importID, Guest: guestOf(g), Invite: step, Notify: ledger.Step{State: ledger.Ended},
			Targets: []ledger.Target{{Kind: ledger.Group, ID: "g", Step: step}}})
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
}

func invite(n int) message.Message {
	return message.Message{Kind: message.Invite, Import: importID, Guest: guestOf(n), Generation: 1, Attempt: 1}
}

func assign(n int) message.Message {
	m := invite(n)
	m.Kind = message.Assign
	return m
}

var (
	errGraph   = errors.New("invite: 503 ServiceUnavailable")
	permission = &message.Failure{Code: "permission.missing", Text: "Grant it.", Request: "req-1"}
	blocked    = &message.Failure{Code: "tenant.blocked", Text: "Only Microsoft support can lift this block."}
	off        = &message.Failure{Code: "tenant.invitations-off", Text: "Allow guest invitations."}
)

func outage(op string) error {
	return &breaker.Trouble{Cause: breaker.Outage, Operation: op, Err: errGraph}
}

func denied(op string) error {
	return fmt.Errorf("step: %w", &breaker.Trouble{Cause: breaker.Denied, Operation: op, Err: permission})
}

// meets has the step of m end with err, and returns the guard's verdict.
func (w *world) meets(m message.Message, err error) error {
	w.do = func(context.Context, message.Message) error { return err }
	return w.guard.Do(w.t.Context(), m)
}

// works has the step of m end well after Graph answered the call.
func (w *world) works(m message.Message, op string) error {
	w.do = func(ctx context.Context, _ message.Message) error {
		w.b.Answered(ctx, op)
		return nil
	}
	return w.guard.Do(w.t.Context(), m)
}

func (w *world) row() ledger.Breaker {
	w.t.Helper()
	row, err := w.ledger.Store.Breaker(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

func (w *world) isOpen(want bool, after string) {
	w.t.Helper()
	if row := w.row(); row.Open != want {
		w.t.Fatalf("open %t after %s, want %t: %+v", row.Open, after, want, row)
	}
}

func (w *world) step(m message.Message) ledger.Step {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), m.Import, m.Guest)
	if err != nil {
		w.t.Fatal(err)
	}
	return *e.Step(m.Kind, m.Target)
}

// probe does what a sweep does, and returns the probe that was sent, if there was one.
func (w *world) probe() *message.Message {
	w.t.Helper()
	before := len(w.sent)
	err := w.b.Probe(w.t.Context(), w.ledger, []ledger.Import{{ID: importID, Source: "partners"}}, func(_ context.Context, msgs ...message.Message) error {
		w.sent = append(w.sent, msgs...)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(w.sent) == before {
		return nil
	}
	return &w.sent[len(w.sent)-1]
}

// answers has the step of m end with err after Graph answered the call.
func (w *world) answers(m message.Message, op string, err error) error {
	w.do = func(ctx context.Context, _ message.Message) error {
		w.b.Answered(ctx, op)
		return err
	}
	return w.guard.Do(w.t.Context(), m)
}
