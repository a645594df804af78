package azblobstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"guestlist/pkg/blobstore"
)

// blockSize is how much a writer collects before it sends. The SDK's own streaming takes a megabyte at least, for each of
// two blocks: too much where a file is written in 65 parts at once. 50,000 blocks, the service's maximum, make 12 GiB.
const blockSize = 256 << 10

// Create implements [blobstore.Store].
func (s *Store) Create(ctx context.Context, container, path string) blobstore.Writer {
	return s.writer(ctx, container, path, blockSize)
}

func (s *Store) writer(ctx context.Context, container, path string, size int) *writer {
	return &writer{
		store: s, ctx: ctx, container: container, path: path, size: size, prefix: rand.Text()[:16],
		client: s.client.NewContainerClient(container).NewBlockBlobClient(path),
	}
}

// writer stages blocks and commits them at Close. Blocks never committed are dropped by the service after a week.
type writer struct {
	store           *Store
	ctx             context.Context
	container, path string
	client          *blockblob.Client
	size            int    // of a block
	prefix          string // of the ids of its blocks, so that two writers of a blob cannot mix theirs
	buf             []byte
	blocks          []string
	err             error // why it is spent, or cannot go on
}

func (w *writer) which() string { return w.container + "/" + w.path }

func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for w.err == nil && written < len(p) {
		if w.buf == nil {
			w.buf = make([]byte, 0, min(w.size, max(4096, len(p))))
		}
		n := min(len(p)-written, w.size-len(w.buf))
		w.buf = append(w.buf, p[written:written+n]...)
		written += n
		if len(w.buf) == w.size {
			w.err = w.stage()
		}
	}
	return written, w.err
}

// stage sends what is collected as a block.
func (w *writer) stage() error {
	id := w.nextID()
	err := w.send(func() error {
		_, err := w.client.StageBlock(w.ctx, id, streaming.NopCloser(bytes.NewReader(w.buf)), nil)
		return err
	})
	w.buf = w.buf[:0]
	return err
}

// nextID names the next block of the blob.
func (w *writer) nextID() string {
	id := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s%08d", w.prefix, len(w.blocks)))
	w.blocks = append(w.blocks, id)
	return id
}

// send sends a request, making the container first if it is not known to exist.
func (w *writer) send(request func() error) error {
	if _, ok := w.store.made.Load(w.container); !ok {
		if err := w.store.CreateContainer(w.ctx, w.container); err != nil {
			return err
		}
	}
	err := fail("write", w.which(), request())
	if errors.Is(err, blobstore.ErrNotFound) { // somebody removed the container; another try will make it
		w.store.made.Delete(w.container)
		return fmt.Errorf("write %s: the container has been removed", w.which())
	}
	return err
}

func (w *writer) Close() error {
	if w.err != nil {
		return w.err
	}
	err := w.commit()
	w.err = fmt.Errorf("%s: %w", w.which(), fs.ErrClosed)
	w.buf = nil
	return err
}

func (w *writer) commit() error {
	if len(w.blocks) == 0 {
		return w.send(func() error {
			_, err := w.client.Upload(w.ctx, streaming.NopCloser(bytes.NewReader(w.buf)), nil)
			return err
		})
	}
	if len(w.buf) > 0 {
		if err := w.stage(); err != nil {
			return err
		}
	}
	return w.send(func() error {
		_, err := w.client.CommitBlockList(w.ctx, w.blocks, nil)
		return err
	})
}

func (w *writer) Abort() {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", w.which(), fs.ErrClosed)
	}
	w.buf = nil
}
