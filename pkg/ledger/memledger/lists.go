package memledger

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"guestlist/pkg/ledger"
)

// ListEntries implements [ledger.Entries].
func (s *Store) ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for _, guest := range s.keys(importID, part) {
			if guest <= after {
				continue
			}
			e, err := s.Entry(ctx, importID, guest)
			if errors.Is(err, ledger.ErrNotFound) {
				continue // purged meanwhile
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) keys(importID string, part int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[importID].keys(part)
}

// DueBefore implements [ledger.Entries].
func (s *Store) DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error] {
	return s.guestsWith(ctx, importID, func(e *ledger.Entry) (time.Time, bool) {
		due, ok := e.Due()
		return due, ok && due.Before(t)
	})
}

// WaitingFor implements [ledger.Entries].
func (s *Store) WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error] {
	return s.guestsWith(ctx, importID, func(e *ledger.Entry) (time.Time, bool) {
		return time.Time{}, slices.ContainsFunc(e.Steps(), func(step *ledger.Step) bool {
			return step.State == ledger.Waiting && step.Wait == reason
		})
	})
}

// guestsWith yields the guests that pick accepts, partition by partition, in order of the time that pick returns.
func (s *Store) guestsWith(ctx context.Context, importID string, pick func(*ledger.Entry) (time.Time, bool)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for p := range partitions {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			for _, guest := range s.picked(importID, p, pick) {
				if !yield(guest, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) picked(importID string, p int, pick func(*ledger.Entry) (time.Time, bool)) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, at := s.entries[importID], map[string]time.Time{}
	var guests []string
	for part := p * ledger.Parts / partitions; part < (p+1)*ledger.Parts/partitions; part++ {
		for _, guest := range b.keys(part) {
			e, _ := b.get(guest)
			if t, ok := pick(&e); ok {
				guests, at[guest] = append(guests, guest), t
			}
		}
	}
	slices.SortStableFunc(guests, func(x, y string) int { return at[x].Compare(at[y]) })
	return guests
}
