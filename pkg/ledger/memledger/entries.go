package memledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"guestlist/pkg/ledger"
)

// InsertEntries implements [ledger.Entries].
func (s *Store) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inserted := 0
	var refusal error
	for _, e := range entries {
		e = clone(e)
		if err := ledger.CheckEntry(&e); err != nil {
			refusal = cmp.Or(refusal, fmt.Errorf("insert entries of import %s: %w", e.Import, err))
			continue
		}
		b := s.entries[e.Import]
		if b == nil {
			b = &book{}
			s.entries[e.Import] = b
		}
		if _, ok := b.get(e.Guest); ok {
			continue
		}
		e.Version = s.version()
		b.put(e)
		inserted++
	}
	return inserted, refusal
}

// Entry implements [ledger.Entries].
func (s *Store) Entry(ctx context.Context, importID, guest string) (ledger.Entry, error) {
	e, _, err := s.read(ctx, importID, guest)
	return e, err
}

func (s *Store) read(ctx context.Context, importID, guest string) (ledger.Entry, ledger.Tally, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Entry{}, ledger.Tally{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.entries[importID]
	e, ok := b.get(guest)
	if !ok {
		return ledger.Entry{}, ledger.Tally{}, missing("entry", importID+"/"+guest)
	}
	return e, b.tallies[partition(guest)].Plus(0, ledger.Tally{}), nil
}

// UpdateEntry implements [ledger.Entries]. change runs without the lock, so it may read the store, and runs again if the
// entry changed meanwhile.
func (s *Store) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error) {
	for {
		old, tally, err := s.read(ctx, importID, guest)
		if err != nil {
			return ledger.Entry{}, ledger.Tally{}, err
		}
		e := clone(old)
		if err := change(&e); errors.Is(err, ledger.ErrUnchanged) {
			return old, tally, nil
		} else if err != nil {
			return ledger.Entry{}, ledger.Tally{}, err
		}
		e.Import, e.Guest = importID, guest
		e = clone(e)
		if err := ledger.CheckEntry(&e); err != nil {
			return ledger.Entry{}, ledger.Tally{}, fmt.Errorf("update an entry of import %s: %w", importID, err)
		}
		if stored, tally, ok := s.replaceEntry(e, old.Version); ok {
			return stored, tally, nil
		}
	}
}

func (s *Store) replaceEntry(e ledger.Entry, version string) (ledger.Entry, ledger.Tally, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.entries[e.Import]
	if now, _ := b.get(e.Guest); now.Version != version {
		return ledger.Entry{}, ledger.Tally{}, false
	}
	e.Version = s.version()
	b.put(e)
	return clone(e), b.tallies[partition(e.Guest)].Plus(0, ledger.Tally{}), true
}

// UpdateEntries implements [ledger.Entries]. It takes the guests in order of key.
func (s *Store) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	var altered []ledger.Entry
	var refusal error
	for _, guest := range slices.Compact(slices.Sorted(slices.Values(guests))) {
		wrote := false
		e, _, err := s.UpdateEntry(ctx, importID, guest, func(e *ledger.Entry) error {
			err := change(e)
			wrote = err == nil
			return err
		})
		if wrote && ledger.IsTooLarge(err) {
			refusal = cmp.Or(refusal, err)
			continue
		}
		if err != nil {
			return altered, fmt.Errorf("update entries of import %s: %w", importID, err)
		}
		if wrote {
			altered = append(altered, e)
		}
	}
	return altered, refusal
}

// Tally implements [ledger.Entries].
func (s *Store) Tally(ctx context.Context, importID string) (ledger.Tally, error) {
	var sum ledger.Tally
	if err := ctx.Err(); err != nil {
		return sum, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.entries[importID]; b != nil {
		for _, t := range b.tallies {
			sum = sum.Plus(1, t)
		}
	}
	return sum, nil
}

// PurgeEntries implements [ledger.Entries].
func (s *Store) PurgeEntries(ctx context.Context, importID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, importID)
	return nil
}
