package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/window"
)

// looked is how many waiting guests of one import and reason a sweep looks at: each costs a read.
const looked = 2000

// waiter is an import with guests that wait.
type waiter struct {
	ledger.Import
	tally   ledger.Tally
	invites int // invitations that it may send now
}

// resume sends what waited and may go on, as far as the window has room; imports share it. Invitations are spread over the
// time until the next sweep, so that a file that arrives meanwhile goes between. While the breaker is open it
// sends no more than a probe, and looks at no guest; where the breaker stops invitations only, what else waited goes on.
func (s *Sweep) resume(ctx context.Context, imports []ledger.Import, now time.Time) error {
	if err := s.Breaker.Probe(ctx, s.Ledger, imports, s.Bus.Send); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	row, _, err := s.Breaker.Open(ctx)
	if err != nil || breaker.Stops(row, message.Assign) {
		return err
	}
	l, err := s.Window.Limits(ctx)
	if err != nil {
		return err
	}
	all, sent, targets, err := s.waiters(ctx, imports)
	if err != nil || len(all) == 0 {
		return err
	}
	reasons, room := due(l, sent)
	if breaker.Stops(row, message.Invite) {
		reasons, room = []string{ledger.WaitBreaker}, 0
	}
	share(all, room, reasons)
	d := drain{Sweep: s, now: now, next: now.Add(time.Duration(sent) * l.Interval), interval: l.Interval, ramped: l.Ramped, targets: l.Targets - targets}
	for _, w := range all {
		for _, reason := range reasons {
			if err := d.reason(ctx, w, reason); err != nil {
				return fmt.Errorf("resume import %s: %w", w.ID, err)
			}
		}
	}
	return nil
}

// waiters returns the imports with guests that wait, and what is on its way for all imports.
func (s *Sweep) waiters(ctx context.Context, imports []ledger.Import) (all []*waiter, sent, targets int, err error) {
	for _, i := range imports {
		if i.Cancelled || i.State != ledger.Running && i.State != ledger.Planning && i.State != ledger.Broken {
			continue
		}
		t, err := s.Ledger.Tally(ctx, i.ID)
		if err != nil {
			return nil, 0, 0, err
		}
		sent, targets = sent+t.InviteSent, targets+t.TargetsSent
		if len(t.Waiting) > 0 {
			all = append(all, &waiter{Import: i, tally: t})
		}
	}
	return all, sent, targets, nil
}

// due returns the reasons that have ended, while the breaker is closed, and the room for invitations. Where the day's cap
// is reached, whoever waits for it or for the ramp would only come back to wait again.
func due(l window.Limits, sent int) (reasons []string, room int) {
	room = l.Sweep - sent
	switch left := l.Left - sent; {
	case l.Capped && left <= 0:
		return []string{ledger.WaitBreaker}, room
	case l.Capped:
		room = min(room, left)
	}
	return []string{ledger.WaitBreaker, ledger.WaitDay, ledger.WaitRate}, room
}

// share divides the room for invitations: every import the same, unless it wants less; who gets what is left over is left to
// chance, so that nobody is always the last.
func share(all []*waiter, room int, reasons []string) {
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	wants := func(w *waiter) int {
		n := -w.invites
		for _, r := range reasons {
			n += w.tally.InviteWaiting[r]
		}
		return n
	}
	for room > 0 {
		each, given := max(1, room/len(all)), 0
		for _, w := range all {
			n := min(each, room, wants(w))
			w.invites, room, given = w.invites+n, room-n, given+n
		}
		if given == 0 {
			break
		}
	}
	slices.SortStableFunc(all, func(a, b *waiter) int { return a.invites - b.invites }) // small ones first: they are soon through
}

// drain is what one sweep sends of what waited.
type drain struct {
	*Sweep
	now      time.Time
	next     time.Time     // when the next invitation should act
	interval time.Duration // between two of them
	ramped   bool          // whether the ramp is what limits them
	targets  int           // assignments that may still be sent
}

// reason sends guests of one import that wait for a reason.
func (d *drain) reason(ctx context.Context, w *waiter, reason string) error {
	if w.tally.Waiting[reason] == 0 {
		return nil
	}
	var page []string
	n := 0
	for guest, err := range d.Ledger.WaitingFor(ctx, w.ID, reason) {
		if err != nil {
			return err
		}
		if w.invites <= 0 && (d.targets <= 0 || w.tally.Waiting[reason] == w.tally.InviteWaiting[reason]) || n == looked {
			break
		}
		n++
		if page = append(page, guest); len(page) < min(batch, max(w.invites, d.targets)) {
			continue
		}
		if err := d.page(ctx, w, reason, page); err != nil {
			return err
		}
		page = nil
	}
	return d.page(ctx, w, reason, page)
}

// page resumes the steps of some guests. What is marked and not sent is found by the next sweep, or by a later one if this
// one dies in between.
func (d *drain) page(ctx context.Context, w *waiter, reason string, guests []string) error {
	if len(guests) == 0 {
		return nil
	}
	turns := map[string]turn{} // by guest: a change may run several times
	changed, err := d.Ledger.UpdateEntries(ctx, w.ID, guests, func(e *ledger.Entry) error {
		was, ok := turns[e.Guest]
		if !ok {
			if was.at, ok = d.turn(w, e, reason); !ok {
				return ledger.ErrUnchanged
			}
		}
		was.steps = resumed(e, reason, was.at)
		turns[e.Guest] = was
		if len(was.steps) == 0 {
			return ledger.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	var out []message.Message
	for _, e := range changed {
		turn, steps := turns[e.Guest], e.Steps()
		for _, m := range w.Messages(&e, func(st *ledger.Step) bool { return slices.Contains(turn.steps, slices.Index(steps, st)) }) {
			if turn.at.After(d.now) {
				m.At = turn.at
			}
			out = append(out, m)
		}
	}
	slog.InfoContext(ctx, "waiting steps sent", slog.String("import_id", w.ID), slog.String("reason", reason), slog.Int("count", len(out)))
	if err := d.Bus.Send(ctx, out...); err != nil {
		return errors.Join(err, d.unsent(ctx, w.Import, changed, func(e *ledger.Entry) time.Time { return turns[e.Guest].at }))
	}
	return nil
}

// turn is when a guest's steps should act, and which of [ledger.Entry.Steps] they are.
type turn struct {
	at    time.Time
	steps []int
}

// turn returns when a guest's steps should act, and takes their place in the window; false if there is none.
func (d *drain) turn(w *waiter, e *ledger.Entry, reason string) (time.Time, bool) {
	if !e.Invite.Waits(reason) {
		d.targets--
		return d.now, d.targets >= 0
	}
	if w.invites <= 0 {
		return d.now, false
	}
	w.invites--
	if d.ramped && reason == ledger.WaitBreaker {
		return d.now, true // many of them may exist already, and to look them up is not slowed
	}
	at := d.next
	d.next = at.Add(d.interval)
	return at, true
}

// resumed makes the steps that wait for reason sent, and returns which they are.
func resumed(e *ledger.Entry, reason string, at time.Time) (which []int) {
	for n, step := range e.Steps() {
		if step.Waits(reason) {
			step.Resume(at)
			which = append(which, n)
		}
	}
	return which
}
