package blobstoretest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore"
)

// sizes are a blob of one write, and one of several blocks with a last one that is not full.
var sizes = map[string]int{"small": 1000, "large": 9<<20 + 5}

func (f fixture) versions(t *testing.T) blobstore.Versions {
	t.Helper()
	v, ok := f.store.(blobstore.Versions)
	if !ok {
		t.Fatalf("%T is no blobstore.Versions", f.store)
	}
	must(t, f.store.CreateContainer(t.Context(), f.container))
	return v
}

// replace writes n times the letter over a version and returns what Close says.
func (f fixture) replace(t *testing.T, path, over string, letter byte, n int) error {
	t.Helper()
	w := f.versions(t).Replace(t.Context(), f.container, path, over, blobstore.Properties{Metadata: map[string]string{"by": string(letter)}})
	if _, err := w.Write(bytes.Repeat([]byte{letter}, n)); err != nil {
		w.Abort()
		return err
	}
	return w.Close()
}

// holds checks that a blob is n times the letter, written by replace.
func (f fixture) holds(t *testing.T, path string, letter byte, n int) {
	t.Helper()
	got, _ := f.read(t, path, "")
	if want := string(bytes.Repeat([]byte{letter}, n)); got != want {
		t.Errorf("%s holds %d bytes that begin with %.3q, want %d times %c", path, len(got), got, n, letter)
	}
	if _, p, err := f.versions(t).Look(t.Context(), f.container, path); err != nil || p.Metadata["by"] != string(letter) {
		t.Errorf("%s is by %q, %v; want %c", path, p.Metadata["by"], err, letter)
	}
}

func replaceProperties(t *testing.T, f fixture) {
	v := f.versions(t)
	want := blobstore.Properties{ContentType: "text/csv; charset=utf-8", Metadata: map[string]string{"bucket": "b", "sequencer": "0055AED6"}}
	for name, size := range sizes {
		w := v.Replace(t.Context(), f.container, name, "", want)
		_, err := w.Write(make([]byte, size))
		must(t, err)
		must(t, w.Close())
		info, got, err := v.Look(t.Context(), f.container, name)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" || info != f.stat(t, name) || info.Size != int64(size) {
			t.Errorf("%s: %+v, properties -want +got:\n%s", name, info, diff)
		}
	}
	if _, _, err := v.Look(t.Context(), f.container, "nothing"); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("look at nothing: %v", err)
	}
}

func replaceCondition(t *testing.T, f fixture) {
	for name, size := range sizes {
		must(t, f.replace(t, name, "", 'a', size))
		first := f.stat(t, name).ETag
		if err := f.replace(t, name, "", 'b', size); !errors.Is(err, blobstore.ErrChanged) {
			t.Errorf("%s: over nothing where something is: %v", name, err)
		}
		must(t, f.replace(t, name, first, 'c', size))
		if err := f.replace(t, name, first, 'd', size); !errors.Is(err, blobstore.ErrChanged) {
			t.Errorf("%s: over the version before: %v", name, err)
		}
		if err := f.replace(t, name+"2", first, 'e', size); !errors.Is(err, blobstore.ErrChanged) {
			t.Errorf("%s: over a version where nothing is: %v", name, err)
		}
		f.holds(t, name, 'c', size)
	}
}

// replaceRace has two writers of one blob at work at the same time: one commits, the other is told.
func replaceRace(t *testing.T, f fixture) {
	v := f.versions(t)
	for name, size := range sizes {
		one := v.Replace(t.Context(), f.container, name, "", blobstore.Properties{Metadata: map[string]string{"by": "a"}})
		two := v.Replace(t.Context(), f.container, name, "", blobstore.Properties{Metadata: map[string]string{"by": "b"}})
		half := size / 2
		for _, n := range []int{half, size - half} {
			_, err := one.Write(bytes.Repeat([]byte("a"), n))
			must(t, err)
			_, err = two.Write(bytes.Repeat([]byte("b"), n))
			must(t, err)
		}
		must(t, one.Close())
		if err := two.Close(); !errors.Is(err, blobstore.ErrChanged) {
			t.Errorf("%s: the second commit: %v", name, err)
		}
		f.holds(t, name, 'a', size)
	}
}

func replaceInvisible(t *testing.T, f fixture) {
	v := f.versions(t)
	for name, size := range sizes {
		w := v.Replace(t.Context(), f.container, name, "", blobstore.Properties{})
		_, err := w.Write(make([]byte, size))
		must(t, err)
		if _, err := f.store.Stat(t.Context(), f.container, name); !errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("%s: stat before Close: %v", name, err)
		}
		if n := len(collect(t, f.store.List(t.Context(), f.container, ""))); n != 0 {
			t.Errorf("%s: %d blobs listed before Close", name, n)
		}
		w.Abort()
		if _, err := io.WriteString(w, "x"); err == nil || w.Close() == nil {
			t.Errorf("%s: an aborted writer wrote or committed", name)
		}
		if _, err := f.store.Stat(t.Context(), f.container, name); !errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("%s: stat after Abort: %v", name, err)
		}
	}
}

func replaceNoContainer(t *testing.T, f fixture) {
	v := f.versions(t)
	for name, size := range sizes {
		w := v.Replace(t.Context(), f.container+"x", name, "", blobstore.Properties{})
		_, err := w.Write(make([]byte, size))
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("%s: write without a container: %v", name, err)
		}
	}
}
