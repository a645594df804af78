// Package memblob is blob storage in memory, for tests of everything that needs a [blobstore.Store]. Call [New].
//
// It promises what the contract promises, checked by the suite that pkg/blobstore/azblobstore passes too. It leaves out
// faults: nothing is lost and nothing fails.
package memblob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"guestlist/pkg/blobstore"
)

// Store is blob storage in memory. Its methods may be called from many goroutines.
type Store struct {
	account string
	now     func() time.Time

	mu         sync.Mutex
	writes     int // makes ETags
	containers map[string]map[string]blob
}

type blob struct {
	info       blobstore.Info
	properties blobstore.Properties
	data       []byte // never changed
}

var _ blobstore.Store = (*Store)(nil)

// New returns empty storage of the given account whose clock is now.
func New(account string, now func() time.Time) *Store {
	return &Store{account: account, now: now, containers: map[string]map[string]blob{}}
}

// Account implements [blobstore.Store].
func (s *Store) Account() string { return s.account }

// Stat implements [blobstore.Store].
func (s *Store) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	b, err := s.get(ctx, container, path)
	return b.info, err
}

func (s *Store) get(ctx context.Context, container, path string) (blob, error) {
	if err := ctx.Err(); err != nil {
		return blob{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.containers[container][path]
	if !ok {
		return blob{}, fmt.Errorf("%s/%s: %w", container, path, blobstore.ErrNotFound)
	}
	return b, nil
}

// Open implements [blobstore.Store].
func (s *Store) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	b, err := s.get(ctx, container, path)
	if err != nil {
		return nil, blobstore.Info{}, err
	}
	if etag != "" && etag != b.info.ETag {
		return nil, blobstore.Info{}, fmt.Errorf("%s/%s: %w", container, path, blobstore.ErrChanged)
	}
	return &reader{store: s, ctx: ctx, info: b.info, pinned: etag != "", data: bytes.NewReader(b.data)}, b.info, nil
}

// reader reads one version; if that was asked for, only while it is the present one.
type reader struct {
	store  *Store
	ctx    context.Context
	info   blobstore.Info
	pinned bool
	data   *bytes.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.pinned {
		b, err := r.store.get(r.ctx, r.info.Container, r.info.Path)
		if err != nil || b.info.ETag != r.info.ETag {
			return 0, fmt.Errorf("%s/%s: %w", r.info.Container, r.info.Path, blobstore.ErrChanged)
		}
	}
	return r.data.Read(p)
}

func (r *reader) Close() error { return nil }

// CreateContainer implements [blobstore.Store].
func (s *Store) CreateContainer(ctx context.Context, container string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.create(container)
	return nil
}

func (s *Store) create(container string) {
	if s.containers[container] == nil {
		s.containers[container] = map[string]blob{}
	}
}

// List implements [blobstore.Store].
func (s *Store) List(ctx context.Context, container, prefix string) iter.Seq2[blobstore.Info, error] {
	return func(yield func(blobstore.Info, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(blobstore.Info{}, err)
			return
		}
		for _, info := range s.infos(container, prefix) {
			if !yield(info, nil) {
				return
			}
		}
	}
}

func (s *Store) infos(container, prefix string) []blobstore.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var infos []blobstore.Info
	for _, path := range slices.Sorted(maps.Keys(s.containers[container])) {
		if strings.HasPrefix(path, prefix) {
			infos = append(infos, s.containers[container][path].info)
		}
	}
	return infos
}

// Delete implements [blobstore.Store].
func (s *Store) Delete(ctx context.Context, container, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers[container], path)
	return nil
}
