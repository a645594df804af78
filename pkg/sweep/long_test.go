package sweep_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

// sluggish is a ledger that takes its time for each import.
type sluggish struct{ *memledger.Store }

func (s sluggish) DueBefore(ctx context.Context, id string, t time.Time) iter.Seq2[string, error] {
	select {
	case <-time.After(time.Second):
		return s.Store.DueBefore(ctx, id, t)
	case <-ctx.Done():
		return func(yield func(string, error) bool) { yield("", ctx.Err()) }
	}
}

// TestManyImportsAreAllSweptInTurn: a thousand imports do not fit into one sweep. None is passed over each time, and what
// comes after them in a sweep is done in each.
func TestManyImportsAreAllSweptInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const n = 1000
		for i := range n {
			w.imports(ledger.Import{ID: fmt.Sprintf("import%04d", i), State: ledger.Running}, guest(i, sent(w.now)))
		}
		w.now = w.now.Add(time.Hour)
		swept := map[string]bool{}
		sweeps := 0
		for ; len(swept) < n && sweeps < 100; sweeps++ {
			s, start := w.sweep(), time.Now()
			s.Ledger = sluggish{w.ledger}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // that of functions/sweepledger
			if err := s.Run(ctx); err != nil || time.Since(start) > 6*time.Minute {
				t.Fatalf("sweep %d: %v after %s", sweeps, err, time.Since(start))
			}
			cancel()
			for _, m := range w.take() {
				swept[m.Import] = true
			}
		}
		if len(swept) < n || sweeps < 3 || w.tidied != sweeps {
			t.Errorf("%d of %d imports swept in %d sweeps, dead letters tidied in %d", len(swept), n, sweeps, w.tidied)
		}
	})
}

// TestSweepThatDiesIsFollowedByOneThatGoesOn kills a sweep before and after each of its acts. After half an hour at most
// every step's message has been sent in the generation that the ledger says.
func TestSweepThatDiesIsFollowedByOneThatGoesOn(t *testing.T) {
	t.Parallel()
	points := 0
	for ; ; points++ {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "lost", State: ledger.Running}, guest(0, sent(w.now)), guest(1, ended(ledger.Done), sent(w.now)))
		w.imports(ledger.Import{ID: "cancelled", State: ledger.Running, Cancelled: true}, guest(0, sent(w.now)))
		w.imports(ledger.Import{ID: "waiting", State: ledger.Running}, guest(0, waits("breaker")))
		w.imports(ledger.Import{ID: "staging", State: ledger.Staging, Stage: ledger.Phase{Generation: 1, Due: w.now}})
		w.imports(ledger.Import{ID: "unplanned", State: ledger.Running}, guest(0, ledger.Step{Generation: 1, State: ledger.Planned}))
		w.imports(ledger.Import{ID: "done", State: ledger.Running}, guest(0, ended(ledger.Done)))
		w.now = w.now.Add(staleAfter + time.Second)
		var process crashtest.Process
		s := w.sweep()
		s.Ledger, s.Bus = process.Ledger(w.ledger), process.Sender(w.bus)
		process.DieAt(points)
		err := process.Run(func() error { return s.Run(t.Context()) })
		if !process.Died() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		latest := map[string]int{}
		for _, m := range w.bus.Sent() {
			latest[key(m)] = m.Generation
		}
		for range 2 { // what a report was asked for is asked for again after a quarter of an hour
			for _, m := range w.later(staleAfter + time.Second) {
				latest[key(m)] = m.Generation
			}
		}
		w.settled(t, points, latest)
	}
	if points < 2*12 {
		t.Errorf("%d points; the acts are not wrapped", points)
	}
}

func key(m message.Message) string {
	return fmt.Sprint(m.Kind, " ", m.Import, " ", m.Guest, " ", m.Target)
}

// settled compares what was sent last with the ledger.
func (w *world) settled(t *testing.T, point int, latest map[string]int) {
	t.Helper()
	for i := range w.ledger.ListImports(t.Context(), true) {
		want := []message.Message{}
		if i.State == ledger.Staging || i.State == ledger.Planning {
			want = append(want, i.Message())
		}
		open := 0
		for part := range ledger.Parts {
			for e := range w.ledger.ListEntries(t.Context(), i.ID, part, "") {
				want = append(want, i.Messages(&e, func(s *ledger.Step) bool { return s.State == ledger.Sent })...)
				if !e.Ended() {
					open++
				}
			}
		}
		for _, m := range want {
			if latest[key(m)] != m.Generation {
				t.Errorf("point %d: %s was sent in generation %d, the ledger says %d", point, key(m), latest[key(m)], m.Generation)
			}
		}
		if _, asked := latest[key(message.Message{Kind: message.Report, Import: i.ID})]; len(want) == 0 && (open > 0 || !asked) {
			t.Errorf("point %d: import %s has %d open guests that nothing was sent for; report asked for: %t", point, i.ID, open, asked)
		}
	}
	if e := w.entry("cancelled", 0); e.Invite.Outcome != ledger.Cancelled {
		t.Errorf("point %d: %+v", point, e.Invite)
	}
}
