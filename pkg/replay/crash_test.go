package replay_test

import (
	"context"
	"errors"
	"testing"

	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

var errCrash = errors.New("crashed")

// TestCrashBetweenEntryAndMessage dies at each write and at each send; the sweep then sends what is missing, or a second
// replay does.
func TestCrashBetweenEntryAndMessage(t *testing.T) {
	t.Parallel()
	const guests = 100
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.imports("a", many(guests)...)
		left := points
		point := func(string) error {
			if left--; left < 0 {
				return errCrash
			}
			return nil
		}
		r := w.replay()
		r.Ledger, r.Bus = watching{Store: w.ledger, before: point}, dying{w, point}
		_, err := r.Run(t.Context(), replay.Selection{Import: "a"})
		if err == nil {
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if _, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"}); err != nil && !errors.Is(err, message.ErrNever) {
			t.Fatal(err)
		}
		w.now = w.now.Add(staleAfter + 1)
		if err := w.sweep().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent := map[string]bool{}
		for _, b := range w.take() {
			e := w.entry("a", number(b.Guest, guests))
			if e.Targets[0].Generation == b.Generation {
				sent[b.Guest] = true
			}
		}
		if len(sent) != guests {
			t.Errorf("crash at point %d: %d guests have a message of their generation, want %d", points, len(sent), guests)
		}
	}
	if points < 6 {
		t.Errorf("only %d crash points", points)
	}
}

func number(guest string, n int) int {
	for g := range n {
		if guestOf(g) == guest {
			return g
		}
	}
	return -1
}

// dying is a broker that the sender may die before.
type dying struct {
	w     *world
	point func(string) error
}

func (d dying) Send(ctx context.Context, msgs ...message.Message) error {
	if err := d.point("Send"); err != nil {
		return err
	}
	return d.w.bus.Send(ctx, msgs...)
}
