package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/message"
)

func TestDropPutsTheFileIntoTheInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "new people.csv")
	if err := os.WriteFile(file, []byte("Email\nana@partner.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := w.run("", "drop", file, "-source", "droppers", "-as", "2026/people.csv", "-json")
	var got struct{ Import, Container, Path string }
	if err := json.Unmarshal([]byte(r.out), &got); r.code != exitDone || err != nil {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.out, r.err)
	}
	b, info, err := w.services.Blobs.Open(t.Context(), "inbox-droppers", "2026/people.csv", "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	raw, err := io.ReadAll(b)
	if string(raw) != "Email\nana@partner.example\n" || err != nil {
		t.Errorf("the blob holds %q, %v", raw, err)
	}
	if want := message.ImportID(w.services.Blobs.Account(), info.Container, info.Path, info.ETag); got.Import != want || got.Path != info.Path {
		t.Errorf("printed %+v; the event will make import %s", got, want)
	}
}

func TestDropOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.run("", "drop", filepath.Join(t.TempDir(), "no.csv"), "-source", "nobody"); r.code != exitFailed || r.out != "" {
		t.Errorf("exit %d, %q", r.code, r.out)
	}
	if r := w.run("", "drop", "drop.go", "-source", "No Body"); r.code != exitFailed {
		t.Errorf("a name that cannot be a source: exit %d", r.code)
	}
	if _, err := w.services.Blobs.Stat(t.Context(), "inbox-nobody", "no.csv"); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("something was written: %v", err)
	}
}
