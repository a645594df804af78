package sweep

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// replan sends the plan again of an import that runs while some of its guests were never sent: a plan that saw it
// cancelled stopped early, and a replay took the cancel back.
func (s *Sweep) replan(ctx context.Context, i ledger.Import, now time.Time) error {
	i, err := s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.State != ledger.Running || i.Cancelled {
			return ledger.ErrUnchanged
		}
		i.State, i.Plan = ledger.Planning, ledger.Phase{Generation: i.Plan.Generation + 1, Due: now}
		return nil
	})
	if err != nil || i.State != ledger.Planning {
		return err
	}
	return s.move(ctx, i, now)
}

// move sends the stage or plan message of a phase that was marked as due now. If the broker refuses it, the phase is overdue
// again, so that the next sweep sends it.
func (s *Sweep) move(ctx context.Context, i ledger.Import, now time.Time) error {
	refused := s.Bus.Send(ctx, i.Message())
	if refused == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unsentTime)
	defer cancel()
	_, err := s.Ledger.UpdateImport(ctx, i.ID, func(j *ledger.Import) error {
		if j.State != i.State || !j.Phase().Due.Equal(now) {
			return ledger.ErrUnchanged
		}
		j.Phase().Due = s.overdue(now)
		return nil
	})
	return errors.Join(refused, err)
}

// broken ends an import whose plan failed midway: who was sent goes on, also who waits; who was not ends with the plan's
// reason, and the results are written when all have ended. A replay plans the rest.
func (s *Sweep) broken(ctx context.Context, i ledger.Import, now time.Time) error {
	t, err := s.Ledger.Tally(ctx, i.ID)
	switch {
	case err != nil:
		return err
	case t.Open == 0:
		return s.report(ctx, i, now)
	case i.Cancelled:
		err = s.cancel(ctx, i, now)
	case t.InvitePlanned > 0: // otherwise all entries would be read for nothing
		err = s.unplanned(ctx, i, now)
	}
	if err != nil {
		return err
	}
	if err := s.stale(ctx, i, now); err != nil {
		return err
	}
	if t, err = s.Ledger.Tally(ctx, i.ID); err != nil || t.Open > 0 {
		return err
	}
	return s.report(ctx, i, now)
}

// unplanned ends who was not sent before the plan failed.
func (s *Sweep) unplanned(ctx context.Context, i ledger.Import, now time.Time) error {
	why := &message.Failure{Code: i.Code, Text: i.Text}
	planned := func(e *ledger.Entry) bool { return e.Invite.State == ledger.Planned }
	return s.end(ctx, i, planned, func(e *ledger.Entry) bool {
		if !planned(e) {
			return false
		}
		e.EndAll(ledger.Failed, why, now)
		return true
	})
}

// staging ends a cancelled import that has no entries yet; otherwise it looks for a lost stage message.
func (s *Sweep) staging(ctx context.Context, i ledger.Import, now time.Time) error {
	if !i.Cancelled {
		return s.phase(ctx, i, now)
	}
	i, err := s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.State != ledger.Held && i.State != ledger.Staging {
			return ledger.ErrUnchanged
		}
		i.State, i.Code, i.Text = ledger.Refused, cancelled.Code, cancelled.Text
		i.Stage.Due = time.Time{}
		return nil
	})
	if err != nil || !i.Final() {
		return err
	}
	return s.Bus.Send(ctx, i.Message())
}

// planning looks for a lost plan message and for lost messages of guests: the planner's window counts what was sent, so it
// would wait for those for ever.
func (s *Sweep) planning(ctx context.Context, i ledger.Import, now time.Time) error {
	if err := s.phase(ctx, i, now); err != nil || i.Cancelled {
		return err
	}
	return s.stale(ctx, i, now)
}

// phase sends a stage or plan message again that is long overdue.
func (s *Sweep) phase(ctx context.Context, i ledger.Import, now time.Time) error {
	lost := func(p ledger.Phase) bool { return !p.Due.IsZero() && now.Sub(p.Due) > s.StaleAfter }
	if !lost(*i.Phase()) {
		return nil
	}
	state := i.State
	i, err := s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.State != state || !lost(*i.Phase()) {
			return ledger.ErrUnchanged
		}
		p := i.Phase()
		p.Generation, p.Due = p.Generation+1, now
		return nil
	})
	if err != nil || i.State != state {
		return err
	}
	slog.WarnContext(ctx, "message lost; sent again", slog.String("import_id", i.ID), slog.String("state", string(state)))
	return s.move(ctx, i, now)
}
