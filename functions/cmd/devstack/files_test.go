package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/eventgrid"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
)

const inbox = "inbox-partners"

// version is one version of a file in the inbox.
type version struct {
	w *world
	blobstore.Info
}

// version writes a version with so many guests, whose addresses begin with who. Nobody is told of it.
func (w *world) version(path, who string, n int) version {
	w.t.Helper()
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "%s%03d@partner.example,Guest %d,,,,%s,,en\n", who, i, i, group)
	}
	return w.content(path, b.String())
}

func (w *world) content(path, content string) version {
	w.t.Helper()
	b := w.services.Blobs.Create(w.ctx, inbox, path)
	if _, err := io.WriteString(b, content); err != nil {
		w.t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		w.t.Fatal(err)
	}
	return w.present(path)
}

// present returns the version that is there.
func (w *world) present(path string) version {
	w.t.Helper()
	info, err := w.services.Blobs.Stat(w.ctx, inbox, path)
	if err != nil {
		w.t.Fatal(err)
	}
	return version{w, info}
}

func (v version) id() string {
	return message.ImportID(v.w.services.Blobs.Account(), v.Container, v.Path, v.ETag)
}

func (v version) drop() *drop { return &drop{importID: v.id()} }

// event returns the event about a version.
func (v version) event(schema eventgrid.Schema, api string) []byte {
	return eventgrid.Event(schema, eventgrid.Blob{Account: v.w.services.Blobs.Account(), Endpoint: "https://acct.blob.core.windows.net",
		Container: v.Container, Path: v.Path, ETag: v.ETag, API: api, Type: "BlockBlob", Length: v.Size, Time: v.Modified})
}

// post puts events on the queue, one after the other. Without duplicate detection each is delivered.
func (w *world) post(events ...[]byte) {
	w.t.Helper()
	for _, raw := range events {
		if err := w.services.Bus.Send(w.ctx, message.Message{Kind: message.Event, Event: json.RawMessage(raw)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestFilesThatChange posts the events of files that changed on their way, through the whole system, without duplicate
// detection and with the directory's faults: which imports there are, how each ended, who was invited and mailed.
func TestFilesThatChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.dedup = "off" })
	first := w.wait(w.put(w.file("ok.csv", guests(1)), "ok.csv")) // adds the source
	w.events.Close()                                              // it cannot see two writes between two looks
	const grid, cloud = eventgrid.EventGrid, eventgrid.CloudEvents
	people := 1
	want := map[string]string{} // by import
	ends := func(v version, how string, guests int) {
		want[v.id()] = how
		people += guests
	}

	older := w.version("order.csv", "older", 3)
	newer := w.version("order.csv", "newer", 3)
	w.post(newer.event(grid, "PutBlob"), older.event(grid, "PutBlob"), newer.event(cloud, "PutBlob"))
	ends(older, "superseded file.changed", 0)
	ends(newer, "finished 3 done", 3)

	five := w.version("five.csv", "five", 3)
	var posting sync.WaitGroup
	for n := range 5 {
		posting.Go(func() { w.post(five.event([]eventgrid.Schema{grid, cloud}[n%2], "PutBlockList")) })
	}
	posting.Wait()
	ends(five, "finished 3 done", 3)

	gone := w.version("gone.csv", "gone", 3)
	w.delete("gone.csv")
	w.post(gone.event(grid, "PutBlob"))
	ends(gone, "superseded file.deleted", 0)

	touched := w.version("touched.csv", "touched", 3)
	w.touch("touched.csv")
	w.post(touched.event(grid, "PutBlob"))
	ends(touched, "superseded file.changed", 0)
	ends(w.present("touched.csv"), "finished 3 done", 3)

	temporary := w.version("sftp.csv.filepart", "sftp", 3)
	w.delete("sftp.csv.filepart")
	final := w.version("sftp.csv", "sftp", 3)
	w.post(final.event(grid, "SftpCreate"), temporary.event(grid, "SftpCommit"), renamed(temporary, final), renamed(temporary, final))
	ends(temporary, "superseded file.deleted", 0)
	ends(final, "finished 3 done", 3)

	empty := w.content("copied.csv", "")
	copied := w.version("copied.csv", "copied", 3)
	w.post(empty.event(grid, "CopyBlob"), copied.event(grid, "FlushWithClose"))
	ends(empty, "superseded file.changed", 0)
	ends(copied, "finished 3 done", 3)

	for n, path := range []string{"100%25 of 50%.csv", "a+b c/Gäste 名簿 🎉?x=1#y.csv", strings.Repeat("folder/", 145) + "guests.cs"} {
		odd := w.version(path, fmt.Sprintf("odd%d-", n), 2)
		w.post(odd.event([]eventgrid.Schema{grid, cloud}[n%2], "PutBlob"))
		ends(odd, "finished 2 done", 2)
	}

	replaced := w.version("replaced.csv", "rep", 12)
	w.post(replaced.event(grid, "PutBlob"))
	w.planned(replaced)
	replacing := w.version("replaced.csv", "rep", 15) // the same twelve, and three more
	w.post(replacing.event(grid, "PutBlob"))
	ends(replaced, "finished 12", 12)
	ends(replacing, "finished 15", 3)

	imports := w.ended(want)
	w.post(five.event(grid, "PutBlob"), older.event(cloud, "PutBlob"), renamed(temporary, final)) // late, after the end
	w.drained(0)
	if again := w.ended(want); !slices.EqualFunc(imports, again, func(a, b status.Import) bool {
		return a.ID == b.ID && a.Revision == b.Revision && a.Finished.Equal(b.Finished)
	}) {
		t.Errorf("late events changed the imports:\n%+v\n%+v", imports, again)
	}
	n := 0
	for _, err := range w.services.Ledger.ListImports(w.ctx, false) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(want)+1 {
		t.Errorf("%d imports, want %d", n, len(want)+1)
	}
	if s := w.entra.Stats(); s.UsersCreated != people {
		t.Errorf("%d users, want %d", s.UsersCreated, people)
	}
	w.mailed(people)
	w.oracle(0, append(imports, first...)...)
}

// ended waits for imports and fails the test unless each ended as is said: state, and code or outcomes. Where an outcome
// names no kind, the guests may be shared between imports: each is done or already.
func (w *world) ended(want map[string]string) (imports []status.Import) {
	w.t.Helper()
	for id, how := range want {
		i := w.wait(&drop{importID: id})[0]
		got := i.State + " " + i.Code
		if i.Code == "" {
			got = i.State + " " + outcomesOf(i)
		}
		if both := fmt.Sprintf("%s %d", i.State, i.Ended[ledger.Done]+i.Ended[ledger.Already]); got != how && both != how {
			w.t.Errorf("%s: %s, want %s\n%+v", i.File, got, how, i)
		}
		imports = append(imports, i)
	}
	slices.SortFunc(imports, func(a, b status.Import) int { return strings.Compare(a.ID, b.ID) })
	return imports
}

// planned waits until the guests of an import are in the ledger.
func (w *world) planned(v version) {
	w.t.Helper()
	w.progress(v.drop(), 1)
}

func (w *world) delete(path string) {
	w.t.Helper()
	if err := w.services.Blobs.Delete(w.ctx, inbox, path); err != nil {
		w.t.Fatal(err)
	}
}

// touch changes the metadata of a blob.
func (w *world) touch(path string) {
	w.t.Helper()
	c, err := azblob.NewClientFromConnectionString(w.azurite.ConnectionString(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	blob := c.ServiceClient().NewContainerClient(inbox).NewBlobClient(path)
	if _, err := blob.SetMetadata(w.ctx, map[string]*string{"seen": to.Ptr("yes")}, nil); err != nil {
		w.t.Fatal(err)
	}
}

// renamed returns the event that a rename over SFTP raises.
func renamed(from, to version) []byte {
	const account = "https://acct.blob.core.windows.net/"
	return fmt.Appendf(nil, `{"eventType":"Microsoft.Storage.BlobRenamed","subject":"/blobServices/default/containers/%s/blobs/%s","data":{"api":"SftpRename",`+
		`"destinationUrl":"%s%s/%s","sourceUrl":"%s%s/%s"}}`, to.Container, to.Path, account, to.Container, to.Path, account, from.Container, from.Path)
}
