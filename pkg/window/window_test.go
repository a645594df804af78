package window_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/window"
)

var (
	noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	fast = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}
)

func TestLimitsFollowTheRates(t *testing.T) {
	t.Parallel()
	ramped := pace.Careful.Fill(ledger.Tenant{})
	ramped.Ramp.Succeeded = 160 // twice doubled: 40 a minute
	halved := fast.Fill(ledger.Tenant{})
	halved.Writes.Rate, halved.Writes.Halved = pace.Writes/2, noon
	used := pace.Settings{Writes: 20, Invitations: 30, Cap: 100}.Fill(ledger.Tenant{})
	used.Ramp.Day, used.Ramp.Count = noon.Truncate(24*time.Hour), 70
	free := pace.Settings{Writes: pace.Unlimited, Invitations: pace.Unlimited}.Fill(ledger.Tenant{})
	for name, c := range map[string]struct {
		row  ledger.Tenant
		want window.Limits
	}{
		"a new tenant":         {ledger.Tenant{}, window.Limits{Plan: 20, Sweep: 20, Targets: 11760, Interval: 6 * time.Second, Ramped: true, Left: 2000, Capped: true}},
		"after 160 successes":  {ramped, window.Limits{Plan: 20, Sweep: 40, Targets: 11760, Interval: 1500 * time.Millisecond, Ramped: true, Left: 2000, Capped: true}},
		"the documented limit": {fast.Fill(ledger.Tenant{}), window.Limits{Plan: 392, Sweep: 1176, Targets: 11760, Interval: 51_020_408}},
		"just throttled":       {halved, window.Limits{Plan: 196, Sweep: 588, Targets: 5880, Interval: 102_040_816}},
		"a cap":                {used, window.Limits{Plan: 400, Sweep: 1200, Targets: 12000, Interval: 50 * time.Millisecond, Left: 30, Capped: true}},
		"no limits":            {free, window.Limits{Plan: 2000, Sweep: 2000, Targets: 12000, Interval: time.Millisecond}},
	} {
		if got := window.At(c.row, pace.Careful, noon); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// world is a ledger and a window on it, in virtual time.
type world struct {
	*memledger.Store
	t      *testing.T
	open   bool
	broken error
	window *window.Window
}

func newWorld(t *testing.T) *world {
	w := &world{Store: memledger.New(time.Now), t: t}
	w.window = &window.Window{Ledger: w, Settings: fast, Breaker: w}
	return w
}

func (w *world) Open(context.Context) (ledger.Breaker, bool, error) {
	return ledger.Breaker{}, w.open, w.broken
}

// add adds an import with so many guests that are sent and planned.
func (w *world) add(id string, state ledger.ImportState, sent, planned int) {
	w.t.Helper()
	if _, _, err := w.CreateImport(w.t.Context(), ledger.Import{ID: id, State: state, Revision: 1}); err != nil {
		w.t.Fatal(err)
	}
	var all []ledger.Entry
	for n := range sent + planned {
		e := ledger.Entry{Import: id, Guest: message.GuestKey(fmt.Sprint(n)), Invite: ledger.Step{State: ledger.Planned}}
		if n < sent {
			e.Invite.Send(time.Now())
		}
		all = append(all, e)
	}
	if _, err := w.InsertEntries(w.t.Context(), all); err != nil {
		w.t.Fatal(err)
	}
}

// send sends one guest's invitation.
func (w *world) send(id string, n int) {
	w.t.Helper()
	_, _, err := w.UpdateEntry(w.t.Context(), id, message.GuestKey(fmt.Sprint(n)), func(e *ledger.Entry) error {
		e.Invite.Send(time.Now())
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) room(id string) window.Room {
	w.t.Helper()
	r, err := w.window.Room(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestImportsShareTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.add("big", ledger.Planning, 290, 500)
		if r := w.room("big"); r.Invites != 102 {
			t.Errorf("alone: %+v, want 392 less 290", r)
		}
		w.add("small", ledger.Planning, 0, 10)
		w.add("waiting for a person", ledger.Held, 0, 5)
		w.add("over", ledger.Running, 0, 0)
		time.Sleep(11 * time.Second)
		if r := w.room("big"); r.Invites != 0 || r.Why == "" {
			t.Errorf("of two: %+v, want none", r)
		}
		if r := w.room("small"); r.Invites != 196 {
			t.Errorf("the other of two: %+v, want half", r)
		}
	})
}

// TestImportsThatComeTogetherShareTheWindow: none takes it all because it was counted before the others came.
func TestImportsThatComeTogetherShareTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sent := 0
		for n := range 100 {
			id := fmt.Sprint(n)
			w.add(id, ledger.Planning, 0, 20)
			for k := range 20 {
				r := w.room(id)
				if r.Invites == 0 {
					break
				}
				w.send(id, k)
				sent++
			}
		}
		if most := 392 + 392/4 + 100; sent > most || sent < 392 {
			t.Errorf("%d are on their way, want a window and a quarter at most, and one of each", sent)
		}
		for n := range 100 {
			if got, err := w.Tally(t.Context(), fmt.Sprint(n)); err != nil || got.InviteSent == 0 {
				t.Errorf("import %d does not move: %+v, %v", n, got, err)
			}
		}
	})
}

func TestEveryImportMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.window.Settings = pace.Careful
		for n := range 200 {
			w.add(fmt.Sprint(n), ledger.Planning, 0, 2)
		}
		for n := range 200 {
			if r := w.room(fmt.Sprint(n)); r.Invites != 1 {
				t.Errorf("import %d: %+v, want one", n, r)
			}
		}
	})
}

func TestNothingIsSentWhileTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("a", ledger.Planning, 1, 5)
	w.add("b", ledger.Planning, 0, 5)
	w.open = true
	if r := w.room("b"); r.Invites != 1 {
		t.Errorf("room of an import of which nobody waits: %+v, want one, with whom the breaker is probed", r)
	}
	if r := w.room("a"); r.Invites != 0 || !strings.Contains(r.Why, "breaker") {
		t.Errorf("room %+v", r)
	}
	w.broken = errors.New("503 server busy")
	if _, err := w.window.Room(t.Context(), "a"); !errors.Is(err, w.broken) {
		t.Errorf("error %v", err)
	}
}

func TestAssignmentsFillTheWindowToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.window.Settings = pace.Settings{Writes: 0.1, Invitations: 0.1}
	step := ledger.Step{State: ledger.Sent, Due: time.Now()}
	var targets []ledger.Target
	for range 60 {
		targets = append(targets, ledger.Target{Kind: ledger.Group, Step: step})
	}
	w.add("a", ledger.Planning, 0, 5)
	if _, err := w.InsertEntries(t.Context(), []ledger.Entry{{Import: "a", Guest: message.GuestKey("x"), Invite: ledger.Step{State: ledger.Ended}, Targets: targets}}); err != nil {
		t.Fatal(err)
	}
	if r := w.room("a"); r.Invites != 0 || !strings.Contains(r.Why, "assignments") {
		t.Errorf("room %+v, want none while ten minutes of assignments are on their way", r)
	}
}
