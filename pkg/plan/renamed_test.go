package plan_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
)

// moving is a blob store with the one thing that ours lack: a rename as in a hierarchical namespace, which may keep the ETag.
type moving struct {
	plan.Blobs
	inbox    string
	from, to string // after the rename; empty before
}

// newMoving is a world whose files can be renamed without another ETag.
func newMoving(t *testing.T) (*world, *moving) {
	w := newWorld(t)
	w.allow(nil)
	store := &moving{Blobs: w.blobs, inbox: w.inbox}
	w.plan.Blobs = store
	return w, store
}

func (m *moving) real(container, path string) (string, error) {
	switch {
	case container != m.inbox || m.to == "":
	case path == m.from:
		return path, fmt.Errorf("%s: %w", path, blobstore.ErrNotFound)
	case path == m.to:
		return m.from, nil
	}
	return path, nil
}

func (m *moving) Stat(ctx context.Context, container, path string) (blobstore.Info, error) {
	real, err := m.real(container, path)
	if err != nil {
		return blobstore.Info{}, err
	}
	info, err := m.Blobs.Stat(ctx, container, real)
	info.Path = path
	return info, err
}

func (m *moving) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	real, err := m.real(container, path)
	if err != nil {
		return nil, blobstore.Info{}, err
	}
	r, info, err := m.Blobs.Open(ctx, container, real, etag)
	info.Path = path
	return r, info, err
}

// renamed returns the event of a rename in the container, as a client of SFTP raises it.
func (w *world) renamed(from, to string) message.Message {
	raw := fmt.Sprintf(`{"eventType":"Microsoft.Storage.BlobRenamed","subject":"/blobServices/default/containers/%s/blobs/%s","data":{"api":"SftpRename",`+
		`"destinationUrl":"https://acct.blob.core.windows.net/%s/%s","sourceUrl":"https://acct.blob.core.windows.net/%s/%s"}}`, w.inbox, to, w.inbox, to, w.inbox, from)
	return message.Message{Kind: message.Event, Event: json.RawMessage(raw), Attempt: 1}
}

// rename moves a blob to another name and another ETag, and returns the event.
func (w *world) rename(from, to string) message.Message {
	w.t.Helper()
	r, _, err := w.blobs.Open(w.t.Context(), w.inbox, from, "")
	w.must(err)
	content, err := io.ReadAll(r)
	w.must(err)
	w.write(w.inbox, to, string(content))
	w.must(w.blobs.Delete(w.t.Context(), w.inbox, from))
	return w.renamed(from, to)
}

// TestRenamedFileIsImportedUnderItsNewName is what most SFTP clients do: the content comes under a temporary name, and no
// BlobCreated follows for the name that it gets at the end.
func TestRenamedFileIsImportedUnderItsNewName(t *testing.T) {
	t.Parallel()
	const temporary, name = "a.csv.filepart", "a.csv"
	for what, want := range map[string][]string{
		"before_it_is_read":   {"running b", "superseded file.deleted"},
		"events_out_of_order": {"running b", "superseded file.deleted"},
		"while_it_is_read":    {"running b", "superseded file.deleted"},
		"after_it_was_read":   {"running b", "running b"}, // the same guests: who was invited is found
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			storages(t, func(t *testing.T, w *world) {
				first := w.put(temporary, version("b"))
				switch what {
				case "before_it_is_read":
					w.settled(first, w.rename(temporary, name))
				case "events_out_of_order":
					then := w.rename(temporary, name)
					w.settled(then, first, then)
				case "while_it_is_read":
					var then message.Message
					w.plan.Blobs = &during{Blobs: w.blobs, inbox: w.inbox, after: 100, act: func() { then = w.rename(temporary, name) }}
					w.settled(first)
					w.settled(then)
				default:
					w.settled(first)
					w.settled(w.rename(temporary, name))
				}
				if got := w.outcome(); !slices.Equal(got, want) {
					t.Errorf("imports: %v", got)
				}
			})
		})
	}
}

// TestRenameThatKeepsTheETagIsNoNewVersion: what was read under the old name is not imported again, so that a partner may
// move a file into a folder of what is done. What was not read is imported under the new name.
func TestRenameThatKeepsTheETagIsNoNewVersion(t *testing.T) {
	t.Parallel()
	for what, want := range map[string][]string{
		"after_it_was_read": {"running b"},
		"before_its_event":  {"running b", "superseded file.deleted"},
		"while_it_waits":    {"running b", "superseded file.deleted"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w, store := newMoving(t)
			first := w.put("a.csv", version("b"))
			switch what {
			case "after_it_was_read":
				w.settled(first)
			case "while_it_waits":
				w.must(w.one(first))
			}
			store.from, store.to = "a.csv", "done/a.csv"
			w.settled(w.renamed("a.csv", "done/a.csv"), first)
			if got := w.outcome(); !slices.Equal(got, want) {
				t.Errorf("imports: %v", got)
			}
		})
	}
}

// TestHeldFileThatIsRenamedIsHeldUnderItsNewName, so that a release reads it where it is.
func TestHeldFileThatIsRenamedIsHeldUnderItsNewName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settled(w.put("a.tmp", version("b")))
	w.settled(w.rename("a.tmp", "a.csv"))
	s := &plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: w}
	all := w.imports()
	if len(all) != 2 || all[0].State != ledger.Held || all[1].State != ledger.Held {
		t.Fatalf("imports: %+v", all)
	}
	p, err := s.Propose(t.Context(), w.source, all[0].ID)
	w.must(err)
	_, err = s.Add(t.Context(), p)
	w.must(err)
	w.rest()
	if got := w.outcome(); !slices.Equal(got, []string{"running b", "superseded file.deleted"}) {
		t.Errorf("imports: %v", got)
	}
}

// TestRenamesThatLeadToNoImport: out of the inbox, and of a file that is gone again.
func TestRenamesThatLeadToNoImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	w.settled(w.renamed("a.csv", "b.csv"))
	out := w.renamed("a.csv", "a.csv")
	out.Event = json.RawMessage(strings.ReplaceAll(string(out.Event), "containers/"+w.inbox, "containers/archive"))
	w.settled(out)
	if all := w.imports(); len(all) != 0 {
		t.Errorf("imports: %+v", all)
	}
}
