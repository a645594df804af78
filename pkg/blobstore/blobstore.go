// Package blobstore is the contract between Guestlist and blob storage: what an import reads and writes. The adapter to
// Azure is pkg/blobstore/azblobstore, the twin for tests pkg/blobstore/memblob; one suite, blobstoretest, runs on both.
package blobstore

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

var (
	// ErrNotFound means that the container or the blob does not exist.
	ErrNotFound = errors.New("no such blob")
	// ErrChanged means that the blob is not, or no longer, the version that was asked for.
	ErrChanged = errors.New("the blob has changed")
	// ErrPending means that the blob is the target of a copy that is still under way, so it is not complete: ask again
	// later. It is met because BlobCreated comes at the start of some copies. The version changes when the copy ends.
	ErrPending = errors.New("the blob is still being copied")
	// ErrArchived means that the blob lies in the archive tier, so it cannot be read before somebody moves it. Its version
	// stays the same.
	ErrArchived = errors.New("the blob is archived")
)

// Info describes one version of a blob. ETag is without quotes.
type Info struct {
	Container, Path, ETag string
	Size                  int64
	Modified              time.Time
}

// Store reads and writes blobs. All methods may be called from many goroutines and retry transient faults by themselves.
type Store interface {
	// Account names the storage account (part of an import's id).
	Account() string
	// Stat returns the present version of a blob; ErrNotFound, ErrPending.
	Stat(ctx context.Context, container, path string) (Info, error)
	// Open streams a blob. With a non-empty etag only that version is read: ErrChanged if another is there before the
	// first byte or takes its place while reading (then from Read). ErrNotFound if there is none, ErrPending if it is not
	// complete, ErrArchived if it cannot be read. The caller closes.
	Open(ctx context.Context, container, path, etag string) (io.ReadCloser, Info, error)
	// Create streams a new blob or a new version of it, creating the container if it is missing. Nothing is visible until
	// Close returns nil; Abort drops what was written.
	Create(ctx context.Context, container, path string) Writer
	// CreateContainer makes an empty container; one that exists already is no error.
	CreateContainer(ctx context.Context, container string) error
	// List yields the blobs whose path begins with prefix, in order of path; a container that is missing yields none.
	List(ctx context.Context, container, prefix string) iter.Seq2[Info, error]
	// Delete removes a blob; one that is missing is no error.
	Delete(ctx context.Context, container, path string) error
}

// Writer is a blob being written. After Close or Abort it is spent; Abort after Close does nothing.
type Writer interface {
	io.WriteCloser
	Abort()
}
