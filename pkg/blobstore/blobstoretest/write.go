package blobstoretest

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"guestlist/pkg/blobstore"
)

func roundTrip(t *testing.T, f fixture) {
	for path, want := range map[string]string{"empty.csv": "", "one.csv": "a", "text.csv": "a;b\r\nü;😀\x00\xff"} {
		f.write(t, path, want)
		got, info := f.read(t, path, "")
		if got != want || info.Size != int64(len(want)) || info.Path != path || info.Container != f.container {
			t.Errorf("%s: read %q, %+v", path, got, info)
		}
		if age := time.Since(info.Modified).Abs(); age > time.Hour {
			t.Errorf("%s: modified %s ago", path, age)
		}
	}
}

// large writes five megabytes in odd pieces: many blocks, and a last one that is not full.
func large(t *testing.T, f fixture) {
	random := rand.NewChaCha8([32]byte{1})
	piece, wrote := make([]byte, 77_777), sha256.New()
	w := f.store.Create(t.Context(), f.container, "large")
	size := 0
	for size < 5<<20 {
		random.Read(piece)
		wrote.Write(piece)
		n, err := w.Write(piece)
		must(t, err)
		size += n
	}
	must(t, w.Close())
	r, info, err := f.store.Open(t.Context(), f.container, "large", "")
	must(t, err)
	defer r.Close()
	read := sha256.New()
	n, err := io.Copy(read, r)
	must(t, err)
	if n != int64(size) || info.Size != n || string(read.Sum(nil)) != string(wrote.Sum(nil)) {
		t.Errorf("wrote %d bytes, read %d, size %d; equal sums: %t", size, n, info.Size,
			string(read.Sum(nil)) == string(wrote.Sum(nil)))
	}
}

func paths(t *testing.T, f fixture) {
	all := []string{"a/b/c.csv", "blank in name.csv", "ü/张.csv", "100%25.csv", "a+b&c=d#e?f.csv", "quote'd (1).csv", "CASE.csv", "case.csv"}
	for _, path := range all {
		f.write(t, path, path)
	}
	for _, path := range all {
		if got, info := f.read(t, path, ""); got != path || info.Path != path {
			t.Errorf("%s: read %q, path %q", path, got, info.Path)
		}
	}
	if n := len(collect(t, f.store.List(t.Context(), f.container, ""))); n != len(all) {
		t.Errorf("%d of %d blobs listed", n, len(all))
	}
}

func invisible(t *testing.T, f fixture) {
	w := f.store.Create(t.Context(), f.container, "a")
	_, err := w.Write(make([]byte, 1<<20))
	must(t, err)
	if _, err := f.store.Stat(t.Context(), f.container, "a"); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("stat before Close: %v", err)
	}
	if n := len(collect(t, f.store.List(t.Context(), f.container, ""))); n != 0 {
		t.Errorf("%d blobs listed before Close", n)
	}
	must(t, w.Close())
	w.Abort() // does nothing now
	if info := f.stat(t, "a"); info.Size != 1<<20 {
		t.Errorf("size %d after Close", info.Size)
	}
}

func abort(t *testing.T, f fixture) {
	f.write(t, "a", "former")
	before := f.stat(t, "a")
	for _, size := range []int{3, 1 << 20} {
		w := f.store.Create(t.Context(), f.container, "a")
		_, err := w.Write(make([]byte, size))
		must(t, err)
		w.Abort()
		w.Abort()
	}
	got, after := f.read(t, "a", "")
	if got != "former" || after != before {
		t.Errorf("after Abort: %q, %+v, before %+v", got, after, before)
	}
}

func spent(t *testing.T, f fixture) {
	closed := f.store.Create(t.Context(), f.container, "a")
	must(t, closed.Close())
	aborted := f.store.Create(t.Context(), f.container, "b")
	aborted.Abort()
	for name, w := range map[string]blobstore.Writer{"closed": closed, "aborted": aborted} {
		if _, err := io.WriteString(w, "x"); err == nil {
			t.Errorf("%s writer wrote", name)
		}
		if err := w.Close(); err == nil {
			t.Errorf("%s writer closed again", name)
		}
	}
	if _, err := f.store.Stat(t.Context(), f.container, "b"); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("stat of an aborted blob: %v", err)
	}
}
