package memledger

import (
	"context"
	"maps"
)

// Grant implements [ledger.Grants].
func (s *Store) Grant(ctx context.Context, target string, by map[string]string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grants[target] == nil {
		s.grants[target] = map[string]string{}
	}
	maps.Copy(s.grants[target], by)
	return nil
}

// GrantedBy implements [ledger.Grants].
func (s *Store) GrantedBy(ctx context.Context, target string, guests []string) (map[string]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[string]string{}
	for _, guest := range guests {
		if importID, ok := s.grants[target][guest]; ok {
			by[guest] = importID
		}
	}
	return by, nil
}

// Forget implements [ledger.Grants].
func (s *Store) Forget(ctx context.Context, target, importID string, guests []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, guest := range guests {
		if s.grants[target][guest] == importID {
			delete(s.grants[target], guest)
		}
	}
	return nil
}
