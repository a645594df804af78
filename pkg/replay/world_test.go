package replay_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

const staleAfter = 30 * time.Minute

var (
	gone   = &message.Failure{Code: "group.unknown", Text: "Make the group.", Request: "req-1"}
	refuse = &message.Failure{Code: "invite.address-refused", Text: "Correct the address."}
)

// world is a ledger, a broker with dead letters, and a clock that only the test moves.
type world struct {
	t      *testing.T
	now    time.Time
	ledger *memledger.Store
	bus    *membus.Bus
	blobs  *memblob.Store
	seen   int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.ledger, w.bus, w.blobs = memledger.New(clock), membus.New(membus.Options{Now: clock}), memblob.New("acct", clock)
	return w
}

func (w *world) replay() *replay.Replay {
	return &replay.Replay{Ledger: w.ledger, Bus: w.bus, DeadLetters: w.bus}
}

func (w *world) sweep() *sweep.Sweep {
	b := breaker.New(w.ledger, breaker.DefaultWaits)
	return &sweep.Sweep{Ledger: w.ledger, Bus: w.bus, Breaker: b, Window: &window.Window{Ledger: w.ledger, Breaker: b},
		StaleAfter: staleAfter, Tidy: w.replay().Tidy}
}

// imports adds an import that has run and was reported, with the entries.
func (w *world) imports(id string, entries ...ledger.Entry) {
	w.t.Helper()
	w.create(ledger.Import{ID: id, State: ledger.Running, Revision: 1, Reported: 1, Finished: w.now, Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	w.insert(id, entries...)
}

func (w *world) insert(id string, entries ...ledger.Entry) {
	w.t.Helper()
	for n := range entries {
		entries[n].Import = id
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), entries); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(i ledger.Import) {
	w.t.Helper()
	i.Source, i.Path, i.Created = "partners", "in/"+filepath.Base(i.ID)+".csv", w.now
	if _, _, err := w.ledger.CreateImport(w.t.Context(), i); err != nil {
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

func (w *world) change(id string, n int, change func(*ledger.Entry)) {
	w.t.Helper()
	_, _, err := w.ledger.UpdateEntry(w.t.Context(), id, guestOf(n), func(e *ledger.Entry) error { change(e); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

// run replays and returns what was sent.
func (w *world) run(sel replay.Selection) (replay.Result, []brief) {
	w.t.Helper()
	res, err := w.replay().Run(w.t.Context(), sel)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, w.take()
}

// take returns what was sent since it was called last.
func (w *world) take() (all []brief) {
	sent := w.bus.Sent()[w.seen:]
	w.seen += len(sent)
	for _, m := range sent {
		all = append(all, brief{m.Kind, m.Import, m.Guest, m.Target, m.Generation})
	}
	return all
}

// bury sends messages and dead-letters each, as the handler does with what has failed.
func (w *world) bury(msgs ...message.Message) {
	w.t.Helper()
	for _, m := range msgs {
		if err := w.bus.Send(w.t.Context(), m); err != nil {
			w.t.Fatal(err)
		}
		w.buryNext(m.Queue())
	}
	w.take()
}

func (w *world) buryNext(queue string) {
	w.t.Helper()
	d, ok := w.bus.Receive(queue)
	if !ok {
		w.t.Fatalf("no message in %s", queue)
	}
	if err := w.bus.DeadLetter(w.t.Context(), queue, d.LockToken, "some.code", "Some text."); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) dead(queue string) []bus.DeadLetter {
	w.t.Helper()
	all, err := w.bus.Browse(w.t.Context(), queue, 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// brief is what matters of a message.
type brief struct {
	Kind       message.Kind
	Import     string
	Guest      string
	Target     int
	Generation int
}

func guestOf(n int) string { return message.GuestKey(fmt.Sprint("guest", n, "@partner.example")) }

func invite(id string, n, generation int) message.Message {
	return message.Message{Kind: message.Invite, Import: id, Guest: guestOf(n), Generation: generation, Attempt: 3, Source: "partners"}
}

func assign(id string, n, target, generation int) message.Message {
	m := invite(id, n, generation)
	m.Kind, m.Target = message.Assign, target
	return m
}

func done() ledger.Step { return ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Done} }

func failed(f *message.Failure) ledger.Step {
	return ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Failed, Code: f.Code, Text: f.Text, Request: f.Request}
}

// guest returns entry n: its invitation, and one step per target.
func guest(n int, invite ledger.Step, targets ...ledger.Step) ledger.Entry {
	e := ledger.Entry{Guest: guestOf(n), Address: fmt.Sprint("guest", n, "@partner.example"), Lines: []int{n + 2}, Invite: invite,
		Notify: ledger.Step{State: ledger.Ended}}
	if invite.Outcome == ledger.Done {
		e.UserID = fmt.Sprint("user-", n)
	}
	for i, s := range targets {
		e.Targets = append(e.Targets, ledger.Target{Kind: ledger.Group, ID: fmt.Sprint("g", i), Step: s})
	}
	return e
}
