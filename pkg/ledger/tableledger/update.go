package tableledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"guestlist/pkg/ledger"
)

// window is how many updates of one UpdateEntries are under way at once: two rows each fill a transaction.
const window = maxRows / 2

// UpdateEntry implements [ledger.Entries]. The tally is the one after this update and before those that share its
// transaction and come after it. change may run in another goroutine while this one waits; it may read the store, but
// not write entries: it has the turn at its partition.
func (s *Store) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error) {
	o := &op{guest: guest, change: change, done: make(chan struct{})}
	if err := s.update(ctx, importID, []*op{o}); err != nil {
		return ledger.Entry{}, ledger.Tally{}, fmt.Errorf("update an entry of import %s: %w", importID, err)
	}
	if o.err != nil {
		return ledger.Entry{}, ledger.Tally{}, o.err
	}
	return o.entry, o.tally, nil
}

// UpdateEntries implements [ledger.Entries]. It takes the guests in order of key and stops after the window in which an
// error occurred, except where an entry is too large.
func (s *Store) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	var altered []ledger.Entry
	var refusal error
	for ops := range windows(importID, guests, change) {
		if err := s.update(ctx, importID, ops); err != nil {
			return altered, fmt.Errorf("update entries of import %s: %w", importID, err)
		}
		var failed error
		for _, o := range ops {
			switch {
			case o.tooLarge:
				refusal = cmp.Or(refusal, o.err)
			case o.err != nil:
				failed = cmp.Or(failed, o.err)
			case o.wrote:
				altered = append(altered, o.entry)
			}
		}
		if failed != nil {
			return altered, failed
		}
	}
	return altered, refusal
}

// windows yields ops for the guests, each once, in order of key, those of one partition together, window by window.
func windows(importID string, guests []string, change func(*ledger.Entry) error) func(func([]*op) bool) {
	return func(yield func([]*op) bool) {
		guests := slices.Compact(slices.Sorted(slices.Values(guests)))
		for len(guests) > 0 {
			var ops []*op
			for len(ops) < min(window, len(guests)) && partitionOf(importID, guests[len(ops)]) == partitionOf(importID, guests[0]) {
				ops = append(ops, &op{guest: guests[len(ops)], change: change, done: make(chan struct{})})
			}
			guests = guests[len(ops):]
			if !yield(ops) {
				return
			}
		}
	}
}

// update runs ops of one partition and returns when they are done, or ctx is.
func (s *Store) update(ctx context.Context, importID string, ops []*op) error {
	partition := partitionOf(importID, ops[0].guest)
	return s.queues.run(ctx, partition, ops, func(all []*op) []*op {
		b := &batch{store: s, importID: importID, partition: partition}
		return b.work(ctx, all)
	})
}

// batch works off ops of one partition.
type batch struct {
	store               *Store
	importID, partition string
}

// work ends the ops one way or the other. Only the end of ctx, which is one caller's and says nothing about the others,
// leaves some unfinished. Of ops whose transaction was refused for its size each gets a transaction of its own, so that
// it fails none but those to blame.
func (b *batch) work(ctx context.Context, ops []*op) []*op {
	for single := 0; len(ops) > 0; single-- {
		limit := maxRows
		if single > 0 {
			limit = 1
		}
		taken, err := b.some(ctx, ops[:min(limit, len(ops))])
		if ctx.Err() != nil && err != nil {
			return ops
		}
		if isTooLarge(err) && taken > 1 {
			single = taken + 1
			continue
		}
		if err != nil && !isTooLarge(err) {
			taken = len(ops)
		}
		for _, o := range ops[:taken] {
			if err != nil {
				o.result = result{err: refused("guest "+o.guest, err), tooLarge: isTooLarge(err)}
			}
			close(o.done)
		}
		ops = ops[taken:]
	}
	return nil
}

// some runs as many of the ops as fit into one transaction, as often as it takes, and returns how many; with an error,
// how many the last transaction had.
func (b *batch) some(ctx context.Context, ops []*op) (int, error) {
	for wait := newBackoff(); ; {
		t, found, err := b.read(ctx, ops)
		taken := 0
		if err == nil {
			taken, err = b.apply(t, found, ops)
		}
		if err == nil && len(t.actions) > 0 {
			err = b.store.commit(ctx, t)
		}
		if err == nil {
			return taken, nil
		}
		if err := wait.after(ctx, err); err != nil {
			return taken, err
		}
	}
}

// read reads the tally and the entries.
func (b *batch) read(ctx context.Context, ops []*op) (*transaction, map[string]stored, error) {
	var t *transaction
	var found map[string]stored
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		t, err = b.store.begin(ctx, b.partition)
		return err
	})
	group.Go(func() (err error) {
		found, err = b.store.readRows(ctx, b.partition, ops)
		return err
	})
	err := group.Wait()
	return t, found, err
}

// apply runs the changes on what was read and puts them into the transaction until it is full.
func (b *batch) apply(t *transaction, found map[string]stored, ops []*op) (int, error) {
	for i, o := range ops {
		if t.touched[o.guest] {
			return i, nil
		}
		fits, err := b.applyOne(t, found[o.guest], o)
		if err != nil || !fits {
			return i, err
		}
	}
	return len(ops), nil
}

func (b *batch) applyOne(t *transaction, row stored, o *op) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left {
		return true, nil
	}
	if row == nil {
		o.result = result{err: fmt.Errorf("entry of import %s: %w", b.importID, ledger.ErrNotFound)}
		return true, nil
	}
	old, err := decodeEntry(b.importID, row)
	if err != nil {
		o.result = result{err: err}
		return true, nil
	}
	if o.wrote && old.Version == o.entry.Version { // the last try went through, only its answer was lost
		o.tally = t.tally
		return true, nil
	}
	e := own(old)
	if err := o.change(&e); err != nil {
		o.result = result{err: err}
		if errors.Is(err, ledger.ErrUnchanged) {
			o.result = result{entry: old, tally: t.tally}
		}
		return true, nil
	}
	e = own(e)
	e.Import, e.Guest, e.Version = b.importID, o.guest, newVersion()
	if err := ledger.CheckEntry(&e); err != nil {
		o.result = result{err: err, tooLarge: true}
		return true, nil
	}
	fits, err := t.put(change{old: &old, etag: row.etag(), new: &e})
	if fits && err == nil {
		o.result = result{entry: e, tally: t.tally, wrote: true}
	}
	return fits, err
}
