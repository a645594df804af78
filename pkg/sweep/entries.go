package sweep

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// cancelTime is what is under way when an import is cancelled may take: a handler looks whether it is within seconds, and an
// assignment then gathers for 5 s, waits for its turn for 20 s and is written. Its row would say that it was cancelled.
const cancelTime = time.Minute

// cancel ends everything that is open; what was sent, only when nobody can be at it any more. A mail that went, and of which
// only the record or the copy is missing, went: its step ends as done. The redeem link of one that will not go is erased first.
// A guest that somebody works on is left to the next sweep.
func (s *Sweep) cancel(ctx context.Context, i ledger.Import, now time.Time) error {
	left := func(err error) bool {
		slog.WarnContext(ctx, "a cancelled guest is left to the next sweep", slog.String("error", err.Error()))
		return false
	}
	early := now.Sub(i.CancelledAt) < min(cancelTime, s.StaleAfter/10)
	return s.end(ctx, i, func(e *ledger.Entry) bool {
		if early && slices.ContainsFunc(e.Steps(), func(step *ledger.Step) bool { return step.State == ledger.Sent }) {
			return false
		}
		if e.Invite.State == ledger.Planned || e.Invite.State == ledger.Ended && e.Notify.State == ledger.Ended {
			return true
		}
		if went, err := s.mailed(ctx, e); err != nil || went {
			return err == nil || left(err)
		}
		if err := ledger.EraseLink(ctx, s.Ledger, e.Guest, rand.Text(), eraseLease); err != nil {
			return left(err)
		}
		return true
	}, func(e *ledger.Entry) bool {
		went, err := s.mailed(ctx, e)
		if err != nil {
			return left(err)
		}
		if went {
			e.Notify.End(ledger.Done, now)
		}
		e.EndAll(ledger.Cancelled, &cancelled, now)
		return true
	})
}

// eraseLease is more than two writes to the ledger take.
const eraseLease = time.Minute

// mailed reports whether the guest has the mail that the entry's open step was to send.
func (s *Sweep) mailed(ctx context.Context, e *ledger.Entry) (bool, error) {
	if e.Notify.State != ledger.Sent || e.UserID == "" {
		return false, nil
	}
	g, err := s.Ledger.Guest(ctx, e.Guest)
	if errors.Is(err, ledger.ErrNotFound) {
		return false, nil
	}
	return g.Mail == ledger.MailSent && g.MailedBy == e.Import, err
}

// end changes the open entries of an import. ready is asked first, once each, whether it may be changed now; change says
// whether it changed one. i may have been read minutes ago and been replayed since: who opens an entry again writes the import
// first and raises the entry's generation, so the import is read after the entries, and an entry of another generation is
// left.
func (s *Sweep) end(ctx context.Context, i ledger.Import, ready, change func(*ledger.Entry) bool) error {
	for part := range ledger.Parts {
		open, generations, err := s.listOpen(ctx, i, part, ready)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			continue
		}
		if now, err := s.Ledger.Import(ctx, i.ID); err != nil || now.Cancelled != i.Cancelled || now.State != i.State {
			return err
		}
		_, err = s.Ledger.UpdateEntries(ctx, i.ID, open, func(e *ledger.Entry) error {
			if e.Ended() || !slices.Equal(generationsOf(e), generations[e.Guest]) || !change(e) {
				return ledger.ErrUnchanged
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// listOpen returns the open guests of a part that are ready, with the generations of their steps.
func (s *Sweep) listOpen(ctx context.Context, i ledger.Import, part int, ready func(*ledger.Entry) bool) ([]string, map[string][]int, error) {
	var open []string
	generations := map[string][]int{}
	for e, err := range s.Ledger.ListEntries(ctx, i.ID, part, "") {
		if err != nil {
			return nil, nil, err
		}
		if !e.Ended() && ready(&e) {
			open, generations[e.Guest] = append(open, e.Guest), generationsOf(&e)
		}
	}
	return open, generations, nil
}

func generationsOf(e *ledger.Entry) (all []int) {
	for _, step := range e.Steps() {
		all = append(all, step.Generation)
	}
	return all
}

// stale sends again, with a new generation, what was sent and is long overdue.
func (s *Sweep) stale(ctx context.Context, i ledger.Import, now time.Time) error {
	limit := now.Add(-s.StaleAfter)
	var guests []string
	for guest, err := range s.Ledger.DueBefore(ctx, i.ID, limit) {
		if err != nil {
			return err
		}
		if guests = append(guests, guest); len(guests) == batch {
			if err := s.resend(ctx, i, guests, limit, now); err != nil {
				return err
			}
			guests = nil
		}
	}
	return s.resend(ctx, i, guests, limit, now)
}

func (s *Sweep) resend(ctx context.Context, i ledger.Import, guests []string, limit, now time.Time) error {
	if len(guests) == 0 {
		return nil
	}
	changed, err := s.Ledger.UpdateEntries(ctx, i.ID, guests, func(e *ledger.Entry) error {
		any := false
		for _, step := range e.Steps() {
			if step.State == ledger.Sent && step.Due.Before(limit) {
				step.Generation++
				step.Send(now)
				any = true
			}
		}
		if !any {
			return ledger.ErrUnchanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	var out []message.Message
	for _, e := range changed {
		out = append(out, i.Messages(&e, func(st *ledger.Step) bool { return st.State == ledger.Sent && st.Due.Equal(now) })...)
	}
	slog.WarnContext(ctx, "messages lost; sent again", slog.String("import_id", i.ID), slog.Int("count", len(out)))
	if err := s.Bus.Send(ctx, out...); err != nil {
		return errors.Join(err, s.unsent(ctx, i, changed, func(*ledger.Entry) time.Time { return now }))
	}
	return nil
}

// unsentTime limits what is noted after a send has failed, perhaps because the sweep's own time is over.
const unsentTime = 20 * time.Second

// overdue is a due time that makes the next sweep send.
func (s *Sweep) overdue(now time.Time) time.Time { return now.Add(-s.StaleAfter - time.Second) }

// unsent makes what was marked as sent and refused by the broker overdue again, so that the next sweep sends it: taken for
// sent it would wait for StaleAfter once more, long after the broker is back. at is the due time that was marked.
func (s *Sweep) unsent(ctx context.Context, i ledger.Import, changed []ledger.Entry, at func(*ledger.Entry) time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unsentTime)
	defer cancel()
	var guests []string
	for _, e := range changed {
		guests = append(guests, e.Guest)
	}
	_, err := s.Ledger.UpdateEntries(ctx, i.ID, guests, func(e *ledger.Entry) error {
		marked, any := at(e), false
		for _, step := range e.Steps() {
			if step.State == ledger.Sent && step.Due.Equal(marked) {
				step.Due, any = s.overdue(marked), true
			}
		}
		if !any {
			return ledger.ErrUnchanged
		}
		return nil
	})
	return err
}
