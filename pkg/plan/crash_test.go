package plan_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/window"
)

// TestCrashAnywhere kills the planner before and after each of its acts in turn, on the way from the event of a file whose
// source has no policy yet to the last invitation. Whatever was lost with it, redelivery alone brings the file to its end,
// whether the broker drops duplicates or not.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, duplicates := range []time.Duration{0, time.Hour} {
		points := 0
		for ; ; points++ {
			c := newChain(t, duplicates)
			c.process.DieAt(points)
			c.run()
			c.check(fmt.Sprintf("duplicates dropped for %s, crash at point %d", duplicates, points))
			if !c.process.Died() {
				break
			}
		}
		if points < 40 {
			t.Errorf("only %d crash points: the acts are not instrumented", points)
		}
		t.Logf("duplicates dropped for %s: %d crash points", duplicates, points)
	}
}

// chain is a planner behind a broker, which delivers again what a crash left.
type chain struct {
	*world
	bus     *membus.Bus
	process crashtest.Process
	looks   int
}

const chained = 12 // guests of the chain's file

func newChain(t *testing.T, duplicates time.Duration) *chain {
	c := &chain{world: newWorld(t)}
	c.bus = membus.New(membus.Options{Now: func() time.Time { return c.now }, DuplicateWindow: duplicates})
	c.plan.Ledger, c.plan.Bus = c.process.Ledger(c.ledger), c.process.Sender(c.bus)
	c.plan.Window = narrow{c}
	return c
}

// narrow is a window that lets two pass and is full at every third look, so that the plan is handed over.
type narrow struct{ *chain }

func (n narrow) Room(context.Context, string) (window.Room, error) {
	if n.looks++; n.looks%3 == 0 {
		return window.Room{Why: "the window is full"}, nil
	}
	return window.Room{Invites: 2}, nil
}

// run drops the file, allows what it asks for when it is held, and delivers until nothing comes any more.
func (c *chain) run() {
	c.t.Helper()
	if err := c.bus.Send(c.t.Context(), c.put("a.csv", rows(chained))); err != nil {
		c.t.Fatal(err)
	}
	c.drain()
	i := c.only()
	s := &plan.Sources{Ledger: c.ledger, Blobs: c.blobs, Bus: c.bus}
	p, err := s.Propose(c.t.Context(), "partners", i.ID)
	if err == nil {
		_, err = s.Add(c.t.Context(), p)
	}
	if err != nil {
		c.t.Fatalf("import in state %s: %v", i.State, err)
	}
	c.drain()
}

// drain delivers what is in the queue of uploads. A message of a process that died comes again when its lock ends.
func (c *chain) drain() {
	c.t.Helper()
	for idle := 0; idle < 3; {
		d, ok := c.bus.Receive(message.Uploads)
		if !ok {
			c.now, idle = c.now.Add(time.Minute), idle+1
			continue
		}
		idle = 0
		err := c.process.Run(func() error { return c.plan.Do(c.t.Context(), d.Message) })
		if errors.Is(err, crashtest.ErrCrash) {
			continue
		}
		if err == nil {
			err = c.bus.Complete(d.Queue, d.LockToken)
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// check looks into the ledger and into the queues.
func (c *chain) check(when string) {
	c.t.Helper()
	if i := c.only(); i.State != ledger.Running || i.GuestsPlanned != chained {
		c.t.Errorf("%s: the import was left in state %s with %d guests", when, i.State, i.GuestsPlanned)
	}
	invited := map[string]bool{}
	for d, ok := c.bus.Receive(message.Invitations); ok; d, ok = c.bus.Receive(message.Invitations) {
		e, err := c.ledger.Entry(c.t.Context(), d.Message.Import, d.Message.Guest)
		if err != nil || e.Invite.State != ledger.Sent || e.Invite.Generation != d.Message.Generation {
			c.t.Errorf("%s: a message of generation %d, its step is %+v, %v", when, d.Message.Generation, e.Invite, err)
		}
		invited[d.Message.Guest] = true
	}
	if len(invited) != chained {
		c.t.Errorf("%s: %d guests have a message, want %d", when, len(invited), chained)
	}
	if _, ok := c.bus.Receive(message.Reports); !ok {
		c.t.Errorf("%s: nobody asks for the report", when)
	}
}
