package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/ledger"
)

const (
	// purgeTime is how long a sweep removes what is old, after everything else. The next one goes on where it stopped.
	purgeTime = time.Minute
	// purgeMost is how many imports a sweep removes.
	purgeMost = 50
)

// Purge is what a sweep needs to remove imports.
type Purge struct {
	// After is how long after its end an import is removed; zero means never.
	After time.Duration
	// Files removes the work files and the results of an import. It may be repeated.
	Files func(ctx context.Context, i ledger.Import) error
	// Letters completes the dead letters of imports and returns how many. It may be repeated.
	Letters func(ctx context.Context, imports map[string]bool) (int, error)
}

// purge removes the imports that ended long ago, with everything that there is of them. The row says first that it has
// begun, so that no replay opens the import again, and goes last, so that a sweep that dies is followed by one that goes on:
// what is gone is found gone. Guests' rows stay: they are the memory against a second invitation.
func (s *Sweep) purge(ctx context.Context, now time.Time) error {
	if s.Purge.After <= 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, purgeTime)
	defer cancel()
	emptied, errs := s.empty(limited, now.Add(-s.Purge.After))
	if len(emptied) > 0 {
		errs = append(errs, s.deleteImports(limited, emptied))
	}
	err := errors.Join(errs...)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		slog.InfoContext(ctx, "the next sweep goes on removing old imports", slog.String("because", err.Error()))
		return nil
	}
	return err
}

// empty removes what lies beneath the rows of imports that ended before limit, and returns those of which nothing else is
// left. What goes wrong with one does not stop the others.
func (s *Sweep) empty(ctx context.Context, limit time.Time) (emptied []ledger.Import, errs []error) {
	for i, err := range s.Ledger.EndedBefore(ctx, limit) {
		if err != nil {
			return emptied, append(errs, fmt.Errorf("list ended imports: %w", err))
		}
		if len(emptied)+len(errs) == purgeMost {
			break
		}
		i, begun, err := s.begin(ctx, i, limit)
		if err == nil && begun {
			i, err = s.remove(ctx, i)
		}
		switch {
		case errors.Is(err, ledger.ErrNotFound): // another sweep was faster
		case err != nil:
			errs = append(errs, fmt.Errorf("remove import %s: %w", i.ID, err))
		case begun:
			emptied = append(emptied, i)
		}
	}
	return emptied, errs
}

// begin marks an import as being removed, unless there is work left in it or somebody has replayed it since.
func (s *Sweep) begin(ctx context.Context, i ledger.Import, limit time.Time) (ledger.Import, bool, error) {
	if i.Purged == 0 {
		if t, err := s.Ledger.Tally(ctx, i.ID); err != nil || t.Open > 0 {
			return i, false, err
		}
	}
	j, err := s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.Purged > 0 || i.Open() || !i.Finished.Before(limit) {
			return ledger.ErrUnchanged
		}
		i.Purged = 1
		return nil
	})
	if err != nil {
		return i, false, err
	}
	return j, j.Purged > 0, nil
}

// errAnew means that another sweep has removed the import while this one stood still, and that it was imported anew since, from
// its upload event: it has the same id.
var errAnew = fmt.Errorf("imported anew: %w", ledger.ErrNotFound)

// remove removes everything of an import but its row and its dead letters.
func (s *Sweep) remove(ctx context.Context, i ledger.Import) (ledger.Import, error) {
	for part := i.Purged - 1; part < ledger.Parts; part++ {
		some, err := s.forget(ctx, i.ID, part)
		if err == nil && some {
			i, err = s.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
				if i.Purged == 0 {
					return errAnew
				}
				i.Purged = max(i.Purged, part+2)
				return nil
			})
		}
		if err != nil {
			return i, err
		}
	}
	if now, err := s.Ledger.Import(ctx, i.ID); err != nil {
		return i, err
	} else if now.Purged == 0 {
		return i, errAnew
	}
	if err := s.Ledger.PurgeEntries(ctx, i.ID); err != nil {
		return i, err
	}
	return i, s.Purge.Files(ctx, i)
}

// forget removes what is remembered of the import's grants to the guests of one part; false if it has no guests. Of what
// a later import granted again that import is remembered.
func (s *Sweep) forget(ctx context.Context, importID string, part int) (bool, error) {
	guests := map[string][]string{}
	some := false
	for e, err := range s.Ledger.ListEntries(ctx, importID, part, "") {
		if err != nil {
			return false, err
		}
		some = true
		for _, t := range e.Targets {
			if t.Outcome == ledger.Done || t.Outcome == ledger.Already || t.Outcome == ledger.Repaired {
				guests[t.Key()] = append(guests[t.Key()], e.Guest)
			}
		}
	}
	for target, all := range guests {
		if err := s.Ledger.Forget(ctx, target, importID, all); err != nil {
			return false, err
		}
	}
	return some, nil
}

// deleteImports completes the dead letters of imports of which nothing else is left, and deletes their rows. A row that has
// changed since is left to the sweep that changed it, or to the next one.
func (s *Sweep) deleteImports(ctx context.Context, emptied []ledger.Import) error {
	ids := map[string]bool{}
	for _, i := range emptied {
		ids[i.ID] = true
	}
	n, err := s.Purge.Letters(ctx, ids)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range emptied {
		err := s.Ledger.DeleteImport(ctx, i)
		switch {
		case errors.Is(err, ledger.ErrConflict): // another sweep is still removing, and deletes the row when it is done
		case err != nil:
			errs = append(errs, err)
		default:
			slog.InfoContext(ctx, "old import removed", slog.String("import_id", i.ID), slog.Time("finished", i.Finished))
		}
	}
	if n > 0 {
		slog.InfoContext(ctx, "dead letters of old imports completed", slog.Int("count", n))
	}
	return errors.Join(errs...)
}
