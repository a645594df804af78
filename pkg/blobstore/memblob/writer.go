package memblob

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"time"

	"guestlist/pkg/blobstore"
)

// Create implements [blobstore.Store].
func (s *Store) Create(ctx context.Context, container, path string) blobstore.Writer {
	return &writer{store: s, ctx: ctx, container: container, path: path}
}

type writer struct {
	store           *Store
	ctx             context.Context
	container, path string
	buf             bytes.Buffer
	spent           bool
}

func (w *writer) Write(p []byte) (int, error) {
	if w.spent {
		return 0, fmt.Errorf("write %s/%s: %w", w.container, w.path, fs.ErrClosed)
	}
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.buf.Write(p)
}

func (w *writer) Close() error {
	if w.spent {
		return fmt.Errorf("close %s/%s: %w", w.container, w.path, fs.ErrClosed)
	}
	w.spent = true
	if err := w.ctx.Err(); err != nil {
		return err
	}
	w.store.put(w.container, w.path, w.buf.Bytes())
	return nil
}

func (w *writer) Abort() { w.spent = true }

func (s *Store) put(container, path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.create(container)
	s.writes++
	s.containers[container][path] = blob{data: data, info: blobstore.Info{
		Container: container, Path: path, ETag: fmt.Sprintf("0x8D%013X", s.writes), Size: int64(len(data)),
		Modified: s.now().UTC().Truncate(time.Second), // as in an HTTP header
	}}
}
