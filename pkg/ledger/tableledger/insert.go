package tableledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/ledger"
)

// InsertEntries implements [ledger.Entries].
func (s *Store) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	sorted := make([]ledger.Entry, len(entries))
	for i, e := range entries {
		sorted[i] = own(e)
	}
	slices.SortStableFunc(sorted, func(a, b ledger.Entry) int { return strings.Compare(a.Guest, b.Guest) })
	sorted = slices.CompactFunc(sorted, func(a, b ledger.Entry) bool { return a.Guest == b.Guest })
	sorted, refusal := fitting(sorted)
	inserted := 0
	for len(sorted) > 0 {
		partition := partitionOf(sorted[0].Import, sorted[0].Guest)
		n := 0
		for n < len(sorted) && partitionOf(sorted[n].Import, sorted[n].Guest) == partition {
			n++
		}
		new, err := s.insert(ctx, partition, sorted[:n])
		inserted += new
		if err != nil && !ledger.IsTooLarge(err) {
			return inserted, fmt.Errorf("insert entries of import %s: %w", sorted[0].Import, err)
		}
		refusal = cmp.Or(refusal, err)
		sorted = sorted[n:]
	}
	if refusal != nil {
		return inserted, fmt.Errorf("insert entries of import %s: %w", entries[0].Import, refusal)
	}
	return inserted, nil
}

// fitting returns the entries that are not too large, and the refusal of the first that is.
func fitting(entries []ledger.Entry) ([]ledger.Entry, error) {
	var refusal error
	fits := slices.DeleteFunc(entries, func(e ledger.Entry) bool {
		err := ledger.CheckEntry(&e)
		refusal = cmp.Or(refusal, err)
		return err != nil
	})
	return fits, refusal
}

// insert inserts entries of one partition, sorted by key. Where the service refuses a transaction for its size, each of
// its entries gets one of its own; the first one refused there is the error in the end.
func (s *Store) insert(ctx context.Context, partition string, entries []ledger.Entry) (int, error) {
	inserted := 0
	var refusal error
	for single := 0; len(entries) > 0; single-- {
		some := entries
		if single > 0 {
			some = entries[:1]
		}
		taken, new, err := s.insertSome(ctx, partition, some)
		inserted += new
		switch {
		case isTooLarge(err) && taken > 1:
			single = taken + 1
			continue
		case isTooLarge(err):
			refusal = cmp.Or(refusal, refused("guest "+entries[0].Guest, err))
		case err != nil:
			return inserted, err
		}
		entries = entries[taken:]
	}
	return inserted, refusal
}

// insertSome inserts what fits into one transaction, trying again without those that exist. It returns how many entries
// it dealt with, and how many of them were new. It does not look for existing ones first: only a redelivery meets any.
// With an error it returns how many entries it tried.
func (s *Store) insertSome(ctx context.Context, partition string, entries []ledger.Entry) (taken, inserted int, err error) {
	release, err := s.queues.enter(ctx, partition)
	if err != nil {
		return 0, 0, err
	}
	defer release()
	version, exists := newVersion(), map[string]string{}
	for wait := newBackoff(); ; {
		t, err := s.begin(ctx, partition)
		if err == nil {
			if taken, inserted, err = t.insert(entries, exists, version); err == nil && len(t.actions) > 0 {
				err = s.commit(ctx, t)
			}
		}
		if err == nil {
			return taken, inserted + ours(exists, version), nil
		}
		if err := wait.after(ctx, err); err != nil {
			return taken, 0, err
		}
		if exists, err = s.versions(ctx, partition, entries[:max(taken, 1)]); err != nil {
			return 0, 0, err
		}
	}
}

// insert adds as many entries as fit, skipping those in exists.
func (t *transaction) insert(entries []ledger.Entry, exists map[string]string, version string) (taken, inserted int, err error) {
	for i := range entries {
		e := &entries[i]
		if _, ok := exists[e.Guest]; ok {
			continue
		}
		e.Version = version
		fits, err := t.put(change{new: e})
		if err != nil || !fits {
			return i, inserted, err
		}
		inserted++
	}
	return len(entries), inserted, nil
}

// ours counts the entries that were found to have our version: a transaction went through whose answer was lost.
func ours(exists map[string]string, version string) int {
	n := 0
	for _, v := range exists {
		if v == version {
			n++
		}
	}
	return n
}

// versions returns the versions of those of the entries, sorted by key, that are in the table.
func (s *Store) versions(ctx context.Context, partition string, entries []ledger.Entry) (map[string]string, error) {
	asked := map[string]bool{}
	for _, e := range entries {
		asked[e.Guest] = true
	}
	found := map[string]string{}
	q := query{partition: partition, from: entryKey + entries[0].Guest, to: entryKey + entries[len(entries)-1].Guest + "|",
		columns: "RowKey," + versionProperty, page: 1000}
	for r, err := range s.entries.list(ctx, q) {
		if err != nil {
			return nil, err
		}
		if guest := r.one("RowKey")[len(entryKey):]; asked[guest] {
			found[guest] = r.version()
		}
	}
	return found, nil
}

// readEntry reads an entry; [ledger.ErrNotFound].
func (s *Store) readEntry(ctx context.Context, importID, guest string) (ledger.Entry, stored, error) {
	found, err := s.entries.get(ctx, partitionOf(importID, guest), entryKey+guest)
	if errors.Is(err, errMissing) {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return ledger.Entry{}, nil, fmt.Errorf("entry of import %s: %w", importID, err)
	}
	e, err := decodeEntry(importID, found)
	return e, found, err
}

// Entry implements [ledger.Entries].
func (s *Store) Entry(ctx context.Context, importID, guest string) (ledger.Entry, error) {
	e, _, err := s.readEntry(ctx, importID, guest)
	return e, err
}
