package tableledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

const (
	// pointReads is up to how many entries are read one by one. From there on a range is read first, which for the
	// neighbours that plan asks for is one request. Azurite reads its whole table for a range, so that a lower number
	// halved what 64 workers could update there.
	pointReads = 16
	// readers is how many rows are read at once.
	readers = 8
)

// readRows reads the rows of the ops' entries; those that do not exist are left out.
func (s *Store) readRows(ctx context.Context, partition string, ops []*op) (map[string]stored, error) {
	guests := make([]string, len(ops))
	for i, o := range ops {
		guests[i] = o.guest
	}
	slices.Sort(guests)
	guests = slices.Compact(guests)
	found := map[string]stored{}
	if len(guests) > pointReads {
		var err error
		if guests, err = s.readRange(ctx, partition, guests, found); err != nil {
			return nil, err
		}
	}
	return found, s.readPoints(ctx, partition, guests, found)
}

// readRange reads the range of the guests, but not much more rows than they are; it returns those it has not come to.
func (s *Store) readRange(ctx context.Context, partition string, guests []string, found map[string]stored) ([]string, error) {
	last, rows := len(guests)-1, 2*len(guests)
	q := query{partition: partition, from: entryKey + guests[0], to: entryKey + guests[last] + "|", page: int32(rows)}
	for r, err := range s.entries.list(ctx, q) {
		if err != nil {
			return nil, err
		}
		guest := r.one("RowKey")[len(entryKey):]
		found[guest] = r
		if rows--; rows == 0 {
			i, _ := slices.BinarySearchFunc(guests, guest, func(a, b string) int {
				if a <= b {
					return -1
				}
				return strings.Compare(a, b)
			})
			return guests[i:], nil
		}
	}
	return nil, nil
}

func (s *Store) readPoints(ctx context.Context, partition string, guests []string, found map[string]stored) error {
	rows := make([]stored, len(guests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, guest := range guests {
		group.Go(func() error {
			r, err := s.entries.get(ctx, partition, entryKey+guest)
			if errors.Is(err, errMissing) {
				return nil
			}
			rows[i] = r
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, r := range rows {
		if r != nil {
			found[guests[i]] = r
		}
	}
	return nil
}
