package plan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/blobstore"
	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/window"
)

const (
	inbox  = "inbox-partners"
	groupA = "11111111-1111-4111-8111-111111111111"
	appA   = "44444444-4444-4444-8444-444444444444"
	groupB = "22222222-2222-4222-8222-222222222222"
	header = "Email,DisplayName,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress,Language\n"
)

// world is a planner with everything in memory, and a queue that hands over what it sends.
type world struct {
	t      *testing.T
	now    time.Time
	ledger ledger.Store
	blobs  blobstore.Store
	source string
	inbox  string     // its container
	mu     sync.Mutex // what workers at the same time share
	queue  []message.Message
	sent   []message.Message
	dir    map[string]error // verdict on a group, by id
	asked  map[string]int   // how often the directory was asked, by id
	plan   *plan.Planner
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), source: "partners", inbox: inbox, dir: map[string]error{}, asked: map[string]int{}}
	w.blobs = memblob.New("acct", func() time.Time { return w.now })
	w.ledger = memledger.New(func() time.Time { return w.now })
	w.plan = w.planner()
	return w
}

func (w *world) planner() *plan.Planner {
	return &plan.Planner{Ledger: w.ledger, Blobs: w.blobs, Bus: w, Directory: w, Window: roomFor{w, 1000}, RedirectURL: "https://apps.example/", Pace: pace.Careful,
		Now: func() time.Time { return w.now }}
}

// roomFor is a window for so many invitations of each import.
type roomFor struct {
	*world
	n int
}

func (r roomFor) Room(ctx context.Context, importID string) (window.Room, error) {
	t, err := r.ledger.Tally(ctx, importID)
	return window.Room{Invites: r.n - t.InviteSent, Why: "the window is full"}, err
}

// Send keeps every message, and queues those that the planner works on.
func (w *world) Send(_ context.Context, msgs ...message.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range msgs {
		m.Attempt = max(1, m.Attempt)
		w.sent = append(w.sent, m)
		if m.Queue() == message.Uploads {
			w.queue = append(w.queue, m)
		}
	}
	return nil
}

func (w *world) Group(_ context.Context, t ledger.Target) (ledger.Target, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[t.ID]++
	t.Name = "Group " + t.ID[:4]
	return t, w.dir[t.ID]
}

func (w *world) Application(_ context.Context, t ledger.Target) (ledger.Target, error) {
	w.asked[t.ID]++
	t.Name, t.Object, t.Role = "App "+t.ID[:4], "sp-"+t.ID, "role of "+t.Role
	return t, nil
}

// put writes a blob and returns the event that the storage account raises.
func (w *world) put(path, content string) message.Message {
	w.t.Helper()
	w.write(w.inbox, path, content)
	return w.event("PutBlob", path, w.etag(path))
}

// etag returns that of the present version.
func (w *world) etag(path string) string {
	w.t.Helper()
	b, err := w.blobs.Stat(w.t.Context(), w.inbox, path)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.ETag
}

func (w *world) event(api, path, etag string) message.Message {
	raw := fmt.Sprintf(`{"eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/%s/blobs/%s","data":{"api":%q,"eTag":%q}}`,
		w.inbox, path, api, etag)
	return message.Message{Kind: message.Event, Event: json.RawMessage(raw), Attempt: 1}
}

func (w *world) write(container, path, content string) {
	w.t.Helper()
	b := w.blobs.Create(w.t.Context(), container, path)
	if _, err := b.Write([]byte(content)); err != nil {
		w.t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// allow writes a policy that allows the two groups and the domain partner.example.
func (w *world) allow(change func(*policy.Policy)) {
	p := policy.Policy{Version: 1, Source: w.source, Groups: []policy.Group{{ID: groupA}, {ID: groupB}}, Domains: []string{"partner.example"},
		RedirectHosts: []string{"apps.example"}, MaxGuests: 1000, AllowText: true, AllowCC: true}
	if change != nil {
		change(&p)
	}
	w.write(plan.PolicyContainer, policy.File(w.source), string(p.JSON()))
}

// deliver works on m and on what it leads to, until nothing is left; a Later moves the clock.
func (w *world) deliver(m message.Message) error {
	w.t.Helper()
	w.queue = append(w.queue, m)
	for n := 0; len(w.queue) > 0; n++ {
		if n > 500 {
			w.t.Fatal("the planner does not come to an end")
		}
		next := w.queue[0]
		w.queue = w.queue[1:]
		if next.At.After(w.now) {
			w.now = next.At
		}
		if err := w.one(next); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) one(m message.Message) error {
	err := w.plan.Do(w.t.Context(), m)
	if later, ok := errors.AsType[*message.Later](err); ok {
		w.now = w.now.Add(later.After)
		w.queue = append(w.queue, m)
		return nil
	}
	if f, ok := errors.AsType[*message.Failure](err); ok {
		return errors.Join(err, w.plan.Failed(w.t.Context(), m, f))
	}
	return err
}

// only returns the one import.
func (w *world) only() ledger.Import {
	w.t.Helper()
	all := w.imports()
	if len(all) != 1 {
		w.t.Fatalf("%d imports, want one: %+v", len(all), all)
	}
	return all[0]
}

func (w *world) imports() (all []ledger.Import) {
	for i, err := range w.ledger.ListImports(w.t.Context(), false) {
		if err != nil {
			w.t.Fatal(err)
		}
		if i.Source != w.source {
			continue // of another test with the same tables
		}
		all = append(all, i)
	}
	return all
}

func (w *world) entry(address string) *ledger.Entry {
	w.t.Helper()
	for _, i := range w.imports() {
		if e, err := w.ledger.Entry(w.t.Context(), i.ID, message.GuestKey(address)); err == nil {
			return &e
		}
	}
	w.t.Fatalf("no entry for %s", address)
	return nil
}

// invites returns the different messages of a kind: copies with the same id count once.
func (w *world) different(kind message.Kind) int {
	ids := map[string]bool{}
	for _, m := range w.sent {
		if m.Kind == kind {
			ids[m.ID()] = true
		}
	}
	return len(ids)
}

func rows(n int) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		fmt.Fprintf(&b, "guest%d@partner.example,Guest %d,,,,%s,,\n", i, i, groupA)
	}
	return b.String()
}
