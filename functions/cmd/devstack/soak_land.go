package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"guestlist/functions/cmd/devstack/internal/soak"
	"guestlist/pkg/blobstore"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

// landed is a file that a soak has dropped.
type landed struct {
	blob     blobstore.Info
	importID string
	at       time.Time
	share    float64       // of the work that was done then
	took     time.Duration // until its results were written; 0 while they are not
}

// again is an event that is still to be sent once more.
type again struct {
	soak.Event
	file int
}

// drop drops every file whose time has come. When nothing is open, the next one's has.
func (r *round) drop(ctx context.Context, share float64) error {
	var left []int
	for _, n := range r.pending {
		f := r.plan.Files[n]
		due := f.At <= share || r.open() == 0
		if f.Again >= 0 && (r.drops[f.Again] == nil || r.drops[f.Again].took == 0) {
			due = false
		}
		if f.Replaces >= 0 {
			due = r.drops[f.Replaces] != nil
		}
		if !due {
			left = append(left, n)
			continue
		}
		if err := r.land(ctx, n, share); err != nil {
			return fmt.Errorf("drop %s: %w", f.Path, err)
		}
	}
	r.pending = left
	return nil
}

// land writes a file into its inbox, once: the storage does not stand still meanwhile.
func (r *round) land(ctx context.Context, n int, share float64) error {
	r.woe.storage.RLock()
	defer r.woe.storage.RUnlock()
	f, blobs := r.plan.Files[n], r.stack.services.Blobs
	w := blobs.Create(ctx, policy.Container(f.Source), f.Path)
	if _, err := io.Copy(w, bytes.NewReader(f.Content)); err != nil {
		w.Abort()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	b, err := blobs.Stat(ctx, policy.Container(f.Source), f.Path)
	if err != nil {
		return err
	}
	r.drops[n] = &landed{blob: b, importID: message.ImportID(blobs.Account(), b.Container, b.Path, b.ETag), at: time.Now(), share: share}
	for _, e := range f.Events {
		r.events = append(r.events, &again{e, n})
	}
	return nil
}

// repeat sends the events whose time has come.
func (r *round) repeat(ctx context.Context, share float64) {
	var left []*again
	for _, e := range r.events {
		d := r.drops[e.file]
		if time.Since(d.at) < e.Wait || d.share+e.After > share && r.open() > 0 {
			left = append(left, e)
			continue
		}
		b := eventgrid.Blob{Account: r.stack.services.Blobs.Account(), Endpoint: r.stack.azurite.BlobURL(), Container: d.blob.Container, Path: d.blob.Path,
			ETag: strings.Trim(d.blob.ETag, `"`), API: e.API, ContentType: "text/csv", Type: "BlockBlob", Length: d.blob.Size, Time: d.at, Sequence: rand.Uint64()}
		schema := eventgrid.EventGrid
		if e.Cloud {
			schema = eventgrid.CloudEvents
		}
		limited, cancel := context.WithTimeout(ctx, 10*time.Second)
		if r.stack.services.Bus.Send(limited, message.Message{Kind: message.Event, Event: eventgrid.Event(schema, b)}) != nil {
			left = append(left, e) // the broker refuses: once more at the next beat
		}
		cancel()
	}
	r.events = left
}

// look asks the ledger which imports have ended, a few at a time.
func (r *round) look(ctx context.Context) {
	asked := 0
	for _, d := range r.drops {
		if d.took > 0 || asked > 2 {
			continue
		}
		asked++
		limited, cancel := context.WithTimeout(ctx, 2*time.Second)
		i, err := r.stack.services.Ledger.Import(limited, d.importID)
		cancel()
		if err == nil && !i.Open() { // an error says that the event is on its way, or that the storage stands still
			d.took = time.Since(d.at)
		}
	}
}

// open counts the files that have not ended.
func (r *round) open() (n int) {
	for _, d := range r.drops {
		if d.took == 0 {
			n++
		}
	}
	return n
}
