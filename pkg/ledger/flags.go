package ledger

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Flags answers, for many messages of the same imports, whether an import was cancelled, reading each import's row at
// most once in a while. It may be used from many goroutines.
type Flags struct {
	imports interface {
		Import(ctx context.Context, id string) (Import, error)
	}
	every time.Duration
	mu    sync.Mutex
	seen  map[string]flag
}

type flag struct {
	cancelled bool
	at        time.Time
}

// NewFlags returns Flags that are at most every old.
func NewFlags(s Imports, every time.Duration) *Flags {
	return &Flags{imports: s, every: every, seen: map[string]flag{}}
}

// Cancelled reports whether the import was cancelled. One that is not in the ledger counts as cancelled: it was purged.
func (f *Flags) Cancelled(ctx context.Context, importID string) (bool, error) {
	f.mu.Lock()
	known, ok := f.seen[importID]
	f.mu.Unlock()
	if ok && time.Since(known.at) < f.every {
		return known.cancelled, nil
	}
	i, err := f.imports.Import(ctx, importID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	now := flag{cancelled: i.Cancelled || errors.Is(err, ErrNotFound), at: time.Now()}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(now.at)
	f.seen[importID] = now
	return now.cancelled, nil
}

// forget drops what is too old to be used, so that a long-lived process does not collect every import it ever saw.
func (f *Flags) forget(now time.Time) {
	for id, old := range f.seen {
		if now.Sub(old.at) >= f.every {
			delete(f.seen, id)
		}
	}
}
