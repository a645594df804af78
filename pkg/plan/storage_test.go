package plan_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/azblobstore"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/status"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(azuritetest.Main(m))
}

// storages runs f with the blobs in memory and with the blobs in Azurite.
func storages(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for name, make := range map[string]func(*testing.T) *world{"memory": newWorld, "azurite": newAzurite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := make(t)
			w.allow(nil)
			f(t, w)
		})
	}
}

// newAzurite is a world with its blobs in the account that tests share, in an inbox of its own. The ledger is in memory.
func newAzurite(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	s, err := azblobstore.New(azblobstore.Config{ConnectionString: azuritetest.Shared(t).ConnectionString()})
	if err != nil {
		t.Fatal(err)
	}
	w.source = "s" + strings.ToLower(rand.Text()[:12])
	w.blobs, w.inbox = s, policy.Container(w.source)
	w.plan = w.planner()
	return w
}

// newTables is newAzurite with the ledger in tables of its own.
func newTables(t *testing.T) *world {
	t.Helper()
	w := newAzurite(t)
	l, err := tableledger.New(t.Context(), tableledger.Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: w.source})
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = l
	w.plan = w.planner()
	return w
}

func (w *world) onAzurite() bool {
	_, ok := w.blobs.(*azblobstore.Store)
	return ok
}

// raw returns the SDK's client of a blob, for what no contract of ours does.
func (w *world) raw(path string) *blob.Client {
	w.t.Helper()
	c, err := azblob.NewClientFromConnectionString(azuritetest.Shared(w.t).ConnectionString(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ServiceClient().NewContainerClient(w.inbox).NewBlobClient(path)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// touch changes what a blob carries besides its bytes, which raises no event. In memory a write that raises none is the same.
func (w *world) touch(path string) {
	w.t.Helper()
	before := w.etag(path)
	if w.onAzurite() {
		_, err := w.raw(path).SetMetadata(w.t.Context(), map[string]*string{"seen": to.Ptr("yes")}, nil)
		w.must(err)
	} else {
		r, _, err := w.blobs.Open(w.t.Context(), w.inbox, path, "")
		w.must(err)
		same, err := io.ReadAll(r)
		w.must(err)
		w.write(w.inbox, path, string(same))
	}
	if w.etag(path) == before {
		w.t.Fatal("the ETag has not moved")
	}
}

// quietly does what must leave the ETag as it is: the tier, tags, a lease.
func (w *world) quietly(path string) {
	w.t.Helper()
	if !w.onAzurite() {
		return
	}
	before, c := w.etag(path), w.raw(path)
	_, err := c.SetTier(w.t.Context(), blob.AccessTierCool, nil)
	w.must(err)
	_, err = c.SetTags(w.t.Context(), map[string]string{"scan": "clean"}, nil)
	w.must(err)
	l, err := lease.NewBlobClient(c, nil)
	w.must(err)
	_, err = l.AcquireLease(w.t.Context(), -1, nil)
	w.must(err)
	if after := w.etag(path); after != before {
		w.t.Errorf("the ETag moved from %s to %s", before, after)
	}
}

// during is a blob store in which something happens once, after so many bytes of the first upload were read.
type during struct {
	plan.Blobs
	inbox string
	after int
	act   func()
}

func (d *during) Open(ctx context.Context, container, path, etag string) (io.ReadCloser, blobstore.Info, error) {
	r, info, err := d.Blobs.Open(ctx, container, path, etag)
	if container != d.inbox || err != nil || d.act == nil {
		return r, info, err
	}
	return &watched{r, d, 0}, info, nil
}

type watched struct {
	io.ReadCloser
	d *during
	n int
}

// Read hands over a few bytes at a time up to the moment.
func (w *watched) Read(p []byte) (int, error) {
	if w.d.act != nil && w.n >= w.d.after {
		act := w.d.act
		w.d.act = nil
		act()
	}
	if w.d.act != nil {
		p = p[:min(len(p), w.d.after-w.n)]
	}
	n, err := w.ReadCloser.Read(p)
	w.n += n
	return n, err
}

// people returns a file with the guests of one version, told apart by the first letter.
func people(version string, n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "%s%d@partner.example,Guest %d,,,,%s,,\n", version, i, i, groupA)
	}
	return b.String()
}

// outcome describes every import: its state, and which versions its guests are of, or its code. It fails the test where an
// import that did not run has guests or messages, where a version is not whole, or where status does not explain itself.
func (w *world) outcome() []string {
	w.t.Helper()
	var all []string
	invited := map[string]int{}
	ids := map[string]bool{}
	for _, m := range w.sent {
		if m.Kind == message.Invite && !ids[m.ID()] {
			ids[m.ID()] = true
			invited[m.Import]++
		}
	}
	list := w.imports()
	for _, i := range list {
		versions := w.versions(i)
		if i.State != ledger.Running {
			w.explained(i, list)
			if versions != "" || invited[i.ID] > 0 {
				w.t.Errorf("import %s is %s, has guests of %q and %d invitations", i.ID, i.State, versions, invited[i.ID])
			}
			versions = i.Code
		} else if invited[i.ID] != i.GuestsPlanned {
			w.t.Errorf("import %s: %d invitations for %d guests", i.ID, invited[i.ID], i.GuestsPlanned)
		}
		all = append(all, string(i.State)+" "+versions)
	}
	slices.Sort(all)
	return all
}

// versions lists the versions that the guests of an import are of; more than one is a mixture.
func (w *world) versions(i ledger.Import) string {
	w.t.Helper()
	count := map[string]int{}
	for part := range ledger.Parts {
		for e, err := range w.ledger.ListEntries(w.t.Context(), i.ID, part, "") {
			w.must(err)
			count[e.Address[:1]]++
		}
	}
	var names []string
	for v, n := range count {
		if n != sizes[v] {
			w.t.Errorf("import %s has %d of the %d guests of version %s", i.ID, n, sizes[v], v)
		}
		names = append(names, v)
	}
	slices.Sort(names)
	if len(names) > 1 {
		w.t.Errorf("import %s is a mixture of %v", i.ID, names)
	}
	return strings.Join(names, "")
}

// sizes is how many guests each version has.
var sizes = map[string]int{"a": 50, "b": 4, "c": 7}

// version returns the content of a version.
func version(name string) string { return people(name, sizes[name]) }

// explained fails the test unless what a person sees of an import that did not run says what happened. One that was
// changed names an import that is there.
func (w *world) explained(i ledger.Import, all []ledger.Import) {
	w.t.Helper()
	v, err := status.Find(w.t.Context(), w.ledger, i.ID)
	w.must(err)
	want := map[string]string{"file.changed": "is the newer version", "file.deleted": "dropped again", "file.empty": "the file is empty"}[i.Code]
	if want == "" || !strings.Contains(v.Text, want) {
		w.t.Errorf("import %s, %s: %s", i.ID, i.Code, v.Text)
	}
	named := func(o ledger.Import) bool { return o.ID != i.ID && strings.Contains(v.Text, o.ID) }
	if i.Code == "file.changed" && !slices.ContainsFunc(all, named) {
		w.t.Errorf("import %s names no import that is there: %s", i.ID, v.Text)
	}
}

// settled delivers messages and all that they lead to.
func (w *world) settled(msgs ...message.Message) {
	w.t.Helper()
	for _, m := range msgs {
		w.must(w.deliver(m))
	}
}

// until works on messages until the only import has a state.
func (w *world) until(state ledger.ImportState, m message.Message) {
	w.t.Helper()
	w.queue = append(w.queue, m)
	for n := 0; ; n++ {
		if all := w.imports(); len(all) == 1 && all[0].State == state {
			return
		}
		if len(w.queue) == 0 || n > 50 {
			w.t.Fatalf("no import becomes %s: %+v", state, w.imports())
		}
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.must(w.one(next))
	}
}

// rest works on what is queued.
func (w *world) rest() {
	w.t.Helper()
	if len(w.queue) > 0 {
		first := w.queue[0]
		w.queue = w.queue[1:]
		w.settled(first)
	}
}
