// Package crashtest kills a worker at each of its acts in turn, for tests that ask what a crash leaves behind.
//
// What an act is, pkg/acts says. A point is a place where the worker may die: one before each act, one after it. Between
// the two the act has happened, so after the second point only the worker's knowledge of it is lost.
//
// Make the worker from the [Process.Ledger] and the [Process.Sender] of one [Process], wrap what else it changes in [Act],
// and deliver through [Process.Run]. An oracle begins at point 0 and goes on until a delivery comes to its end, each time in a fresh
// world:
//
//	points := 0
//	for ; ; points++ {
//		w := newWorld(t)
//		w.process.DieAt(points)
//		if err := w.deliver(m); !w.process.Died() {
//			// nothing crashed: err must be nil
//			break
//		}
//		// deliver m again, as the broker would, then compare what is there with what a calm delivery leaves
//	}
//	// fail if points is smaller than the acts that are known: then they are not wrapped
//
// A Process is for one
// goroutine, since a panic in another cannot be caught.
package crashtest

import (
	"context"
	"errors"

	"guestlist/pkg/acts"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
)

// ErrCrash is what a process that died leaves of a call: nothing.
var ErrCrash = errors.New("crashed")

// Process is a worker and its successors: it dies once, and then the next delivery is that of a process started anew.
// The zero value never dies.
type Process struct {
	// Around, if it is set, does every act instead: for a worker of several goroutines, which no panic can end. It says
	// what the worker hears of the act, done or not.
	Around func(act func() error) error

	left int // points to the one that is deadly, counting it; 0: never
	died bool
}

// DieAt makes the process die at the n-th point from now, counted from 0: before an act with an even n, after it with an
// odd one.
func (p *Process) DieAt(n int) { p.left, p.died = n+1, false }

// Died reports whether the process has died since the last call of DieAt.
func (p *Process) Died() bool { return p.died }

// Run does f and returns its error, or ErrCrash if the process died in it. Other panics pass.
func (p *Process) Run(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != ErrCrash { //nolint:errorlint // a panic value
				panic(r)
			}
			err = ErrCrash
		}
	}()
	return f()
}

func (p *Process) point() {
	if p.left == 0 {
		return
	}
	if p.left--; p.left == 0 {
		p.died = true
		panic(ErrCrash)
	}
}

// mark is the process as pkg/acts sees it.
func (p *Process) mark(_ context.Context, _ string, do func() error) error {
	if p.Around != nil {
		return p.Around(do)
	}
	p.point()
	err := do()
	p.point()
	return err
}

// Act does f between two points of p.
func Act[T any](p *Process, f func() (T, error)) (T, error) {
	return acts.Do(context.Background(), p.mark, "", f)
}

// Ledger returns l with its writes as acts of the process.
func (p *Process) Ledger(l ledger.Store) ledger.Store { return acts.Ledger{Store: l, Mark: p.mark} }

// Sender returns b with its sends as acts of the process: one, however many messages.
func (p *Process) Sender(b bus.Sender) bus.Sender { return acts.Sender{Bus: b, Mark: p.mark} }
