package tableledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"guestlist/pkg/ledger"
)

// single is a kind of row of which there is one, in table tenants: its partition and its row key are its name.
type single[T any] struct {
	name, column string
	times        func(*T) []*time.Time
	version      func(*T) *string
	copy         func(T) T
}

// read returns the zero T and no ETag if there is no row.
func (k single[T]) read(ctx context.Context, s *Store) (v T, etag azcore.ETag, err error) {
	found, err := s.tenants.get(ctx, k.name, k.name)
	if errors.Is(err, errMissing) {
		return v, "", nil
	}
	if err == nil {
		etag, err = found.etag(), found.json(k.column, &v)
	}
	if err != nil {
		return v, "", fmt.Errorf("the row of the %s: %w", k.name, err)
	}
	return v, etag, nil
}

func (k single[T]) update(ctx context.Context, s *Store, change func(*T, time.Time) error) (none T, err error) {
	for wait := newBackoff(); ; {
		old, etag, err := k.read(ctx, s)
		if err != nil {
			return none, err
		}
		v := k.copy(old)
		if err := change(&v, s.clock.now()); errors.Is(err, ledger.ErrUnchanged) {
			return old, nil
		} else if err != nil {
			return none, err
		}
		v, err = k.write(ctx, s, v, etag)
		if err == nil {
			return v, nil
		}
		if err := wait.after(ctx, err); err != nil {
			return none, fmt.Errorf("update the row of the %s: %w", k.name, refused(k.name, err))
		}
	}
}

// write writes the row under its ETag, or inserts it without; errLost.
func (k single[T]) write(ctx context.Context, s *Store, v T, etag azcore.ETag) (T, error) {
	for _, at := range k.times(&v) {
		*at = utc(*at)
	}
	version := newVersion()
	*k.version(&v) = version
	row := newRow(k.name, k.name).one(versionProperty, version)
	if err := row.putJSON(k.column, v); err != nil {
		return v, err
	}
	var err error
	if etag == "" {
		_, err = s.tenants.add(ctx, row.done())
	} else {
		_, err = s.tenants.replace(ctx, row.done(), etag)
	}
	if errors.Is(err, errLost) {
		// A row with our version means that only the answer was lost.
		if found, _, readErr := k.read(ctx, s); readErr == nil && *k.version(&found) == version {
			return found, nil
		}
	}
	return v, err
}
