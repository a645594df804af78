package memledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"guestlist/pkg/ledger"
)

// CreateImport implements [ledger.Imports].
func (s *Store) CreateImport(ctx context.Context, i ledger.Import) (ledger.Import, bool, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Import{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored, ok := s.imports[i.ID]; ok {
		return stored, false, nil
	}
	i = normal(i)
	if err := ledger.CheckImport(i); err != nil {
		return ledger.Import{}, false, fmt.Errorf("create import %s: %w", i.ID, err)
	}
	return s.putImport(i), true, nil
}

// Import implements [ledger.Imports].
func (s *Store) Import(ctx context.Context, id string) (ledger.Import, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Import{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.imports[id]
	if !ok {
		return ledger.Import{}, missing("import", id)
	}
	return i, nil
}

// UpdateImport implements [ledger.Imports]. change runs without the lock, so it may read the store, and runs again if the
// row changed meanwhile.
func (s *Store) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	for {
		old, err := s.Import(ctx, id)
		if err != nil {
			return ledger.Import{}, err
		}
		i := old
		if err := change(&i); errors.Is(err, ledger.ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return ledger.Import{}, err
		}
		i.ID = id
		i = normal(i)
		if err := ledger.CheckImport(i); err != nil {
			return ledger.Import{}, fmt.Errorf("update import %s: %w", id, err)
		}
		if stored, ok := s.replaceImport(i, old.Version); ok {
			return stored, nil
		}
	}
}

func (s *Store) replaceImport(i ledger.Import, version string) (ledger.Import, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.imports[i.ID].Version != version {
		return ledger.Import{}, false
	}
	return s.putImport(i), true
}

// ListImports implements [ledger.Imports].
func (s *Store) ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error] {
	return func(yield func(ledger.Import, error) bool) {
		for _, id := range s.importIDs() {
			i, err := s.Import(ctx, id)
			if errors.Is(err, ledger.ErrNotFound) {
				continue // deleted meanwhile
			}
			if err != nil {
				yield(ledger.Import{}, err)
				return
			}
			if openOnly && !i.Open() {
				continue
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

// EndedBefore implements [ledger.Imports].
func (s *Store) EndedBefore(ctx context.Context, t time.Time) iter.Seq2[ledger.Import, error] {
	return func(yield func(ledger.Import, error) bool) {
		var ended []ledger.Import
		for i, err := range s.ListImports(ctx, false) {
			if err != nil {
				yield(ledger.Import{}, err)
				return
			}
			if !i.Open() && !i.Finished.IsZero() && i.Finished.Before(t) {
				ended = append(ended, i)
			}
		}
		slices.SortStableFunc(ended, func(a, b ledger.Import) int { return a.Finished.Compare(b.Finished) })
		for _, i := range ended {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// DeleteImport implements [ledger.Imports].
func (s *Store) DeleteImport(ctx context.Context, i ledger.Import) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored, ok := s.imports[i.ID]; ok && stored.Version != i.Version {
		return fmt.Errorf("delete import %s: %w", i.ID, ledger.ErrConflict)
	}
	delete(s.imports, i.ID)
	return nil
}

func (s *Store) importIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.imports))
}

func (s *Store) putImport(i ledger.Import) ledger.Import {
	i.Version = s.version()
	s.imports[i.ID] = i
	return i
}

// normal returns i with its times as a table would return them.
func normal(i ledger.Import) ledger.Import {
	i.Created, i.Finished, i.Expected = utc(i.Created), utc(i.Finished), utc(i.Expected)
	i.Approval.At, i.CancelledAt, i.Reopening = utc(i.Approval.At), utc(i.CancelledAt), utc(i.Reopening)
	i.Stage.Due, i.Plan.Due, i.ReportDue = utc(i.Stage.Due), utc(i.Plan.Due), utc(i.ReportDue)
	return i
}
