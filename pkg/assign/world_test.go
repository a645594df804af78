package assign_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

const (
	importID = "0123456789abcdef0123"
	userID   = "user-of-ana"
)

var unpaced = pace.Settings{Writes: pace.Unlimited, Invitations: pace.Unlimited}

var guest = message.GuestKey("ana@partner.example")

// world is one import with one guest, a directory that counts, and a clock that only the test moves.
type world struct {
	t       *testing.T
	now     time.Time
	ledger  *memledger.Store
	dir     *directory
	bus     *membus.Bus
	process crashtest.Process
	stop    error // answer of the ledger when it is asked whether the import was cancelled
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
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
	return &assign.Step{Ledger: w.process.Ledger(w.ledger), Directory: w.dir,
		Bus: w.process.Sender(w.bus), Pacer: pace.New(w.ledger, unpaced),
		Cancelled: func(ctx context.Context, id string) (bool, error) {
			if w.stop != nil {
				return false, w.stop
			}
			return cancelled(ctx, id)
		}}
}

// deliver runs Do once; a crash ends it wherever it was.
func (w *world) deliver(m message.Message) error {
	return w.process.Run(func() error { return w.step().Do(w.t.Context(), m) })
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

func (d *directory) AddMembers(_ context.Context, groupID string, users []string) error {
	return errors.New("nobody shares a write here")
}

func (d *directory) Members(_ context.Context, groupID string, users []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool { return !d.has[groupID+"<-"+user] }), nil
}

func (d *directory) HasRole(_ context.Context, objectID, roleID, user string) (bool, error) {
	return d.has[objectID+"/"+roleID+"<-"+user], nil
}

func (d *directory) AssignRole(_ context.Context, objectID, roleID, user string) (bool, error) {
	return d.grant(objectID + "/" + roleID + "<-" + user)
}

func (d *directory) grant(what string) (bool, error) {
	return crashtest.Act(&d.w.process, func() (bool, error) {
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
