package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/pkg/assign"
	"guestlist/pkg/graph"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// world is the steps of inviting and assigning, with the client that is deployed, on a directory over HTTP. Messages wait in
// memory, and its clock jumps to the next one.
type world struct {
	t      *testing.T
	now    time.Time
	clock  sync.Mutex // guards now: the directory reads it from other goroutines
	seed   entra.Seed
	entra  *entra.Server
	dir    directory
	ledger *memledger.Store
	queue  []message.Message
	leases int
}

const (
	lag              = 20 * time.Second
	confirmedLongAgo = time.Hour
)

func newWorld(t *testing.T, seed entra.Seed, random uint64) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), seed: seed}
	w.ledger = memledger.New(w.time)
	s, err := entra.Serve(entra.Config{Seed: seed, Lag: lag, RandSeed: random, Now: w.time})
	w.must(err)
	t.Cleanup(func() { _ = s.Close() })
	w.entra = s
	client, err := graph.New(graph.Config{Endpoint: s.URL(), Credential: identity{s}})
	w.must(err)
	w.dir = directory{graph: client, assigns: true}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) time() time.Time {
	w.clock.Lock()
	defer w.clock.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.clock.Lock()
	defer w.clock.Unlock()
	w.now = w.now.Add(d)
}

// identity asks the directory's identity endpoint for each token.
type identity struct{ *entra.Server }

func (i identity) GetToken(ctx context.Context, o azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	q := url.Values{"api-version": {"2019-08-01"}, "resource": {strings.TrimSuffix(o.Scopes[0], "/.default")}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.IdentityEndpoint()+"?"+q.Encode(), nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	req.Header.Set("X-IDENTITY-HEADER", i.IdentityHeader())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Now().Add(time.Hour)}, err
}

// control changes the directory as an administrator would.
func (w *world) control(method, path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.entra.ControlURL()+path, bytes.NewReader(raw))
	w.must(err)
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		var text bytes.Buffer
		_, _ = text.ReadFrom(res.Body)
		w.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text.String())
	}
}

// Send keeps messages for later.
func (w *world) Send(_ context.Context, messages ...message.Message) error {
	for _, m := range messages {
		m.Attempt = max(1, m.Attempt)
		if m.Kind != message.Report {
			w.queue = append(w.queue, m)
		}
	}
	return nil
}

// imports works through an import of people into a group and an app role until nothing is left.
func (w *world) imports(id string, people []*person, group string) {
	w.t.Helper()
	ctx := w.t.Context()
	_, _, err := w.ledger.CreateImport(ctx, ledger.Import{ID: id, State: ledger.Running, Revision: 1, Created: w.time()})
	w.must(err)
	planned := ledger.Step{Generation: 1, State: ledger.Planned}
	for n, p := range people {
		e := ledger.Entry{Import: id, Guest: message.GuestKey(p.typed), Address: p.typed, Lines: []int{n + 2}, RedirectURL: "https://myapplications.microsoft.com",
			Invite: ledger.Step{Generation: 1, State: ledger.Sent, Due: w.time()}, Notify: ledger.Step{State: ledger.Ended},
			Targets: []ledger.Target{{Kind: ledger.Group, ID: group, Step: planned}, {Kind: ledger.Application, ID: wiki, Object: wikiSP, Role: wikiEditor, Step: planned}}}
		_, err := w.ledger.InsertEntries(ctx, []ledger.Entry{e})
		w.must(err)
		w.must(w.Send(ctx, message.Message{Kind: message.Invite, Import: id, Guest: e.Guest, Generation: 1}))
	}
	for n := 0; len(w.queue) > 0; n++ {
		if n > 10_000 {
			w.t.Fatal(errStuck)
		}
		w.next()
	}
}

// next works on the message that is due first.
func (w *world) next() {
	w.t.Helper()
	i := 0
	for j, m := range w.queue {
		if m.At.Before(w.queue[i].At) {
			i = j
		}
	}
	m := w.queue[i]
	w.queue = slices.Delete(w.queue, i, i+1)
	if wait := m.At.Sub(w.time()); wait > 0 {
		w.pass(wait)
	}
	w.must(w.settle(m, w.do(m)))
}

func (w *world) do(m message.Message) error {
	if m.Kind == message.Invite {
		return w.invite().Do(w.t.Context(), m)
	}
	return w.assign().Do(w.t.Context(), m)
}

// settle does with a message what its verdict says.
func (w *world) settle(m message.Message, verdict error) error {
	later, isLater := errors.AsType[*message.Later](verdict)
	failure, isFailure := errors.AsType[*message.Failure](verdict)
	again, waits := message.Message{}, false
	switch {
	case verdict == nil:
		return nil
	case isLater:
		again, failure = m.Delayed(later, w.time())
		waits = failure == nil
	case !isFailure:
		if again, waits = m.Retried(w.time()); !waits {
			failure = message.AsFailure(verdict, "attempts.exhausted")
		}
	}
	if waits {
		w.queue = append(w.queue, again)
		return nil
	}
	if m.Kind == message.Invite {
		return w.invite().Failed(w.t.Context(), m, failure)
	}
	return w.assign().Failed(w.t.Context(), m, failure)
}

func (w *world) invite() *invite.Step {
	return &invite.Step{Ledger: w.ledger, Directory: w.dir, Bus: w, Pacer: unpaced(), Cancelled: ledger.NewFlags(w.ledger, 0).Cancelled, Mode: "microsoft",
		Holder: func() string { w.leases++; return fmt.Sprint("worker-", w.leases) },
		Lease:  2 * time.Minute, UncertainWait: 2*lag + 10*time.Second, Settle: lag}
}

func (w *world) assign() *assign.Step {
	return &assign.Step{Ledger: w.ledger, Directory: w.dir, Bus: w, Pacer: unpaced(), Cancelled: ledger.NewFlags(w.ledger, 0).Cancelled}
}

func (w *world) entry(importID string, p *person) *ledger.Entry {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), importID, message.GuestKey(p.typed))
	w.must(err)
	return &e
}

// unpaced books every call at once, by the real clock: the world's own stands still.
func unpaced() *pace.Pacer {
	return pace.New(memledger.New(time.Now), pace.Settings{Writes: pace.Unlimited, Invitations: pace.Unlimited})
}
