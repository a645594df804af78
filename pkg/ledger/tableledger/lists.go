package tableledger

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"guestlist/pkg/ledger"
)

const (
	// entryPage is how many entries a request reads. They have 1 or 2 KB each as a rule, so a page is below a megabyte.
	entryPage = 500
	// keyPage is how many rows a request reads of which only the key is wanted: the service's maximum.
	keyPage = 1000
)

// ListEntries implements [ledger.Entries].
func (s *Store) ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		q, ok := partRange(importID, part, after)
		if !ok {
			return
		}
		for r, err := range s.entries.list(ctx, q) {
			var e ledger.Entry
			if err == nil {
				e, err = decodeEntry(importID, r)
			}
			if err != nil {
				yield(ledger.Entry{}, fmt.Errorf("entries of import %s, part %d: %w", importID, part, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// partRange returns the rows of a part whose guests are greater than after.
func partRange(importID string, part int, after string) (query, bool) {
	if part < 0 || part >= ledger.Parts {
		return query{}, false
	}
	const each = 256 / ledger.Parts // values of the first two digits in a part
	q := query{partition: partitionName(importID, part*partitions/ledger.Parts), from: fmt.Sprintf("%s%02x", entryKey, part*each),
		to: entryKey + "g", page: entryPage} // g follows the last digit
	if part < ledger.Parts-1 {
		q.to = fmt.Sprintf("%s%02x", entryKey, (part+1)*each)
	}
	if next := entryKey + after + "\x21"; after != "" && next > q.from { // no key goes on with a blank or less
		q.from = next
	}
	return q, q.from < q.to
}

// DueBefore implements [ledger.Entries].
func (s *Store) DueBefore(ctx context.Context, importID string, t time.Time) iter.Seq2[string, error] {
	return s.index(ctx, importID, dueKey, strings.TrimSuffix(dueRow(t), "|"))
}

// WaitingFor implements [ledger.Entries].
func (s *Store) WaitingFor(ctx context.Context, importID, reason string) iter.Seq2[string, error] {
	from := waitRow(reason)
	return s.index(ctx, importID, from, strings.TrimSuffix(from, "|")+"}") // } follows |
}

// index yields the guests of a range of index rows in all partitions of an import.
func (s *Store) index(ctx context.Context, importID, from, to string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for p := range partitions {
			q := query{partition: partitionName(importID, p), from: from, to: to, columns: "RowKey", page: keyPage}
			for r, err := range s.entries.list(ctx, q) {
				if err != nil {
					yield("", fmt.Errorf("index of import %s: %w", importID, err))
					return
				}
				key := r.one("RowKey")
				if !yield(key[strings.LastIndexByte(key, '|')+1:], nil) {
					return
				}
			}
		}
	}
}

// Tally implements [ledger.Entries].
func (s *Store) Tally(ctx context.Context, importID string) (ledger.Tally, error) {
	var tallies [partitions]ledger.Tally
	err := eachPartition(ctx, importID, func(ctx context.Context, n int, partition string) error {
		t, err := s.begin(ctx, partition)
		if err == nil {
			tallies[n] = t.tally
		}
		return err
	})
	if err != nil {
		return ledger.Tally{}, fmt.Errorf("tally of import %s: %w", importID, err)
	}
	var sum ledger.Tally
	for _, t := range tallies {
		sum = sum.Plus(1, t)
	}
	return sum, nil
}

func eachPartition(ctx context.Context, importID string, f func(ctx context.Context, n int, partition string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for n := range partitions {
		group.Go(func() error { return f(ctx, n, partitionName(importID, n)) })
	}
	return group.Wait()
}

// PurgeEntries implements [ledger.Entries]. The tally goes in the last transaction of its partition.
func (s *Store) PurgeEntries(ctx context.Context, importID string) error {
	err := eachPartition(ctx, importID, func(ctx context.Context, _ int, partition string) error {
		for _, r := range [][2]string{{"d", "x"}, {"c", "d"}} { // indexes and entries, then the tally
			if err := s.purge(ctx, query{partition: partition, from: r[0], to: r[1], columns: "RowKey", page: keyPage}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("purge import %s: %w", importID, err)
	}
	return nil
}

// purge removes a range of rows, from the start again if somebody else removes them too.
func (s *Store) purge(ctx context.Context, q query) error {
	for wait := newBackoff(); ; {
		err := s.purgeOnce(ctx, q)
		if err == nil {
			return nil
		}
		if err := wait.after(ctx, err); err != nil {
			return err
		}
	}
}

func (s *Store) purgeOnce(ctx context.Context, q query) error {
	var actions []aztables.TransactionAction
	for r, err := range s.entries.list(ctx, q) {
		if err != nil {
			return err
		}
		actions = append(actions, remove(newRow(q.partition, r.one("RowKey")).done()))
		if len(actions) > maxRows {
			if err := s.entries.submit(ctx, actions); err != nil {
				return err
			}
			actions = nil
		}
	}
	if len(actions) == 0 {
		return nil
	}
	return s.entries.submit(ctx, actions)
}
