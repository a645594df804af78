package crashtest

import (
	"context"
	"time"

	"guestlist/pkg/ledger"
)

// Frozen is the ledger of a worker that stands still at one place, once: its process was stopped, or its machine was. What
// the others do meanwhile is done by Freeze.
type Frozen struct {
	ledger.Store
	At     string // one of the places below, or a caller's own
	Freeze func()
}

// The places around a write of the guest's row that keeps the lease, and after the claim.
const (
	AfterClaim = "after the claim"
	BeforeSave = "before the act is announced"
	AfterSave  = "after the act was announced"
)

// Stood reports whether the worker has stood still.
func (f *Frozen) Stood() bool { return f.At == "" }

// Pass stands still if this is the place.
func (f *Frozen) Pass(place string) {
	if f.At == place {
		f.At = ""
		f.Freeze()
	}
}

// Claim implements ledger.Guests.
func (f *Frozen) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	g, err := f.Store.Claim(ctx, key, holder, d)
	f.Pass(AfterClaim)
	return g, err
}

// SaveGuest implements ledger.Guests.
func (f *Frozen) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	announces := g.Holder != ""
	if announces {
		f.Pass(BeforeSave)
	}
	g, err := f.Store.SaveGuest(ctx, g)
	if announces {
		f.Pass(AfterSave)
	}
	return g, err
}
