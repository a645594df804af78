package acts

import (
	"context"
	"io"
	"iter"

	"guestlist/pkg/blobstore"
)

var blobWrites = []string{"blobs.Create", "blobs.CreateContainer", "blobs.Delete"}

// Blobs is a blob store whose writes are acts. A blob comes into being when its writer is closed, so that is the act.
type Blobs struct {
	Store blobstore.Store
	Mark  Mark
}

var _ blobstore.Store = Blobs{}

// Create implements blobstore.Store.
func (b Blobs) Create(ctx context.Context, container, path string) blobstore.Writer {
	return writer{ctx: ctx, mark: b.Mark, to: b.Store.Create(ctx, container, path)}
}

// CreateContainer implements blobstore.Store.
func (b Blobs) CreateContainer(ctx context.Context, container string) error {
	return b.Mark(ctx, "blobs.CreateContainer", func() error { return b.Store.CreateContainer(ctx, container) })
}

// Delete implements blobstore.Store.
func (b Blobs) Delete(ctx context.Context, container, path string) error {
	return b.Mark(ctx, "blobs.Delete", func() error { return b.Store.Delete(ctx, container, path) })
}

// Account implements blobstore.Store; it reads.
func (b Blobs) Account() string { return b.Store.Account() }

// Stat implements blobstore.Store; it reads.
func (b Blobs) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	return b.Store.Stat(ctx, container, path)
}

// Open implements blobstore.Store; it reads.
func (b Blobs) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	return b.Store.Open(ctx, container, path, etag)
}

// List implements blobstore.Store; it reads.
func (b Blobs) List(ctx context.Context, container, prefix string) iter.Seq2[blobstore.Info, error] {
	return b.Store.List(ctx, container, prefix)
}

// writer is a blob being written. It keeps the context of its making, in which it writes.
type writer struct {
	ctx  context.Context
	mark Mark
	to   blobstore.Writer
}

// Write implements io.Writer; nobody sees the bytes yet.
func (w writer) Write(p []byte) (int, error) { return w.to.Write(p) }

// Close implements io.Closer.
func (w writer) Close() error { return w.mark(w.ctx, "blobs.Create", w.to.Close) }

// Abort implements blobstore.Writer; nobody sees it.
func (w writer) Abort() { w.to.Abort() }
