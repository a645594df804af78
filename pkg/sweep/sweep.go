// Package sweep looks after what messages cannot: work whose message was lost, imports that an operator cancelled,
// reports that are due, dead letters that are done with. It runs on a timer, and is, besides planning and replay, the only
// code that makes messages from the ledger.
//
// A sweep may run at any time, also while another one runs: every change is conditional, and a message sent twice ends at
// its entry.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Ledger is the part of the ledger that the sweep uses.
type Ledger interface {
	Now(ctx context.Context) (time.Time, error)
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error]
	UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error)
	ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error]
	UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error)
	DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error]
	Tally(ctx context.Context, importID string) (ledger.Tally, error)
}

// Sweep does one round each time Run is called. Its fields are set once.
type Sweep struct {
	Ledger Ledger
	Bus    bus.Sender
	// Tidy completes dead letters that are done with and returns how many.
	Tidy func(ctx context.Context) (int, error)
	// StaleAfter is how long after its due time a message counts as lost: 30 min, far beyond every delay that a message
	// may have without telling the ledger.
	StaleAfter time.Duration
}

// cancelled is the reason of everything that an operator's cancel ends.
var cancelled = message.Failure{Code: "import.cancelled", Text: "An operator cancelled the import before this was done."}

// batch is how many entries are changed and sent in one go.
const batch = 40

// Run sweeps every open import and then the dead letters. What goes wrong with one import does not stop the others.
func (s *Sweep) Run(ctx context.Context) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var errs []error
	for i, err := range s.Ledger.ListImports(ctx, true) {
		if err != nil {
			errs = append(errs, fmt.Errorf("list open imports: %w", err))
			break
		}
		if err := s.one(ctx, i, now); err != nil {
			errs = append(errs, fmt.Errorf("sweep import %s: %w", i.ID, err))
		}
	}
	n, err := s.Tidy(ctx)
	if n > 0 {
		slog.InfoContext(ctx, "dead letters completed", slog.Int("count", n))
	}
	return errors.Join(append(errs, err)...)
}

func (s *Sweep) one(ctx context.Context, i ledger.Import, now time.Time) error {
	switch {
	case i.State == ledger.Broken:
		return s.broken(ctx, i, now)
	case i.Final():
		return s.report(ctx, i, now)
	case i.State == ledger.Held, i.State == ledger.Staging:
		return s.staging(ctx, i, now)
	case i.State == ledger.Planning:
		return s.planning(ctx, i, now)
	}
	if i.Cancelled {
		if err := s.cancel(ctx, i, now); err != nil {
			return err
		}
	} else if err := s.stale(ctx, i, now); err != nil {
		return err
	}
	t, err := s.Ledger.Tally(ctx, i.ID)
	switch {
	case err != nil:
		return err
	case t.InvitePlanned > 0 && !i.Cancelled:
		return s.replan(ctx, i, now)
	case t.Open > 0:
		return nil
	}
	return s.report(ctx, i, now)
}

// report asks for the results, unless they were asked for a short while ago: writing those of a big import takes minutes.
func (s *Sweep) report(ctx context.Context, i ledger.Import, now time.Time) error {
	if now.Before(i.ReportDue) {
		return nil
	}
	if err := s.Bus.Send(ctx, message.NewReport(message.Message{Import: i.ID, Source: i.Source})); err != nil {
		return err
	}
	_, err := s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		i.ReportDue = now.Add(s.StaleAfter / 2)
		return nil
	})
	return err
}

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
	return s.Bus.Send(ctx, i.Message())
}

// broken ends an import whose plan failed midway: who was sent goes on, who was not ends with the plan's reason, and the
// results are written when all have ended. A replay plans the rest.
func (s *Sweep) broken(ctx context.Context, i ledger.Import, now time.Time) error {
	why := &message.Failure{Code: i.Code, Text: i.Text}
	err := s.end(ctx, i, func(e *ledger.Entry) bool {
		if i.Cancelled {
			e.EndAll(ledger.Cancelled, &cancelled, now)
		} else if e.Invite.State == ledger.Planned {
			e.EndAll(ledger.Failed, why, now)
		} else {
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	if err := s.stale(ctx, i, now); err != nil {
		return err
	}
	t, err := s.Ledger.Tally(ctx, i.ID)
	if err != nil || t.Open > 0 {
		return err
	}
	return s.report(ctx, i, now)
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
	return s.Bus.Send(ctx, i.Message())
}

// cancel ends everything that is open.
func (s *Sweep) cancel(ctx context.Context, i ledger.Import, now time.Time) error {
	return s.end(ctx, i, func(e *ledger.Entry) bool {
		e.EndAll(ledger.Cancelled, &cancelled, now)
		return true
	})
}

// end changes the open entries of an import; change says whether it changed one.
func (s *Sweep) end(ctx context.Context, i ledger.Import, change func(*ledger.Entry) bool) error {
	for part := range ledger.Parts {
		var open []string
		for e, err := range s.Ledger.ListEntries(ctx, i.ID, part, "") {
			if err != nil {
				return err
			}
			if !e.Ended() {
				open = append(open, e.Guest)
			}
		}
		if len(open) == 0 {
			continue
		}
		_, err := s.Ledger.UpdateEntries(ctx, i.ID, open, func(e *ledger.Entry) error {
			if e.Ended() || !change(e) {
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
	return s.Bus.Send(ctx, out...)
}
