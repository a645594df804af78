package plan_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/plan"
	"guestlist/pkg/status"
)

// refusing is a blob store that refuses uploads for a while.
type refusing struct {
	plan.Blobs
	inbox string
	times int
	err   error
}

func (r *refusing) refuse(container string) error {
	if container != r.inbox || r.times == 0 {
		return nil
	}
	r.times--
	return fmt.Errorf("open %s: %w", container, r.err)
}

func (r *refusing) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	if err := r.refuse(container); err != nil {
		return nil, blobstore.Info{}, err
	}
	return r.Blobs.Open(ctx, container, path, etag)
}

func (r *refusing) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	if err := r.refuse(container); err != nil {
		return blobstore.Info{}, err
	}
	return r.Blobs.Stat(ctx, container, path)
}

// TestFileThatCannotBeReadYet: the event comes before a copy has its content, or the file lies in the archive tier, or
// storage is away. The file waits, status says for what, and it is imported once it can be read. A copy that has ended has
// another ETag.
func TestFileThatCannotBeReadYet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err         error
		says        string
		etagChanges bool
	}{
		"copy_before_content": {blobstore.ErrPending, "still being copied", true},
		"archived":            {blobstore.ErrArchived, "archive tier", false},
		"storage_away":        {errors.New("connection refused"), "blob storage cannot be reached", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storages(t, func(t *testing.T, w *world) {
				w.write(w.inbox, "a.csv", version("b"))
				e := w.event("CopyBlob", "a.csv", w.etag("a.csv"))
				w.plan.Blobs = &refusing{Blobs: w.blobs, inbox: w.inbox, times: 3, err: c.err}
				w.must(w.one(e))
				w.must(w.one(w.queue[0])) // puts itself off
				v, err := status.Find(t.Context(), w.ledger, w.only().ID)
				if err != nil || v.State != "staging" || v.Code != "stage.waiting" || !strings.Contains(v.Text, c.says) {
					t.Errorf("status says %+v, %v", v, err)
				}
				want := []string{"running b"}
				if c.etagChanges {
					w.touch("a.csv")
					want = append(want, "superseded file.changed")
				}
				w.queue = w.queue[1:]
				w.rest()
				if got := w.outcome(); !slices.Equal(got, want) {
					t.Errorf("imports: %v", got)
				}
			})
		})
	}
}

// TestArchivedFileIsReadWhenItIsBack moves a real blob into the archive and out of it.
func TestArchivedFileIsReadWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := newAzurite(t)
	w.allow(nil)
	e := w.put("a.csv", version("b"))
	c := w.raw("a.csv")
	_, err := c.SetTier(t.Context(), blob.AccessTierArchive, nil)
	w.must(err)
	w.must(w.one(e))
	w.must(w.one(w.queue[0]))
	if i := w.only(); !strings.Contains(i.Text, "archive tier") {
		t.Errorf("import: %+v", i)
	}
	_, err = c.SetTier(t.Context(), blob.AccessTierHot, nil)
	w.must(err)
	w.rest()
	if got := w.outcome(); !slices.Equal(got, []string{"running b"}) {
		t.Errorf("imports: %v", got)
	}
}
