package blobstoretest

import (
	"errors"
	"slices"
	"testing"

	"guestlist/pkg/blobstore"
)

func list(t *testing.T, f fixture) {
	all := []string{"a", "a/1", "a/2/x", "a/3", "ab", "b/1", "x/a/b/1"}
	for _, path := range []string{"x/a/b/1", "b/1", "a/3", "a", "ab", "a/2/x", "a/1"} {
		f.write(t, path, path)
	}
	for prefix, want := range map[string][]string{"": all, "a/": all[1:4], "a": all[:5], "b/1": {"b/1"}, "c": nil} {
		var got []string
		for _, info := range collect(t, f.store.List(t.Context(), f.container, prefix)) {
			got = append(got, info.Path)
			if info.Size != int64(len(info.Path)) || info.Container != f.container {
				t.Errorf("listed %+v", info)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q, want %q", prefix, got, want)
		}
	}
	for range f.store.List(t.Context(), f.container, "") {
		break // a caller may stop early
	}
}

func listMissing(t *testing.T, f fixture) {
	if got := collect(t, f.store.List(t.Context(), f.container, "")); got != nil {
		t.Errorf("listed %+v", got)
	}
}

func remove(t *testing.T, f fixture) {
	must(t, f.store.Delete(t.Context(), f.container, "a")) // not even a container
	f.write(t, "a", "x")
	for range 2 {
		must(t, f.store.Delete(t.Context(), f.container, "a"))
	}
	if _, err := f.store.Stat(t.Context(), f.container, "a"); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("stat of a deleted blob: %v", err)
	}
}

func createContainer(t *testing.T, f fixture) {
	must(t, f.store.CreateContainer(t.Context(), f.container))
	f.write(t, "a", "x")
	must(t, f.store.CreateContainer(t.Context(), f.container))
	if got, _ := f.read(t, "a", ""); got != "x" {
		t.Errorf("read %q", got)
	}
	if account := f.store.Account(); account == "" {
		t.Error("no account name")
	}
}
