package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
	"guestlist/pkg/simtest"
)

// trial is one installation in virtual time, for the list of faults: the handler as it is wired for Azure, with the client
// that is deployed, on the emulated directory over HTTP, and the memory twins of ledger, storage and broker. A file goes
// the whole way, from its event to its results; [trial.promised] is the oracle of all of them.
type trial struct {
	t      *testing.T
	setup  setup
	entra  *entra.Server
	net    *network
	ledger *memledger.Store
	blobs  *memblob.Store
	bus    *simtest.Broker
	post   post

	mu      sync.Mutex
	meet    meeting
	opened  opening
	procs   []*proc
	goes    sync.WaitGroup
	imports []string
}

// setup says what is not as usual.
type setup struct {
	entra  entra.Config
	mail   string // mode; "" is own
	broker membus.Options
	policy func(*policy.Policy)
	env    map[string]string // app settings
	procs  int               // handlers at the start; 0 means one
}

// act is something that others can see: a send, a dead letter, a write to ledger, storage or directory, a mail.
type act struct {
	what string // send, bury, remove, ledger, blob, mail, or method and path of a request
	msgs []message.Message
	to   string // of a mail
}

// meeting decides what becomes of an act: do does it, and the error is what the process hears.
type meeting func(p *proc, a act, do func() error) error

const (
	source = "partners"
	inbox  = "inbox-" + source
)

// inTrial is try beside other tests.
func inTrial(t *testing.T, s setup, f func(w *trial)) {
	t.Helper()
	t.Parallel()
	try(t, s, f)
}

// try runs f in an installation of its own.
func try(t *testing.T, s setup, f func(w *trial)) {
	t.Helper()
	s.entra.Now = time.Now // that of the bubble, in which every request is answered
	server, err := entra.Serve(s.entra)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if s.broker.Lock == 0 {
		s.broker.Lock = 10 * time.Minute // nobody renews it
	}
	synctest.Test(t, func(t *testing.T) {
		w := &trial{t: t, setup: s, entra: server, ledger: memledger.New(time.Now), blobs: memblob.New("acct", time.Now),
			bus: simtest.NewBrokerWith(s.broker), post: post{got: map[string]*posted{}}}
		w.must(server.Reset()) // the seed, at the bubble's time
		w.net = newNetwork(server)
		w.furnish()
		for range cmp.Or(s.procs, 1) {
			w.start(0)
		}
		ctx, stop := context.WithCancel(t.Context())
		w.goes.Go(func() { w.timer(ctx) })
		defer func() { // also when the test has failed
			stop()
			for _, p := range w.all() {
				p.kill()
			}
			w.goes.Wait()
			w.net.close()
		}()
		f(w)
	})
}

// furnish makes the directory's group and application and the source's policy.
func (w *trial) furnish() {
	w.t.Helper()
	_, err := w.entra.AddGroup(entra.Group{ID: partners, DisplayName: "Partners"})
	w.must(err)
	_, err = w.entra.AddApplication(entra.Application{AppID: wiki, ID: wikiSP, DisplayName: "Wiki",
		AppRoles: []entra.AppRole{{ID: wikiEditor, Value: "Editor", DisplayName: "Editors"}}})
	w.must(err)
	p := policy.Policy{Version: 1, Source: source, Groups: []policy.Group{{ID: partners}}, Applications: []policy.Application{{ID: wiki, Role: "Editor"}},
		Domains: []string{"*"}, RedirectHosts: []string{"myapplications.microsoft.com"}, MaxGuests: 10_000, AllowText: true, AllowCC: true}
	if w.setup.policy != nil {
		w.setup.policy(&p)
	}
	w.write(plan.PolicyContainer, policy.File(source), p.JSON())
}

func (w *trial) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// all are the processes that were ever started.
func (w *trial) all() []*proc {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*proc(nil), w.procs...)
}

// timer sweeps each minute in one process, as the platform has it.
func (w *trial) timer(ctx context.Context) {
	for tick := time.Tick(time.Minute); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		for _, p := range w.all() {
			if p.taking.Err() == nil {
				_ = p.sweep(p.running) // the next one tries again
				break
			}
		}
	}
}

// meets changes what acts meet from now on; nil does them all.
func (w *trial) meets(m meeting) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meet = m
}

func (w *trial) meeting() meeting {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.meet
}

func (w *trial) write(container, path string, content []byte) {
	w.t.Helper()
	b := w.blobs.Create(w.t.Context(), container, path)
	_, err := b.Write(content)
	w.must(errors.Join(err, b.Close()))
}

// put writes a file into the inbox and returns its version. It raises no event.
func (w *trial) put(path string, content []byte) (etag string) {
	w.t.Helper()
	w.write(inbox, path, content)
	info, err := w.blobs.Stat(w.t.Context(), inbox, path)
	w.must(err)
	return info.ETag
}

// event tells of a version of a file, and returns its import's id.
func (w *trial) event(path, api, etag string) string {
	w.t.Helper()
	raw := fmt.Sprintf(`{"eventType":"Microsoft.Storage.BlobCreated","subject":"/blobServices/default/containers/%s/blobs/%s","data":{"api":%q,"eTag":%q}}`, inbox, path, api, etag)
	w.bus.SendRaw(message.Uploads, []byte(raw), nil)
	w.bus.Ring()
	id := message.ImportID("acct", inbox, path, etag)
	w.imports = append(w.imports, id)
	return id
}

// drop is put and event.
func (w *trial) drop(path string, content string) string {
	w.t.Helper()
	return w.event(path, "PutBlob", w.put(path, []byte(content)))
}

const csvHeader = "Email,DisplayName,InvitationText,InviteRedirectUrl,InvitedToApplications,InvitedToGroups,CcEmailAddress,Language\n"

// everybody is a file of n guests, each with the group and the application.
func everybody(n int) string {
	var b strings.Builder
	b.WriteString(csvHeader)
	for i := range n {
		b.WriteString(row(guestNo(i)))
	}
	return b.String()
}

func guestNo(i int) string { return fmt.Sprintf("guest%03d@partner.example", i) }

func row(address string) string { return fmt.Sprintf("%s,,,,%s,%s,,en\n", address, wiki, partners) }

// allOf is what is expected of everybody(n): access.
func allOf(n int) map[string]string {
	want := map[string]string{}
	for i := range n {
		want[guestNo(i)] = ""
	}
	return want
}

// until waits until ok, for at most so long.
func (w *trial) until(most time.Duration, what string, ok func() bool) {
	w.t.Helper()
	for start := time.Now(); !ok(); time.Sleep(time.Second) {
		if time.Since(start) > most {
			w.t.Fatalf("%s: not after %s\n%s", what, most, w.describe())
		}
	}
}

var quiet = slog.New(slog.DiscardHandler)
