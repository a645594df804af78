package replay_test

import (
	"errors"
	"testing"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// TestCrashBetweenEntryAndMessage dies before and after each write and each send; the sweep then sends what is missing, or a second
// replay does.
func TestCrashBetweenEntryAndMessage(t *testing.T) {
	t.Parallel()
	const guests = 100
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.imports("a", many(guests)...)
		var p crashtest.Process
		p.DieAt(points)
		r := w.replay()
		r.Ledger, r.Bus = p.Ledger(w.ledger), p.Sender(w.bus)
		err := p.Run(func() error {
			_, err := r.Run(t.Context(), replay.Selection{Import: "a"})
			return err
		})
		if !p.Died() {
			if err != nil {
				t.Fatal(err)
			}
			break
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
