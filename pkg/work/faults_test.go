package work_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/work"
)

func TestDamagedFilesAreErrorsThatNameTheFolder(t *testing.T) {
	t.Parallel()
	blobs := newStore()
	put(t, blobs, work.Path(folder, "part-01.jsonl"), `{"line":2}`+"\n"+`{"line":3,"cel`)
	put(t, blobs, work.Path(folder, "header.json"), `["Email`)
	var lines []int
	var last error
	for r, err := range work.Rows(t.Context(), blobs, folder, 1) {
		if last = err; err == nil {
			lines = append(lines, r.Line)
		}
	}
	if !errors.Is(last, io.ErrUnexpectedEOF) || !strings.Contains(last.Error(), folder) || !cmp.Equal(lines, []int{2}) {
		t.Errorf("lines %v, then %v; want line 2, then an error with the folder", lines, last)
	}
	if _, err := work.Header(t.Context(), blobs, folder); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("header: %v, want an error with the folder", err)
	}
}

var errStorage = errors.New("503 server busy")

// broken is a store that fails to do some things.
type broken struct {
	*memblob.Store
	list, open bool
	write      string // path whose Close fails
}

func (b broken) List(ctx context.Context, container, prefix string) iter.Seq2[blobstore.Info, error] {
	if b.list {
		return func(yield func(blobstore.Info, error) bool) { yield(blobstore.Info{}, errStorage) }
	}
	return b.Store.List(ctx, container, prefix)
}

func (b broken) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	if b.open {
		return nil, blobstore.Info{}, errStorage
	}
	return b.Store.Open(ctx, container, path, etag)
}

func (b broken) Create(ctx context.Context, container, path string) blobstore.Writer {
	w := b.Store.Create(ctx, container, path)
	if path == b.write {
		return brokenWriter{w}
	}
	return w
}

type brokenWriter struct{ blobstore.Writer }

func (brokenWriter) Close() error { return errStorage }

func TestStorageErrorsWhileReadingAreNotTakenForMissingFiles(t *testing.T) {
	t.Parallel()
	blobs := broken{Store: newStore(), list: true, open: true}
	if _, err := work.Parts(t.Context(), blobs, folder); !errors.Is(err, errStorage) {
		t.Errorf("Parts: %v", err)
	}
	if _, err := work.Header(t.Context(), blobs, folder); !errors.Is(err, errStorage) {
		t.Errorf("Header: %v", err)
	}
	n := 0
	for _, err := range work.Rows(t.Context(), blobs, folder, 1) {
		if n++; !errors.Is(err, errStorage) {
			t.Errorf("Rows: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("Rows yielded %d times, want once", n)
	}
}

func TestPartThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"part-02.jsonl", "rejected.jsonl"} {
		w := work.NewWriter(t.Context(), broken{Store: newStore(), write: work.Path(folder, name)}, folder)
		for _, r := range []work.Row{good(2, 2), bad(3), good(4, 3)} {
			if err := w.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); !errors.Is(err, errStorage) {
			t.Errorf("%s: Close: %v, want the storage's error", name, err)
		}
		w.Abort()
	}
}

func TestHeaderThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	blobs := broken{Store: newStore(), write: work.Path(folder, "header.json")}
	if err := work.NewWriter(t.Context(), blobs, folder).Header([]string{"Email"}); !errors.Is(err, errStorage) {
		t.Errorf("got %v", err)
	}
}
