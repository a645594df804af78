package assign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/assign"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// tenant is a directory with groups, several guests of one or more imports, and one process that works on their messages.
type tenant struct {
	t      *testing.T
	ledger *memledger.Store
	step   *assign.Step

	mu      sync.Mutex
	members map[string]map[string]bool // by group
	unknown map[string]bool            // users that are not replicated yet
	refused map[string]bool            // users that no group takes
	stale   bool                       // the index of members shows nobody
	lost    int                        // answers to lose, of writes that are done
	err     error                      // verdict on every write of several
	writes  []int                      // members named by each write
	reads   int                        // users looked for
}

// inTenant runs f with a clock of its own, which moves when everybody waits.
func inTenant(t *testing.T, f func(w *tenant)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &tenant{t: t, ledger: memledger.New(time.Now), members: map[string]map[string]bool{}, unknown: map[string]bool{}, refused: map[string]bool{}}
		w.step = w.process()
		f(w)
	})
}

// process returns a worker that gathers as production does.
func (w *tenant) process() *assign.Step {
	return &assign.Step{Ledger: w.ledger, Directory: w, Bus: membus.New(membus.Options{}), Pacer: pace.New(w.ledger, unpaced),
		Cancelled: ledger.NewFlags(w.ledger, time.Hour).Cancelled, Gather: 5 * time.Second, Places: 64}
}

var errRefused = message.Never("group.refused", "The group takes nobody like that.")

func (w *tenant) AddMembers(_ context.Context, group string, users []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, len(users))
	if w.err != nil {
		return w.err
	}
	for _, user := range users {
		switch {
		case w.unknown[user]:
			return &assign.Refused{Missing: user, Err: replicating()}
		case w.refused[user], w.members[group][user]:
			return &assign.Refused{Err: errRefused}
		}
	}
	w.join(group, users...)
	if w.lost > 0 {
		w.lost--
		return errors.New("504")
	}
	return nil
}

func (w *tenant) join(group string, users ...string) {
	if w.members[group] == nil {
		w.members[group] = map[string]bool{}
	}
	for _, user := range users {
		w.members[group][user] = true
	}
}

func replicating() error {
	return &message.Later{After: 7 * time.Second, Why: "not replicated", Budget: time.Minute}
}

func (w *tenant) AddMember(_ context.Context, group, user string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, 1)
	switch {
	case w.unknown[user]:
		return false, replicating()
	case w.refused[user]:
		return false, errRefused
	case w.members[group][user]:
		return false, nil
	}
	w.join(group, user)
	return true, nil
}

func (w *tenant) Members(_ context.Context, group string, users []string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads += len(users)
	return slices.DeleteFunc(slices.Clone(users), func(user string) bool { return w.stale || !w.members[group][user] }), nil
}

func (w *tenant) AssignRole(_ context.Context, object, _, user string) (bool, error) {
	return w.AddMember(w.t.Context(), object, user)
}

func (w *tenant) HasRole(_ context.Context, object, _, user string) (bool, error) {
	has, err := w.Members(w.t.Context(), object, []string{user})
	return len(has) > 0, err
}

func user(n int) string { return fmt.Sprint("user-", n) }

func guestOf(n int) string { return message.GuestKey(fmt.Sprintf("guest%d@partner.example", n)) }

// plan inserts guests into an import, with the invitation ended and their targets sent.
func (w *tenant) plan(importID string, guests []int, invited ledger.Outcome, targets ...ledger.Target) {
	w.t.Helper()
	if _, _, err := w.ledger.CreateImport(w.t.Context(), ledger.Import{ID: importID, Source: "partners", State: ledger.Running, Revision: 1}); err != nil {
		w.t.Fatal(err)
	}
	for i := range targets {
		targets[i].Step = ledger.Step{Generation: 1, State: ledger.Sent, Due: time.Now()}
	}
	var entries []ledger.Entry
	for _, n := range guests {
		entries = append(entries, ledger.Entry{Import: importID, Guest: guestOf(n), Lines: []int{n + 2}, UserID: user(n),
			Invite: ledger.Step{Generation: 1, State: ledger.Ended, Outcome: invited}, Notify: ledger.Step{State: ledger.Ended},
			Targets: slices.Clone(targets)})
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), entries); err != nil {
		w.t.Fatal(err)
	}
}

func inGroup(id string) ledger.Target { return ledger.Target{Kind: ledger.Group, ID: id} }

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// deliver hands the messages of guests to the process all at once, as the host does, and returns their verdicts.
func (w *tenant) deliver(importID string, guests []int, attempt int) map[int]error {
	w.t.Helper()
	verdicts := map[int]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, n := range guests {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
			defer cancel()
			err := w.step.Do(ctx, message.Message{Kind: message.Assign, Import: importID, Guest: guestOf(n), Generation: 1, Attempt: attempt})
			mu.Lock()
			defer mu.Unlock()
			verdicts[n] = err
		})
	}
	wg.Wait()
	return verdicts
}

// outcomes counts the first targets of an import by outcome.
func (w *tenant) outcomes(importID string) map[ledger.Outcome]int {
	w.t.Helper()
	counts := map[ledger.Outcome]int{}
	for part := range ledger.Parts {
		for e, err := range w.ledger.ListEntries(w.t.Context(), importID, part, "") {
			if err != nil {
				w.t.Fatal(err)
			}
			counts[e.Targets[0].Outcome]++
		}
	}
	return counts
}

// fine fails the test unless every verdict is nil.
func fine(t *testing.T, verdicts map[int]error) {
	t.Helper()
	for _, n := range slices.Sorted(maps.Keys(verdicts)) {
		if verdicts[n] != nil {
			t.Errorf("guest %d: %v", n, verdicts[n])
		}
	}
}
