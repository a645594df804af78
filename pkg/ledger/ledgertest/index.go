package ledgertest

import (
	"testing"
	"time"

	"guestlist/pkg/ledger"
)

var indexes = []test{
	{"DueIsExactToTheNanosecond", dueExact},
	{"DueIsEarliestFirst", dueOrder},
	{"DueFollowsTheEarliestStep", dueMoves},
	{"WaitingGuestIsListedOncePerReason", waitingReasons},
	{"ReasonsMayHoldAnyCharacter", waitingOdd},
	{"ReasonsThatBeginAlikeStayApart", waitingPrefix},
}

func dueExact(t *testing.T, h Harness) {
	e := planned(1)
	e.Invite.Send(noon)
	insert(t, h.Store, e, planned(2))
	same(t, "at its time", nil, collect(t, h.Store.DueBefore(t.Context(), importID, noon)))
	same(t, "just after", []string{key(1)}, collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(1))))
	same(t, "just before", nil, collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(-1))))
}

func dueOrder(t *testing.T, h Harness) {
	numbers := samePartition(20)
	var want []string
	for i, n := range numbers {
		e := planned(n)
		e.Invite.Send(noon.Add(time.Duration(i*7%20) * 100 * time.Microsecond))
		insert(t, h.Store, e)
	}
	for rank := range numbers {
		for i, n := range numbers {
			if i*7%20 == rank {
				want = append(want, key(n))
			}
		}
	}
	// Guests of one part lie in one partition, whatever partitions an adapter has; of others the order is open.
	got := collect(t, h.Store.DueBefore(t.Context(), importID, noon.Add(time.Hour)))
	for part := range ledger.Parts {
		same(t, "order in a part", inPart(want, part), inPart(got, part))
	}
	same(t, "all", sorted(want), sorted(got))
	for range h.Store.DueBefore(t.Context(), importID, noon.Add(time.Hour)) {
		break // a caller may stop early
	}
}

func inPart(guests []string, part int) []string {
	var found []string
	for _, g := range guests {
		if ledger.PartOf(g) == part {
			found = append(found, g)
		}
	}
	return found
}

func dueMoves(t *testing.T, h Harness) {
	insert(t, h.Store, planned(1))
	move := func(change func(*ledger.Entry), before time.Time, want ...string) {
		t.Helper()
		_, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
			change(e)
			return nil
		})
		must(t, err)
		same(t, "due", want, collect(t, h.Store.DueBefore(t.Context(), importID, before)))
	}
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	move(func(e *ledger.Entry) { e.Invite.Send(hour(2)) }, hour(3), key(1))
	move(func(e *ledger.Entry) { e.Notify.Send(hour(1)) }, hour(2), key(1))
	move(func(e *ledger.Entry) { e.Notify.End(ledger.Done, noon) }, hour(2))
	move(func(e *ledger.Entry) { e.Targets[0].Send(hour(4)) }, hour(3), key(1))
	move(func(e *ledger.Entry) { e.Invite.End(ledger.Done, noon) }, hour(3))
	move(func(e *ledger.Entry) {}, hour(5), key(1))
	move(func(e *ledger.Entry) { e.Targets[0].End(ledger.Done, noon) }, hour(9))
}

func waiting(reason string) ledger.Step { return ledger.Step{State: ledger.Waiting, Wait: reason} }

func waitingReasons(t *testing.T, h Harness) {
	e := planned(1)
	e.Targets = append(e.Targets, e.Targets[0])
	e.Targets[0].Step, e.Targets[1].Step, e.Notify = waiting("breaker"), waiting("breaker"), waiting("rate")
	insert(t, h.Store, e, planned(2))
	wait := func(reason string) []string { return collect(t, h.Store.WaitingFor(t.Context(), importID, reason)) }
	same(t, "breaker", []string{key(1)}, wait("breaker"))
	same(t, "rate", []string{key(1)}, wait("rate"))
	same(t, "day", nil, wait("day"))
	_, _, err := h.Store.UpdateEntry(t.Context(), importID, key(1), func(e *ledger.Entry) error {
		e.Targets[0].Send(noon)
		e.Notify.Send(noon)
		return nil
	})
	must(t, err)
	same(t, "breaker, for the second target", []string{key(1)}, wait("breaker"))
	same(t, "rate, after sending", nil, wait("rate"))
}

func waitingOdd(t *testing.T, h Harness) {
	const odd = `a|b/c\d#e?f'g%20 "ü~+`
	e := planned(1)
	e.Invite = waiting(odd)
	insert(t, h.Store, e)
	same(t, "guests", []string{key(1)}, collect(t, h.Store.WaitingFor(t.Context(), importID, odd)))
	tally, err := h.Store.Tally(t.Context(), importID)
	must(t, err)
	same(t, "tally", map[string]int{odd: 1}, tally.InviteWaiting)
	_, _, err = h.Store.UpdateEntry(t.Context(), importID, key(1), endAll)
	must(t, err)
	same(t, "guests", nil, collect(t, h.Store.WaitingFor(t.Context(), importID, odd)))
}

func waitingPrefix(t *testing.T, h Harness) {
	for i, reason := range []string{"rate", "rate|", "rates", "rat"} {
		e := planned(i)
		e.Invite = waiting(reason)
		insert(t, h.Store, e)
	}
	same(t, "guests", []string{key(0)}, collect(t, h.Store.WaitingFor(t.Context(), importID, "rate")))
}
