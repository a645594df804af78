// Package sweep looks after what messages cannot: work whose message was lost, work that waits, probes of the circuit
// breaker, imports that an operator cancelled, reports that are due, dead letters that are done with, imports that ended long
// ago. It runs on a timer, and is, besides planning and replay, the only code that makes messages from the ledger.
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
	"math/rand/v2"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/window"
)

// Ledger is the part of the ledger that the sweep uses.
type Ledger interface {
	Now(ctx context.Context) (time.Time, error)
	Import(ctx context.Context, id string) (ledger.Import, error)
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error]
	UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error)
	EndedBefore(ctx context.Context, t time.Time) iter.Seq2[ledger.Import, error]
	DeleteImport(ctx context.Context, i ledger.Import) error
	PurgeEntries(ctx context.Context, importID string) error
	Forget(ctx context.Context, target, importID string, guests []string) error
	ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error]
	UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error)
	DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error]
	WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error]
	Tally(ctx context.Context, importID string) (ledger.Tally, error)
	ledger.Guests
}

// Breaker is the part of the circuit breaker that the sweep uses; see pkg/breaker.
type Breaker interface {
	Open(ctx context.Context) (ledger.Breaker, bool, error)
	Probe(ctx context.Context, from breaker.Waiters, imports []ledger.Import, send func(context.Context, ...message.Message) error) error
}

// Sweep does one round each time Run is called. Its fields are set once.
type Sweep struct {
	Ledger Ledger
	Bus    bus.Sender
	// Breaker is asked for probes, and for leave to send what waited.
	Breaker Breaker
	// Window says how much may be on its way.
	Window interface {
		Limits(ctx context.Context) (window.Limits, error)
	}
	// Tidy completes dead letters that are done with and returns how many.
	Tidy func(ctx context.Context) (int, error)
	// StaleAfter is how long after its due time a message counts as lost: 30 min, far beyond every delay that a message
	// may have without telling the ledger.
	StaleAfter time.Duration
	// Purge removes imports that ended long ago.
	Purge Purge
}

// cancelled is the reason of everything that an operator's cancel ends.
var cancelled = message.Failure{Code: "import.cancelled", Text: "An operator cancelled the import before this was done."}

// batch is how many entries are changed and sent in one go.
const batch = 40

// many is from how many imports on a sweep may not come to its end: each costs some thirty reads. It then begins anywhere, so
// that nobody is always the last.
const many = 200

// Run sweeps every open import, sends what waited, and then looks after the dead letters and what is old. What goes wrong
// with one import does not stop the others. The imports have half of ctx's time, so that the rest has some too; where that
// is not enough, the next sweep begins elsewhere.
func (s *Sweep) Run(ctx context.Context) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	imports, errs := s.open(ctx)
	errs = append(errs, s.each(ctx, imports, now)...)
	errs = append(errs, s.resume(ctx, imports, now))
	n, err := s.Tidy(ctx)
	if n > 0 {
		slog.InfoContext(ctx, "dead letters completed", slog.Int("count", n))
	}
	return errors.Join(append(errs, err, s.purge(ctx, now))...)
}

// open lists the open imports.
func (s *Sweep) open(ctx context.Context) (imports []ledger.Import, errs []error) {
	for i, err := range s.Ledger.ListImports(ctx, true) {
		if err != nil {
			return imports, append(errs, fmt.Errorf("list open imports: %w", err))
		}
		imports = append(imports, i)
	}
	return imports, nil
}

// each sweeps imports and returns what went wrong.
func (s *Sweep) each(ctx context.Context, imports []ledger.Import, now time.Time) []error {
	whole := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	begin := 0
	if len(imports) > many {
		begin = rand.IntN(len(imports))
	}
	var errs []error
	for n := range imports {
		i := imports[(begin+n)%len(imports)]
		err := s.one(ctx, i, now)
		if ctx.Err() != nil && whole.Err() == nil {
			slog.WarnContext(whole, "not all imports were swept in time; the next sweep begins elsewhere",
				slog.Int("swept", n), slog.Int("open", len(imports)))
			break
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("sweep import %s: %w", i.ID, err))
		}
		if whole.Err() != nil { // the process ends: the others would say the same
			break
		}
	}
	return errs
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
