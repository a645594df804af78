package memledger

import (
	"context"
	"fmt"
	"time"

	"guestlist/pkg/ledger"
)

// Guest implements [ledger.Guests].
func (s *Store) Guest(ctx context.Context, key string) (ledger.Guest, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Guest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.guests[key]
	if !ok {
		return ledger.Guest{}, missing("guest", key)
	}
	return g, nil
}

// Claim implements [ledger.Guests].
func (s *Store) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Guest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := utc(s.now())
	g := s.guests[key]
	if g.Holder != "" && g.Holder != holder && now.Before(g.Until) {
		return ledger.Guest{}, &ledger.HeldError{Until: g.Until}
	}
	g.Key, g.Holder, g.Until = key, holder, now.Add(d)
	return s.putGuest(g), nil
}

// SaveGuest implements [ledger.Guests].
func (s *Store) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Guest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored, ok := s.guests[g.Key]; !ok || stored.Version != g.Version {
		return ledger.Guest{}, fmt.Errorf("guest: %w", ledger.ErrConflict)
	}
	return s.putGuest(g), nil
}

func (s *Store) putGuest(g ledger.Guest) ledger.Guest {
	g.Since, g.Confirmed, g.Until = utc(g.Since), utc(g.Confirmed), utc(g.Until)
	g.Version = s.version()
	s.guests[g.Key] = g
	return g
}
