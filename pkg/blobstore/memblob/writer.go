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
	condition       func(blob) error // of the commit, given the present version; nil is none
	properties      blobstore.Properties
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
	return w.store.put(w)
}

func (w *writer) Abort() { w.spent = true }

func (s *Store) put(w *writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.condition == nil {
		s.create(w.container)
	} else if err := w.condition(s.containers[w.container][w.path]); err != nil {
		return fmt.Errorf("replace %s/%s: %w", w.container, w.path, err)
	}
	if s.containers[w.container] == nil {
		return fmt.Errorf("replace %s/%s: %w", w.container, w.path, blobstore.ErrNotFound)
	}
	s.writes++
	s.containers[w.container][w.path] = blob{data: w.buf.Bytes(), properties: w.properties, info: blobstore.Info{
		Container: w.container, Path: w.path, ETag: fmt.Sprintf("0x8D%013X", s.writes), Size: int64(w.buf.Len()),
		Modified: s.now().UTC().Truncate(time.Second), // as in an HTTP header
	}}
	return nil
}
