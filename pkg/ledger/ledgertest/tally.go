package ledgertest

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var tallies = []test{
	{"OfNothingIsZero", tallyEmpty},
	{"EqualsTheSumOverEntriesAfterRandomUpdates", tallyProperty},
}

// checkTally fails the test unless the tally of the import is the sum over its entries.
func checkTally(t *testing.T, s ledger.Store) {
	t.Helper()
	var want ledger.Tally
	for _, e := range listAll(t, s) {
		want = want.Plus(1, ledger.Count(&e))
	}
	got, err := s.Tally(t.Context(), importID)
	must(t, err)
	same(t, "tally", want, got)
}

func tallyEmpty(t *testing.T, h Harness) {
	got, err := h.Store.Tally(t.Context(), importID)
	must(t, err)
	same(t, "tally", ledger.Tally{}, got)
}

// tallyProperty lets workers of two processes insert and update at random, and compares tally and indexes with the
// entries in the end. The generators are seeded; the interleaving is not.
func tallyProperty(t *testing.T, h Harness) {
	const workers, rounds, guests = 4, 25, 24
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	errs := make([]error, workers)
	together(workers, func(w int) {
		store, random := h.Store, rand.New(rand.NewPCG(seed, uint64(w)))
		if w%2 == 1 {
			store = h.Second
		}
		for range rounds {
			errs[w] = errors.Join(errs[w], randomWork(t, store, random, guests))
		}
	})
	must(t, errors.Join(errs...))
	checkTally(t, h.Store)
	checkIndexes(t, h.Store)
}

func randomWork(t *testing.T, s ledger.Store, random *rand.Rand, guests int) error {
	change := func(e *ledger.Entry) error { return randomChange(random, e) }
	var err error
	switch n := random.IntN(guests); random.IntN(4) {
	case 0:
		_, err = s.InsertEntries(t.Context(), []ledger.Entry{planned(n), planned((n + 1) % guests)})
	case 1:
		_, err = s.UpdateEntries(t.Context(), importID, []string{key(n), key((n + 5) % guests)}, change)
	default:
		_, _, err = s.UpdateEntry(t.Context(), importID, key(n), change)
	}
	if errors.Is(err, ledger.ErrNotFound) {
		return nil // nobody has inserted it yet
	}
	return err
}

// randomChange moves one step of an entry, now and then none.
func randomChange(random *rand.Rand, e *ledger.Entry) error {
	steps := e.Steps()
	step := steps[random.IntN(len(steps))]
	switch random.IntN(6) {
	case 0:
		*step = ledger.Step{Generation: step.Generation + 1, State: ledger.Planned}
	case 1:
		step.Send(noon.Add(time.Duration(random.IntN(3600)) * time.Second))
	case 2:
		*step = ledger.Step{State: ledger.Waiting, Wait: []string{"breaker", "rate", "day"}[random.IntN(3)]}
	case 3:
		step.End([]ledger.Outcome{ledger.None, ledger.Done, ledger.Already, ledger.Failed}[random.IntN(4)], noon)
	case 4:
		e.UserID = []string{"", "user"}[random.IntN(2)]
	default:
		return ledger.ErrUnchanged
	}
	return nil
}

// checkIndexes compares what the indexes yield with what the entries say.
func checkIndexes(t *testing.T, s ledger.Store) {
	t.Helper()
	end := noon.Add(30 * time.Minute)
	var due []string
	waiting := map[string][]string{}
	for _, e := range listAll(t, s) {
		if at, ok := e.Due(); ok && at.Before(end) {
			due = append(due, e.Guest)
		}
		for _, reason := range reasons(&e) {
			waiting[reason] = append(waiting[reason], e.Guest)
		}
	}
	same(t, "due", sorted(due), sorted(collect(t, s.DueBefore(t.Context(), importID, end))))
	for _, reason := range []string{"breaker", "rate", "day"} {
		same(t, reason, sorted(waiting[reason]), sorted(collect(t, s.WaitingFor(t.Context(), importID, reason))))
	}
}

// reasons returns what steps of an entry wait for, each once.
func reasons(e *ledger.Entry) []string {
	var all []string
	seen := map[string]bool{}
	for _, s := range e.Steps() {
		if s.State == ledger.Waiting && !seen[s.Wait] {
			all, seen[s.Wait] = append(all, s.Wait), true
		}
	}
	return all
}
