package tableledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/pkg/ledger"
)

// importPartition is the partition of all imports: few, and written seldom.
const importPartition = "imports"

// CreateImport implements [ledger.Imports].
func (s *Store) CreateImport(ctx context.Context, i ledger.Import) (ledger.Import, bool, error) {
	for wait := newBackoff(); ; {
		created, err := s.writeImport(ctx, i, nil, "")
		if err == nil {
			return created, true, nil
		}
		if errors.Is(err, errLost) {
			found, _, readErr := s.readImport(ctx, i.ID)
			if readErr == nil {
				return found, false, nil
			}
			if !errors.Is(readErr, errMissing) {
				err = readErr
			}
		}
		if err := wait.after(ctx, err); err != nil {
			return ledger.Import{}, false, fmt.Errorf("create import %s: %w", i.ID, err)
		}
	}
}

// Import implements [ledger.Imports].
func (s *Store) Import(ctx context.Context, id string) (ledger.Import, error) {
	i, _, err := s.findImport(ctx, id)
	return i, err
}

// findImport is readImport with errors for the caller.
func (s *Store) findImport(ctx context.Context, id string) (ledger.Import, azcore.ETag, error) {
	i, etag, err := s.readImport(ctx, id)
	if errors.Is(err, errMissing) {
		err = ledger.ErrNotFound
	}
	if err != nil {
		return ledger.Import{}, "", fmt.Errorf("import %s: %w", id, err)
	}
	return i, etag, nil
}

func (s *Store) readImport(ctx context.Context, id string) (ledger.Import, azcore.ETag, error) {
	found, err := s.imports.get(ctx, importPartition, "i|"+safe(id))
	if err != nil {
		return ledger.Import{}, "", err
	}
	i, err := decodeImport(found)
	return i, found.etag(), err
}

// UpdateImport implements [ledger.Imports].
func (s *Store) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	for wait := newBackoff(); ; {
		old, etag, err := s.findImport(ctx, id)
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
		i, err = s.writeImport(ctx, i, &old, etag)
		if err == nil {
			return i, nil
		}
		if err := wait.after(ctx, err); err != nil {
			return ledger.Import{}, fmt.Errorf("update import %s: %w", id, err)
		}
	}
}

// writeImport writes an import in place of old, or a new one if old is nil, with the row that marks it as open; errLost.
func (s *Store) writeImport(ctx context.Context, i ledger.Import, old *ledger.Import, etag azcore.ETag) (ledger.Import, error) {
	i.Created, i.Finished, i.Expected = utc(i.Created), utc(i.Finished), utc(i.Expected)
	i.Approval.At, i.CancelledAt, i.Reopening = utc(i.Approval.At), utc(i.CancelledAt), utc(i.Reopening)
	i.Stage.Due, i.Plan.Due, i.ReportDue = utc(i.Stage.Due), utc(i.Plan.Due), utc(i.ReportDue)
	i.Version = newVersion()
	if err := ledger.CheckImport(i); err != nil {
		return ledger.Import{}, err
	}
	row, err := encodeImport(i)
	if err != nil {
		return ledger.Import{}, err
	}
	actions := []aztables.TransactionAction{add(row)}
	if old != nil {
		actions[0] = replace(row, etag)
	}
	was, is := "", markOf(i)
	if old != nil {
		was = markOf(*old)
	}
	if was != is && was != "" {
		actions = append(actions, remove(newRow(importPartition, was).done()))
	}
	if was != is && is != "" {
		actions = append(actions, add(newRow(importPartition, is).done()))
	}
	err = s.imports.submit(ctx, actions)
	if errors.Is(err, errLost) {
		// A row with our version means that only the answer was lost.
		if found, _, readErr := s.readImport(ctx, i.ID); readErr == nil && found.Version == i.Version {
			return found, nil
		}
	}
	return i, refused("import "+i.ID, err)
}

// markOf returns the key of the row by which an import is found: among the open ones, or by the time when it finished.
func markOf(i ledger.Import) string {
	switch {
	case i.Open():
		return openMark + safe(i.ID)
	case i.Finished.IsZero():
		return ""
	}
	return endedMark(i.Finished) + "|" + safe(i.ID)
}

const openMark = "o|"

// endedMark sorts like its time; see dueRow.
func endedMark(t time.Time) string { return fmt.Sprintf("f|%019d", max(0, t.UnixNano())) }

// ListImports implements [ledger.Imports].
func (s *Store) ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error] {
	if openOnly {
		return s.openImports(ctx)
	}
	return func(yield func(ledger.Import, error) bool) {
		for found, err := range s.imports.list(ctx, query{partition: importPartition, from: "i|", to: "i}", page: 200}) {
			var i ledger.Import
			if err == nil {
				i, err = decodeImport(found)
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

func (s *Store) openImports(ctx context.Context) iter.Seq2[ledger.Import, error] {
	return s.marked(ctx, openMark, "o}", ledger.Import.Open) // } follows |
}

// EndedBefore implements [ledger.Imports].
func (s *Store) EndedBefore(ctx context.Context, t time.Time) iter.Seq2[ledger.Import, error] {
	return s.marked(ctx, "f|", endedMark(t), func(i ledger.Import) bool {
		return !i.Open() && !i.Finished.IsZero() && i.Finished.Before(t)
	})
}

// marked yields the imports that a range of marks leads to, as far as they still are what the marks say.
func (s *Store) marked(ctx context.Context, from, to string, still func(ledger.Import) bool) iter.Seq2[ledger.Import, error] {
	return func(yield func(ledger.Import, error) bool) {
		for mark, err := range s.imports.list(ctx, query{partition: importPartition, from: from, to: to, columns: "RowKey", page: 1000}) {
			var found stored
			if err == nil {
				key := mark.one("RowKey")
				found, err = s.imports.get(ctx, importPartition, "i|"+key[strings.LastIndexByte(key, '|')+1:])
			}
			var i ledger.Import
			if err == nil {
				i, err = decodeImport(found)
			}
			if err == nil && !still(i) || errors.Is(err, errMissing) {
				continue // changed since the mark was read
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// DeleteImport implements [ledger.Imports].
func (s *Store) DeleteImport(ctx context.Context, i ledger.Import) error {
	for wait := newBackoff(); ; {
		found, etag, err := s.readImport(ctx, i.ID)
		switch {
		case errors.Is(err, errMissing):
			return nil
		case err == nil && found.Version != i.Version:
			return fmt.Errorf("delete import %s: %w", i.ID, ledger.ErrConflict)
		case err == nil:
			actions := []aztables.TransactionAction{removeIf(newRow(importPartition, "i|"+safe(i.ID)).done(), etag)}
			if mark := markOf(found); mark != "" {
				actions = append(actions, remove(newRow(importPartition, mark).done()))
			}
			err = s.imports.submit(ctx, actions)
		}
		if err == nil {
			return nil
		}
		if err := wait.after(ctx, err); err != nil {
			return fmt.Errorf("delete import %s: %w", i.ID, err)
		}
	}
}

// encodeImport returns the row of an import. The fields lie in one JSON property, since nothing selects by them.
func encodeImport(i ledger.Import) ([]byte, error) {
	row := newRow(importPartition, "i|"+safe(i.ID)).one(versionProperty, i.Version)
	if err := row.putJSON("Import", i); err != nil {
		return nil, fmt.Errorf("import %s: %w", i.ID, err)
	}
	return row.done(), nil
}

func decodeImport(r stored) (ledger.Import, error) {
	var i ledger.Import
	err := r.json("Import", &i)
	return i, err
}
