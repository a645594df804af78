package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

const staleAfter = 30 * time.Minute

// world is a ledger with one import or more, and a clock that only the test moves.
type world struct {
	t      *testing.T
	now    time.Time
	ledger *memledger.Store
	bus    *membus.Bus
	seen   int // messages that take has returned
	tidied int
	pace   pace.Settings
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), pace: pace.Careful}
	clock := func() time.Time { return w.now }
	w.ledger, w.bus = memledger.New(clock), membus.New(membus.Options{Now: clock})
	return w
}

func (w *world) sweep() *sweep.Sweep {
	b := breaker.New(w.ledger, breaker.DefaultWaits)
	return &sweep.Sweep{Ledger: w.ledger, Bus: w.bus, StaleAfter: staleAfter, Breaker: b,
		Window: &window.Window{Ledger: w.ledger, Settings: w.pace, Breaker: b},
		Tidy:   func(context.Context) (int, error) { w.tidied++; return 0, nil }}
}

// run sweeps once and returns what was sent.
func (w *world) run() []message.Message {
	w.t.Helper()
	if err := w.sweep().Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return w.take()
}

func (w *world) take() []message.Message {
	sent := w.bus.Sent()[w.seen:]
	w.seen += len(sent)
	return append([]message.Message(nil), sent...)
}

// later moves the clock and sweeps once.
func (w *world) later(d time.Duration) []message.Message {
	w.t.Helper()
	w.now = w.now.Add(d)
	return w.run()
}

func (w *world) imports(i ledger.Import, entries ...ledger.Entry) {
	w.t.Helper()
	i.Source, i.Revision = "partners", max(1, i.Revision)
	if _, _, err := w.ledger.CreateImport(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
	for n := range entries {
		entries[n].Import = i.ID
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), entries); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get(id string) ledger.Import {
	w.t.Helper()
	i, err := w.ledger.Import(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

func (w *world) entry(id string, n int) *ledger.Entry {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), id, guestOf(n))
	if err != nil {
		w.t.Fatal(err)
	}
	return &e
}

func (w *world) cancel(id string) {
	w.t.Helper()
	if _, err := sweep.Cancel(w.t.Context(), w.ledger, id); err != nil {
		w.t.Fatal(err)
	}
}

func guestOf(n int) string { return message.GuestKey(fmt.Sprint("guest", n, "@partner.example")) }

func sent(due time.Time) ledger.Step {
	return ledger.Step{Generation: 1, State: ledger.Sent, Due: due}
}

func ended(o ledger.Outcome) ledger.Step {
	return ledger.Step{Generation: 1, State: ledger.Ended, Outcome: o}
}

// guest returns entry n with its invitation and one step per target.
func guest(n int, invite ledger.Step, targets ...ledger.Step) ledger.Entry {
	e := ledger.Entry{Guest: guestOf(n), Lines: []int{n + 2}, Invite: invite, Notify: ledger.Step{State: ledger.Ended}}
	if invite.Outcome == ledger.Done {
		e.UserID = fmt.Sprint("user-", n)
	}
	for i, s := range targets {
		e.Targets = append(e.Targets, ledger.Target{Kind: ledger.Group, ID: fmt.Sprint("g", i), Step: s})
	}
	return e
}

// brief is what matters of a message.
type brief struct {
	Kind       message.Kind
	Import     string
	Guest      string
	Target     int
	Generation int
}

func briefs(msgs []message.Message) (all []brief) {
	for _, m := range msgs {
		all = append(all, brief{m.Kind, m.Import, m.Guest, m.Target, m.Generation})
	}
	return all
}

var errLedger = errors.New("503 server busy")

// broken is a ledger that fails for some imports.
type broken struct {
	*memledger.Store
	list bool            // listing imports ends with an error
	bad  map[string]bool // imports whose entries cannot be read
}

func (b broken) ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error] {
	if !b.list {
		return b.Store.ListImports(ctx, openOnly)
	}
	return func(yield func(ledger.Import, error) bool) {
		for i := range b.Store.ListImports(ctx, openOnly) {
			if !yield(i, nil) {
				return
			}
			break
		}
		yield(ledger.Import{}, errLedger)
	}
}

func (b broken) DueBefore(ctx context.Context, id string, t time.Time) iter.Seq2[string, error] {
	if b.bad[id] {
		return func(yield func(string, error) bool) { yield("", errLedger) }
	}
	return b.Store.DueBefore(ctx, id, t)
}

// open opens the breaker, which nobody probes.
func (w *world) open() { w.breaker(ledger.Breaker{Open: true, Cause: "blocked", Kind: message.Invite}) }

// close closes it.
func (w *world) close() { w.breaker(ledger.Breaker{}) }

func (w *world) breaker(to ledger.Breaker) {
	w.t.Helper()
	_, err := w.ledger.UpdateBreaker(w.t.Context(), func(row *ledger.Breaker, _ time.Time) error {
		to.Version, *row = row.Version, to
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// waits is a step that waits.
func waits(reason string) ledger.Step {
	return ledger.Step{Generation: 1, State: ledger.Waiting, Wait: reason, Attempt: 3}
}
