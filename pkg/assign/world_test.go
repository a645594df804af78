package assign_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

const (
	importID = "0123456789abcdef0123"
	userID   = "user-of-ana"
)

var guest = message.GuestKey("ana@partner.example")

// world is one import with one guest, a directory that counts, and a clock that only the test moves.
type world struct {
	t      *testing.T
	now    time.Time
	ledger *memledger.Store
	dir    *directory
	bus    *membus.Bus
	crash  *crasher
	stop   error // answer of the ledger when it is asked whether the import was cancelled
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), crash: &crasher{left: -1}}
	clock := func() time.Time { return w.now }
	w.ledger, w.bus = memledger.New(clock), membus.New(membus.Options{Now: clock})
	w.dir = &directory{w: w, has: map[string]bool{}}
	return w
}

// invited inserts the guest as one whose invitation ended with the outcome, with targets sent: groups, the last an app.
func (w *world) invited(o ledger.Outcome, targets int) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, _, err := w.ledger.CreateImport(ctx, ledger.Import{ID: importID, Source: "partners", State: ledger.Running, Revision: 1}); err != nil {
		w.t.Fatal(err)
	}
	e := ledger.Entry{Import: importID, Guest: guest, Lines: []int{2}, UserID: userID,
		Invite: ledger.Step{Generation: 1, State: ledger.Ended, Outcome: o}, Notify: ledger.Step{State: ledger.Ended}}
	for i := range targets {
		e.Targets = append(e.Targets, ledger.Target{Kind: ledger.Group, ID: fmt.Sprint("group-", i),
			Step: ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now}})
	}
	if n := targets - 1; n > 0 {
		e.Targets[n].Kind, e.Targets[n].ID, e.Targets[n].Object, e.Targets[n].Role = ledger.Application, "app", "sp", "role"
	}
	if _, err := w.ledger.InsertEntries(ctx, []ledger.Entry{e}); err != nil {
		w.t.Fatal(err)
	}
}

func target(n int) message.Message {
	return message.Message{Kind: message.Assign, Import: importID, Guest: guest, Target: n, Generation: 1, Attempt: 1, Source: "partners"}
}

// step returns a worker that reads the import's flag anew each time.
func (w *world) step() *assign.Step {
	cancelled := ledger.NewFlags(w.ledger, 0).Cancelled
	return &assign.Step{Ledger: crashing{w.ledger, w.crash}, Directory: w.dir, Bus: crashingBus{w.bus, w.crash},
		Cancelled: func(ctx context.Context, id string) (bool, error) {
			if w.stop != nil {
				return false, w.stop
			}
			return cancelled(ctx, id)
		}}
}

// errCrash is what a process that died leaves of a call: nothing.
var errCrash = errors.New("crashed")

// deliver runs Do once; a crash ends it with errCrash wherever it was.
func (w *world) deliver(m message.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errCrash { //nolint:errorlint // a panic value
				panic(r)
			}
			err = errCrash
		}
	}()
	return w.step().Do(w.t.Context(), m)
}

// must delivers a message that has to be done.
func (w *world) must(m message.Message) {
	w.t.Helper()
	if err := w.deliver(m); err != nil {
		w.t.Fatalf("target %d: %v", m.Target, err)
	}
}

func (w *world) entry() *ledger.Entry {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), importID, guest)
	if err != nil {
		w.t.Fatal(err)
	}
	return &e
}

func (w *world) change(change func(*ledger.Entry)) {
	w.t.Helper()
	_, _, err := w.ledger.UpdateEntry(w.t.Context(), importID, guest, func(e *ledger.Entry) error { change(e); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// reports counts the reports that were asked for; nothing else may be sent.
func (w *world) reports() int {
	w.t.Helper()
	for _, m := range w.bus.Sent() {
		if m.Kind != message.Report || m.Import != importID || m.Source != "partners" {
			w.t.Errorf("sent %+v; assignments send reports of their import only", m)
		}
	}
	return len(w.bus.Sent())
}

// crasher ends the process at one of its acts: before the act with an even count, after it with an odd one.
type crasher struct {
	left  int // -1: never
	fired bool
}

func (c *crasher) point() {
	if c.left == 0 {
		c.left, c.fired = -1, true
		panic(errCrash)
	}
	if c.left > 0 {
		c.left--
	}
}

// act does f between two points.
func act[T any](c *crasher, f func() (T, error)) (T, error) {
	c.point()
	v, err := f()
	c.point()
	return v, err
}

// crashing is a ledger whose writes are acts.
type crashing struct {
	*memledger.Store
	c *crasher
}

func (l crashing) UpdateEntry(ctx context.Context, id, key string, change func(*ledger.Entry) error) (e ledger.Entry, t ledger.Tally, err error) {
	e, err = act(l.c, func() (ledger.Entry, error) {
		var err error
		e, t, err = l.Store.UpdateEntry(ctx, id, key, change)
		return e, err
	})
	return e, t, err
}

type crashingBus struct {
	*membus.Bus
	c *crasher
}

func (b crashingBus) Send(ctx context.Context, msgs ...message.Message) error {
	_, err := act(b.c, func() (struct{}, error) { return struct{}{}, b.Bus.Send(ctx, msgs...) })
	return err
}

// directory knows what was granted to whom.
type directory struct {
	w      *world
	has    map[string]bool
	writes int
	err    error  // verdict on every write
	after  func() // what happens while the answer is under way
}

func (d *directory) AddMember(_ context.Context, groupID, user string) (bool, error) {
	return d.grant(groupID + "<-" + user)
}

func (d *directory) AssignRole(_ context.Context, objectID, roleID, user string) (bool, error) {
	return d.grant(objectID + "/" + roleID + "<-" + user)
}

func (d *directory) grant(what string) (bool, error) {
	return act(d.w.crash, func() (bool, error) {
		d.writes++
		if d.err != nil {
			return false, d.err
		}
		was := d.has[what]
		d.has[what] = true
		if d.after != nil {
			d.after()
		}
		return !was, nil
	})
}

var _ assign.Directory = (*directory)(nil)
