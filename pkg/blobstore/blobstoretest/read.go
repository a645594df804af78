package blobstoretest

import (
	"errors"
	"io"
	"strings"
	"testing"

	"guestlist/pkg/blobstore"
)

func missing(t *testing.T, f fixture) {
	for _, when := range []string{"no container", "no blob"} {
		if _, err := f.store.Stat(t.Context(), f.container, "a"); !errors.Is(err, blobstore.ErrNotFound) {
			t.Errorf("%s: stat: %v", when, err)
		}
		for _, etag := range []string{"", "0x8D"} {
			if _, _, err := f.store.Open(t.Context(), f.container, "a", etag); !errors.Is(err, blobstore.ErrNotFound) {
				t.Errorf("%s: open with ETag %q: %v", when, etag, err)
			}
		}
		must(t, f.store.CreateContainer(t.Context(), f.container))
	}
}

func versions(t *testing.T, f fixture) {
	seen := map[string]bool{}
	for range 3 {
		f.write(t, "a", "same bytes")
		info := f.stat(t, "a")
		if seen[info.ETag] {
			t.Errorf("ETag %s came before", info.ETag)
		}
		seen[info.ETag] = true
	}
}

func etags(t *testing.T, f fixture) {
	f.write(t, "a", "x")
	stat := f.stat(t, "a")
	if stat.ETag == "" || strings.Contains(stat.ETag, `"`) {
		t.Errorf("ETag %s", stat.ETag)
	}
	if _, open := f.read(t, "a", stat.ETag); open != stat {
		t.Errorf("open says %+v, stat %+v", open, stat)
	}
	if all := collect(t, f.store.List(t.Context(), f.container, "")); len(all) != 1 || all[0] != stat {
		t.Errorf("list says %+v, stat %+v", all, stat)
	}
}

func openStale(t *testing.T, f fixture) {
	f.write(t, "a", "first")
	first := f.stat(t, "a").ETag
	f.write(t, "a", "second")
	if _, _, err := f.store.Open(t.Context(), f.container, "a", first); !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("error %v", err)
	}
	if got, _ := f.read(t, "a", f.stat(t, "a").ETag); got != "second" {
		t.Errorf("read %q", got)
	}
}

const half = 4 << 20

// opened writes a blob of two halves and returns a reader of that version, ready for the second half.
func opened(t *testing.T, f fixture, pinned bool) io.Reader {
	t.Helper()
	f.write(t, "a", strings.Repeat("1", 2*half))
	etag := ""
	if pinned {
		etag = f.stat(t, "a").ETag
	}
	r, _, err := f.store.Open(t.Context(), f.container, "a", etag)
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	if _, err := io.CopyN(io.Discard, r, half); err != nil {
		t.Fatal(err)
	}
	return r
}

func changeWhileReading(t *testing.T, f fixture) {
	r := opened(t, f, true)
	f.write(t, "a", strings.Repeat("2", 2*half))
	rest, err := io.ReadAll(r)
	if !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("error %v", err)
	}
	if strings.Contains(string(rest), "2") {
		t.Error("bytes of another version")
	}
	if _, again := r.Read(make([]byte, 1)); !errors.Is(again, blobstore.ErrChanged) {
		t.Errorf("reading on: %v", again)
	}
}

func deleteWhileReading(t *testing.T, f fixture) {
	r := opened(t, f, true)
	must(t, f.store.Delete(t.Context(), f.container, "a"))
	if _, err := io.ReadAll(r); !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("error %v", err)
	}
}

func noMixture(t *testing.T, f fixture) {
	r := opened(t, f, false)
	f.write(t, "a", strings.Repeat("2", 2*half))
	rest, err := io.ReadAll(r)
	if err != nil && !errors.Is(err, blobstore.ErrChanged) {
		t.Errorf("error %v", err)
	}
	if strings.Contains(string(rest), "2") || err == nil && len(rest) != half {
		t.Errorf("%d bytes of a second half, another version's among them: %t", len(rest), strings.Contains(string(rest), "2"))
	}
}
