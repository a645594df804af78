package tableledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

const (
	// maxGrants is how many rows one transaction writes.
	maxGrants = 100
	// maxTerms is how many comparisons one filter has; the service takes 15.
	maxTerms = 14
)

// Grant implements [ledger.Grants]. The rows of a target share a partition, so that those of one write to the directory
// are one transaction. They are written whatever was there: the last one counts.
func (s *Store) Grant(ctx context.Context, target string, by map[string]string) error {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(by)), maxGrants) {
		var actions []aztables.TransactionAction
		for _, guest := range chunk {
			actions = append(actions, aztables.TransactionAction{ActionType: aztables.TransactionTypeInsertReplace,
				Entity: newRow(safe(target), guest).one("Import", by[guest]).done()})
		}
		if err := s.grant(ctx, actions); err != nil {
			return fmt.Errorf("remember %d grants of %s: %w", len(chunk), target, err)
		}
	}
	return nil
}

func (s *Store) grant(ctx context.Context, actions []aztables.TransactionAction) error {
	for wait := newBackoff(); ; {
		err := s.grants.submit(ctx, actions)
		if err == nil {
			return nil
		}
		if err := wait.after(ctx, err); err != nil {
			return err
		}
	}
}

// GrantedBy implements [ledger.Grants].
func (s *Store) GrantedBy(ctx context.Context, target string, guests []string) (map[string]string, error) {
	by := map[string]string{}
	for chunk := range slices.Chunk(guests, maxTerms) {
		for found, err := range s.grants.list(ctx, query{partition: safe(target), keys: chunk, page: maxTerms}) {
			if err != nil {
				return nil, fmt.Errorf("look for grants of %s: %w", target, err)
			}
			by[found.one("RowKey")] = found.one("Import")
		}
	}
	return by, nil
}

// Forget implements [ledger.Grants]. A row that another import writes meanwhile stays.
func (s *Store) Forget(ctx context.Context, target, importID string, guests []string) error {
	for chunk := range slices.Chunk(guests, maxTerms) {
		for wait := newBackoff(); ; {
			err := s.forget(ctx, query{partition: safe(target), keys: chunk, page: maxTerms}, importID)
			if err == nil {
				break
			}
			if err := wait.after(ctx, err); err != nil {
				return fmt.Errorf("forget %d grants of %s: %w", len(chunk), target, err)
			}
		}
	}
	return nil
}

func (s *Store) forget(ctx context.Context, q query, importID string) error {
	var actions []aztables.TransactionAction
	for found, err := range s.grants.list(ctx, q) {
		if err != nil {
			return err
		}
		if found.one("Import") == importID {
			actions = append(actions, removeIf(newRow(q.partition, found.one("RowKey")).done(), found.etag()))
		}
	}
	if len(actions) == 0 {
		return nil
	}
	return s.grants.submit(ctx, actions)
}

// among is the filter for rows with one of some keys.
func among(keys []string) string {
	terms := make([]string, len(keys))
	for i, key := range keys {
		terms[i] = fmt.Sprintf("RowKey eq '%s'", key)
	}
	return "(" + strings.Join(terms, " or ") + ")"
}
