package plan_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(azuritetest.Main(m))
}

// storages runs f with the blobs in memory and with the blobs in Azurite.
func storages(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for name, make := range map[string]func(*testing.T) *world{"memory": newWorld, "azurite": newAzurite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := make(t)
			w.allow(nil)
			f(t, w)
		})
	}
}

// newAzurite is a world with its blobs in the account that tests share, in an inbox of its own. The ledger is in memory.
func newAzurite(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	s, err := azblobstore.New(azblobstore.Config{ConnectionString: azuritetest.Shared(t).ConnectionString()})
	if err != nil {
		t.Fatal(err)
	}
	w.source = "s" + strings.ToLower(rand.Text()[:12])
	w.blobs, w.inbox = s, policy.Container(w.source)
	w.plan = w.planner()
	return w
}

// newTables is newAzurite with the ledger in tables of its own.
func newTables(t *testing.T) *world {
	t.Helper()
	w := newAzurite(t)
	l, err := tableledger.New(t.Context(), tableledger.Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: w.source})
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = l
	w.plan = w.planner()
	return w
}

func (w *world) onAzurite() bool {
	_, ok := w.blobs.(*azblobstore.Store)
	return ok
}

// raw returns the SDK's client of a blob, for what no contract of ours does.
func (w *world) raw(path string) *blob.Client {
	w.t.Helper()
	c, err := azblob.NewClientFromConnectionString(azuritetest.Shared(w.t).ConnectionString(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ServiceClient().NewContainerClient(w.inbox).NewBlobClient(path)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// touch changes what a blob carries besides its bytes, which raises no event. In memory a write that raises none is the same.
func (w *world) touch(path string) {
	w.t.Helper()
	before := w.etag(path)
	if w.onAzurite() {
		_, err := w.raw(path).SetMetadata(w.t.Context(), map[string]*string{"seen": to.Ptr("yes")}, nil)
		w.must(err)
	} else {
		r, _, err := w.blobs.Open(w.t.Context(), w.inbox, path, "")
		w.must(err)
		same, err := io.ReadAll(r)
		w.must(err)
		w.write(w.inbox, path, string(same))
	}
	if w.etag(path) == before {
		w.t.Fatal("the ETag has not moved")
	}
}

// quietly does what must leave the ETag as it is: the tier, tags, a lease.
func (w *world) quietly(path string) {
	w.t.Helper()
	if !w.onAzurite() {
		return
	}
	before, c := w.etag(path), w.raw(path)
	_, err := c.SetTier(w.t.Context(), blob.AccessTierCool, nil)
	w.must(err)
	_, err = c.SetTags(w.t.Context(), map[string]string{"scan": "clean"}, nil)
	w.must(err)
	l, err := lease.NewBlobClient(c, nil)
	w.must(err)
	_, err = l.AcquireLease(w.t.Context(), -1, nil)
	w.must(err)
	if after := w.etag(path); after != before {
		w.t.Errorf("the ETag moved from %s to %s", before, after)
	}
}

// during is a blob store in which something happens once, after so many bytes of the first upload were read.
type during struct {
	plan.Blobs
	inbox string
	after int
	act   func()
}

func (d *during) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	r, info, err := d.Blobs.Open(ctx, container, path, etag)
	if container != d.inbox || err != nil || d.act == nil {
		return r, info, err
	}
	return &watched{r, d, 0}, info, nil
}

type watched struct {
	io.ReadCloser
	d *during
	n int
}

// Read hands over a few bytes at a time up to the moment.
func (w *watched) Read(p []byte) (int, error) {
	if w.d.act != nil && w.n >= w.d.after {
		act := w.d.act
		w.d.act = nil
		act()
	}
	if w.d.act != nil {
		p = p[:min(len(p), w.d.after-w.n)]
	}
	n, err := w.ReadCloser.Read(p)
	w.n += n
	return n, err
}
