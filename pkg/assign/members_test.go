package assign_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

type counts = map[ledger.Outcome]int

// did fails the test unless the directory had these writes, the import these outcomes, and each user the group once.
func (w *tenant) did(writes []int, importID string, want counts) {
	w.t.Helper()
	if diff := cmp.Diff(writes, w.writes); diff != "" {
		w.t.Errorf("members of each write, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want, w.outcomes(importID)); diff != "" {
		w.t.Errorf("outcomes, -want +got:\n%s", diff)
	}
	w.writes = nil
}

// TestTwentyToOneWrite has 45 guests at once: two full writes, and one that goes when five seconds have passed.
func TestTwentyToOneWrite(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(45), ledger.Done, inGroup("g"))
		start := time.Now()
		fine(w.t, w.deliver("one", upTo(45), 1))
		w.did([]int{20, 20, 5}, "one", counts{ledger.Done: 45})
		if took := time.Since(start).Round(time.Second); took != 5*time.Second || w.reads != 0 {
			w.t.Errorf("took %s with %d reads; want 5s, and no look at guests that were just invited", took, w.reads)
		}
	})
}

func TestEachGroupHasItsOwnWrite(t *testing.T) {
	inTenant(t, func(w *tenant) {
		for g := range 3 {
			w.plan(fmt.Sprint("import-", g), upTo(10), ledger.Done, inGroup(fmt.Sprint("g", g)))
		}
		done := make(chan map[int]error)
		for g := range 3 {
			go func() { done <- w.deliver(fmt.Sprint("import-", g), upTo(10), 1) }()
		}
		for range 3 {
			fine(w.t, <-done)
		}
		w.did([]int{10, 10, 10}, "import-0", counts{ledger.Done: 10})
	})
}

// TestNobodyWaitsForWhoCannotCome takes every place of the process with guests of several groups: the fullest write goes at
// once, and makes room.
func TestNobodyWaitsForWhoCannotCome(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.step.Places = 12
		w.plan("many", upTo(8), ledger.Done, inGroup("g"))
		w.plan("few", upTo(4), ledger.Done, inGroup("h"))
		start, done := time.Now(), make(chan time.Duration)
		for importID, n := range map[string]int{"many": 8, "few": 4} {
			go func() {
				fine(w.t, w.deliver(importID, upTo(n), 1))
				done <- time.Since(start).Round(time.Second)
			}()
		}
		if first, second := <-done, <-done; first != 0 || second != 5*time.Second {
			w.t.Errorf("done after %s and %s", first, second)
		}
		w.did([]int{8, 4}, "many", counts{ledger.Done: 8})
	})
}

// TestSameFileAgainWritesNothing looks for who is there before it writes.
func TestSameFileAgainWritesNothing(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		fine(w.t, w.deliver("one", upTo(20), 1))
		w.did([]int{20}, "one", counts{ledger.Done: 20})
		w.plan("two", upTo(20), ledger.Already, inGroup("g"))
		fine(w.t, w.deliver("two", upTo(20), 1))
		w.did(nil, "two", counts{ledger.Already: 20})
	})
}

// TestRepaired takes three members out of the group, and adds one guest who never had it.
func TestRepaired(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		fine(w.t, w.deliver("one", upTo(20), 1))
		for n := range 3 {
			delete(w.members["g"], user(n))
		}
		w.writes = nil
		again := append(upTo(19), 20)
		w.plan("two", again, ledger.Already, inGroup("g"))
		fine(w.t, w.deliver("two", again, 1))
		w.did([]int{4}, "two", counts{ledger.Already: 16, ledger.Repaired: 3, ledger.Done: 1})
	})
}

// TestRepairedRole does the same with an app role: it has no shared write.
func TestRepairedRole(t *testing.T) {
	inTenant(t, func(w *tenant) {
		app := ledger.Target{Kind: ledger.Application, ID: "app", Object: "sp", Role: "role"}
		w.plan("one", upTo(3), ledger.Done, app)
		fine(w.t, w.deliver("one", upTo(3), 1))
		w.did([]int{1, 1, 1}, "one", counts{ledger.Done: 3})
		delete(w.members["sp"], user(1))
		w.plan("two", upTo(4), ledger.Already, app)
		fine(w.t, w.deliver("two", upTo(4), 1))
		w.did([]int{1, 1}, "two", counts{ledger.Already: 2, ledger.Repaired: 1, ledger.Done: 1})
	})
}

// TestUnknownMemberWaitsAlone has a guest who is not replicated yet: the others are written without, and only that one
// comes again, with the directory's verdict.
func TestUnknownMemberWaitsAlone(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		w.unknown[user(4)] = true
		verdicts := w.deliver("one", upTo(20), 1)
		later, ok := errors.AsType[*message.Later](verdicts[4])
		if !ok || later.Budget != time.Minute || later.After != 7*time.Second {
			w.t.Errorf("the unknown: %v", verdicts[4])
		}
		delete(verdicts, 4)
		fine(w.t, verdicts)
		w.did([]int{20, 19}, "one", counts{ledger.Done: 19, ledger.None: 1})
	})
}

// TestManyUnknownMembers gives up a batch after three writes. Whoever was not named comes again without a budget: the
// fault is another's.
func TestManyUnknownMembers(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		for n := range 10 {
			w.unknown[user(n)] = true
		}
		named, others := 0, 0
		for _, err := range w.deliver("one", upTo(20), 1) {
			switch later, ok := errors.AsType[*message.Later](err); {
			case !ok:
				w.t.Errorf("verdict %v", err)
			case later.Budget > 0:
				named++
			default:
				others++
			}
		}
		if named != 3 || others != 17 {
			w.t.Errorf("%d named, %d others", named, others)
		}
		w.unknown = map[string]bool{}
		w.writes = nil
		fine(w.t, w.deliver("one", upTo(20), 1))
		w.did([]int{20}, "one", counts{ledger.Done: 20})
	})
}

// TestMemberWhoIsThereIsFoundByALook has two guests of this import in the group before their write: perhaps a delivery that
// died. One look tells who, and the others are written together.
func TestMemberWhoIsThereIsFoundByALook(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		w.join("g", user(3), user(7))
		fine(w.t, w.deliver("one", upTo(20), 1))
		w.did([]int{20, 18}, "one", counts{ledger.Done: 20})
	})
}

// TestRefusalThatNobodyExplains is taken apart one by one: a look does not tell, either because the index lags behind or
// because the refusal has another cause.
func TestRefusalThatNobodyExplains(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(6), ledger.Done, inGroup("g"))
		w.join("g", user(3))
		w.stale, w.refused[user(5)] = true, true
		verdicts := w.deliver("one", upTo(6), 1)
		if !errors.Is(verdicts[5], message.ErrNever) {
			w.t.Errorf("the refused: %v", verdicts[5])
		}
		delete(verdicts, 5)
		fine(w.t, verdicts)
		w.did([]int{6, 1, 1, 1, 1, 1, 1}, "one", counts{ledger.Done: 5, ledger.None: 1})
	})
}

// TestLostAnswer loses the answer to a write that is done: each message is an attempt of its own, and then finds the group
// as it should be, without another write.
func TestLostAnswer(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		w.lost = 1
		for n, err := range w.deliver("one", upTo(20), 1) {
			if _, later := errors.AsType[*message.Later](err); err == nil || later || errors.Is(err, message.ErrNever) {
				w.t.Errorf("guest %d: %v, want an attempt that failed", n, err)
			}
		}
		fine(w.t, w.deliver("one", upTo(20), 2))
		w.did([]int{20}, "one", counts{ledger.Done: 20})
	})
}

// TestVerdictOnAWriteIsEverybodys hands what is no refusal of one member to all, and slows the pace.
func TestVerdictOnAWriteIsEverybodys(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		w.err = &pace.Throttled{After: 9 * time.Second, Err: &message.Later{After: 9 * time.Second, Why: "throttled"}}
		for n, err := range w.deliver("one", upTo(20), 1) {
			if later, ok := errors.AsType[*message.Later](err); !ok || later.After != 9*time.Second {
				w.t.Errorf("guest %d: %v", n, err)
			}
		}
		row, err := w.ledger.Tenant(w.t.Context())
		if err != nil || !row.Writes.Next.Equal(row.Writes.Halved.Add(9*time.Second)) || row.Writes.Rate != pace.Unlimited/2 {
			w.t.Errorf("row %+v, %v", row, err)
		}
	})
}

// TestPaceThatIsTooFarAheadIsEverybodysLater books nothing for a batch whose turn is more than 20 s ahead.
func TestPaceThatIsTooFarAheadIsEverybodysLater(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(20), ledger.Done, inGroup("g"))
		_, err := w.ledger.UpdateTenant(w.t.Context(), func(row *ledger.Tenant, now time.Time) error {
			*row = unpaced.Fill(*row)
			row.Writes.Next = now.Add(time.Minute)
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		for n, err := range w.deliver("one", upTo(20), 1) {
			if _, ok := errors.AsType[*message.Later](err); !ok {
				w.t.Errorf("guest %d: %v", n, err)
			}
		}
		w.did(nil, "one", counts{ledger.None: 20})
	})
}

// TestEndOfOneInvocationDoesNotEndTheWriteOfOthers cancels the first, which leads.
func TestEndOfOneInvocationDoesNotEndTheWriteOfOthers(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(3), ledger.Done, inGroup("g"))
		ctx, cancel := context.WithCancel(w.t.Context())
		leader := make(chan error)
		go func() {
			leader <- w.step.Do(ctx, message.Message{Kind: message.Assign, Import: "one", Guest: guestOf(0), Generation: 1, Attempt: 1})
		}()
		synctest.Wait()
		others := make(chan map[int]error)
		go func() { others <- w.deliver("one", []int{1, 2}, 1) }()
		synctest.Wait()
		cancel()
		fine(w.t, <-others)
		<-leader
		if got := slices.Sorted(maps.Keys(w.members["g"])); len(got) != 3 || len(w.writes) != 1 {
			w.t.Errorf("members %v by writes %v", got, w.writes)
		}
	})
}

// TestTheSameGuestTwice has two imports add the same guests at the same moment: one write that names each of them once, for
// the import that invited them.
func TestTheSameGuestTwice(t *testing.T) {
	inTenant(t, func(w *tenant) {
		w.plan("one", upTo(2), ledger.Done, inGroup("g"))
		w.plan("two", upTo(2), ledger.Already, inGroup("g"))
		done := make(chan map[int]error)
		for _, importID := range []string{"two", "one"} {
			go func() { done <- w.deliver(importID, upTo(2), 1) }()
			synctest.Wait()
		}
		fine(w.t, <-done)
		fine(w.t, <-done)
		w.did([]int{2}, "one", counts{ledger.Done: 2})
		w.did(nil, "two", counts{ledger.Already: 2})
	})
}
