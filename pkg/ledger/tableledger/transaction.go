package tableledger

import (
	"context"
	"errors"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/pkg/ledger"
)

const (
	// maxRows is how many rows a transaction changes at most, the tally not counted; the service takes 100 in all.
	maxRows = 98
	// maxBytes is how large a transaction grows; the service takes 4 MiB.
	maxBytes = 3 << 20
	// rowOverhead is what a row adds to a transaction beside its JSON: headers and boundaries.
	rowOverhead = 700
)

// transaction is a change of entries of one partition, of their indexes and of the tally.
type transaction struct {
	partition string
	tally     ledger.Tally
	etag      azcore.ETag // of the tally; empty if there is none yet
	actions   []aztables.TransactionAction
	bytes     int
	touched   map[string]bool // guests with a change
}

// begin reads the tally of a partition.
func (s *Store) begin(ctx context.Context, partition string) (*transaction, error) {
	t := &transaction{partition: partition, touched: map[string]bool{}}
	found, err := s.entries.get(ctx, partition, tallyKey)
	if errors.Is(err, errMissing) {
		return t, nil
	}
	if err == nil {
		t.etag, err = found.etag(), found.json(tallyColumn, &t.tally)
	}
	return t, err
}

// change is an entry before and after; old is nil for a new one.
type change struct {
	old  *ledger.Entry
	etag azcore.ETag // of old
	new  *ledger.Entry
}

// put adds the rows of a change. It reports false, adding nothing, if the transaction would grow too large; the first
// change is always taken. A guest must not be touched yet: the service takes one change of a row.
func (t *transaction) put(c change) (bool, error) {
	row, err := encodeEntry(t.partition, c.new)
	if err != nil {
		return false, err
	}
	actions := []aztables.TransactionAction{add(row)}
	if c.old != nil {
		actions[0] = replace(row, c.etag)
	}
	actions = append(actions, t.indexes(c)...)
	size := 0
	for _, a := range actions {
		size += len(a.Entity) + rowOverhead
	}
	if len(t.actions) > 0 && (len(t.actions)+len(actions) > maxRows || t.bytes+size > maxBytes) {
		return false, nil
	}
	t.actions, t.bytes = append(t.actions, actions...), t.bytes+size
	t.touched[c.new.Guest] = true
	if c.old != nil {
		t.tally = t.tally.Plus(-1, ledger.Count(c.old))
	}
	t.tally = t.tally.Plus(1, ledger.Count(c.new))
	return true, nil
}

// indexes returns the actions that move the indexes of a change.
func (t *transaction) indexes(c change) []aztables.TransactionAction {
	var was []string
	if c.old != nil {
		was = indexKeys(c.old)
	}
	is := indexKeys(c.new)
	var actions []aztables.TransactionAction
	for _, key := range was {
		if !slices.Contains(is, key) {
			actions = append(actions, remove(newRow(t.partition, key).done()))
		}
	}
	for _, key := range is {
		if !slices.Contains(was, key) {
			actions = append(actions, add(newRow(t.partition, key).done()))
		}
	}
	return actions
}

// commit writes the transaction with the tally; errLost if an entry or the tally changed since it was read.
func (s *Store) commit(ctx context.Context, t *transaction) error {
	row, err := encodeTally(t.partition, t.tally)
	if err != nil {
		return err
	}
	tally := add(row)
	if t.etag != "" {
		tally = replace(row, t.etag)
	}
	return s.entries.submit(ctx, append(t.actions, tally))
}
