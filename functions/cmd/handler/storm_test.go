package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/functions/assignaccess"
	"guestlist/functions/inviteguest"
	"guestlist/pkg/assign"
	"guestlist/pkg/breaker"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/graph"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
	"guestlist/pkg/simtest"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

// storm is the handler's steps with the client that is deployed, on the emulated directory, in virtual time: what takes
// minutes and hours passes at once.
type storm struct {
	t      *testing.T
	entra  *entra.Server
	ledger *memledger.Store
	bus    *simtest.Broker
	pace   pace.Settings

	mu      sync.Mutex
	network func(*http.Request) (*http.Response, error) // what a request meets on its way to the directory; nil, or no answer: nothing
	tokens  error                                       // what the identity endpoint answers instead of a token
}

// meets changes what requests for the directory, and for tokens, meet.
func (w *storm) meets(network func(*http.Request) (*http.Response, error), tokens error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.network, w.tokens = network, tokens
}

// calm is how fast a tenant is worked on that is known.
var calm = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}

const stormImport = "storm"

// inStorm runs f with one handler process on a directory.
func inStorm(t *testing.T, c entra.Config, f func(w *storm)) {
	t.Helper()
	t.Parallel()
	c.Now = time.Now // that of the bubble, since the directory answers in the goroutine of who asks
	server, err := entra.Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	synctest.Test(t, func(t *testing.T) {
		w := &storm{t: t, entra: server, ledger: memledger.New(time.Now), bus: simtest.NewBroker(), pace: calm}
		if _, err := server.AddGroup(entra.Group{ID: partners, DisplayName: "Partners"}); err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

const partners = "3b0c2f5e-8d41-4f6a-9c1e-6a7d5b2e1f01"

// work starts the handler, runs f and stops it.
func (w *storm) work(f func()) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	b, pacer := breaker.New(w.ledger, breaker.DefaultWaits), pace.New(w.ledger, w.pace)
	client, err := graph.New(graph.Config{Endpoint: w.entra.URL(), Credential: w, HTTP: w, Seen: watch(b, pacer)})
	if err != nil {
		w.t.Fatal(err)
	}
	dir, cancelled := directory{graph: client, assigns: true}, ledger.NewFlags(w.ledger, cancelledSeen).Cancelled
	functions := []customhandler.Function{
		inviteguest.New(b.Guard(&invite.Step{Ledger: w.ledger, Directory: dir, Bus: w.bus, Pacer: pacer, Cancelled: cancelled, Holder: rand.Text,
			Mode: "microsoft", Lease: 2 * time.Minute, UncertainWait: 15 * time.Minute, Settle: 15 * time.Second, Gather: gather})),
		assignaccess.New(b.Guard(&assign.Step{Ledger: w.ledger, Directory: dir, Bus: w.bus, Pacer: pacer, Cancelled: cancelled,
			Gather: gather, Places: assignaccess.Limit})),
	}
	h, err := customhandler.New(customhandler.Options{Functions: functions, Sender: w.bus, DeadLetterer: w.bus, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range functions {
		wg.Go(func() { w.bus.Serve(ctx, h, f) })
	}
	s := &sweep.Sweep{Ledger: w.ledger, Bus: w.bus, Breaker: b, Window: &window.Window{Ledger: w.ledger, Settings: w.pace, Breaker: b},
		StaleAfter: 30 * time.Minute, Tidy: func(context.Context) (int, error) { return 0, nil }}
	wg.Go(func() {
		for tick := time.Tick(time.Minute); ctx.Err() == nil; {
			select {
			case <-tick:
				_ = s.Run(ctx) // the next one tries again
			case <-ctx.Done():
			}
		}
	})
	f()
	stop()
	wg.Wait()
}

// RoundTrip asks the directory, which takes a moment.
func (w *storm) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(80 * time.Millisecond)
	w.mu.Lock()
	network := w.network
	w.mu.Unlock()
	if network != nil {
		if res, err := network(req); res != nil || err != nil {
			return res, err
		}
	}
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	res := httptest.NewRecorder()
	w.entra.Handler().ServeHTTP(res, in)
	return res.Result(), nil
}

// GetToken asks the directory's identity endpoint.
func (w *storm) GetToken(ctx context.Context, o azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	w.mu.Lock()
	refused := w.tokens
	w.mu.Unlock()
	if refused != nil {
		return azcore.AccessToken{}, refused
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/msi/token?api-version=2019-08-01&resource="+strings.TrimSuffix(o.Scopes[0], "/.default"), nil)
	req.Header.Set("X-IDENTITY-HEADER", w.entra.IdentityHeader())
	res := httptest.NewRecorder()
	w.entra.Handler().ServeHTTP(res, req)
	var answer struct {
		Token string `json:"access_token"`
	}
	err := json.Unmarshal(res.Body.Bytes(), &answer)
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Now().Add(tokenTime)}, err
}

// tokenTime is how long a token is good.
const tokenTime = time.Hour

// plan makes an import of n guests, all with the group, and sends their invitations.
func (w *storm) plan(n int) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, _, err := w.ledger.CreateImport(ctx, ledger.Import{ID: stormImport, Source: "partners", State: ledger.Running, Revision: 1, Created: time.Now()}); err != nil {
		w.t.Fatal(err)
	}
	for i := range n {
		address := fmt.Sprintf("guest%03d@partner.example", i)
		e := ledger.Entry{Import: stormImport, Guest: message.GuestKey(address), Address: address, Lines: []int{i + 2}, RedirectURL: "https://myapplications.microsoft.com",
			Invite: ledger.Step{Generation: 1, State: ledger.Sent, Due: time.Now()}, Notify: ledger.Step{State: ledger.Ended},
			Targets: []ledger.Target{{Kind: ledger.Group, ID: partners, Step: ledger.Step{Generation: 1, State: ledger.Planned}}}}
		if _, err := w.ledger.InsertEntries(ctx, []ledger.Entry{e}); err != nil {
			w.t.Fatal(err)
		}
		if err := w.bus.Send(ctx, message.Message{Kind: message.Invite, Import: stormImport, Guest: e.Guest, Generation: 1, Source: "partners"}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// done waits until no guest is open, and returns how long that took.
func (w *storm) done(most time.Duration) time.Duration {
	w.t.Helper()
	for start := time.Now(); ; time.Sleep(time.Second) {
		tally, err := w.ledger.Tally(w.t.Context(), stormImport)
		if err != nil {
			w.t.Fatal(err)
		}
		if tally.Open == 0 {
			return time.Since(start)
		}
		if time.Since(start) > most {
			row, _ := w.ledger.Breaker(w.t.Context())
			w.t.Fatalf("not done after %s: %+v, breaker %+v", most, tally, row)
		}
	}
}

// promised checks what must hold whatever was met on the way: every row is done, everybody is in the group, nobody has two
// accounts or two mails, and no dead letter is left for a person to look at.
func (w *storm) promised(n int) {
	w.t.Helper()
	tally, err := w.ledger.Tally(w.t.Context(), stormImport)
	if err != nil || tally.Ended[ledger.Done] != n {
		w.t.Errorf("%+v, %v; want %d done", tally, err, n)
	}
	s, state := w.entra.Stats(), w.entra.State()
	if len(s.DuplicateMails)+len(s.DuplicateUsers) > 0 || s.UsersCreated != n || s.MailsByMicrosoft != n {
		w.t.Errorf("mailed twice: %v; two accounts: %v; %d users, %d mails", s.DuplicateMails, s.DuplicateUsers, s.UsersCreated, s.MailsByMicrosoft)
	}
	for _, g := range state.Groups {
		if g.ID == partners && len(g.Members) != n {
			w.t.Errorf("%d members, want %d", len(g.Members), n)
		}
	}
	for _, q := range message.Queues {
		if d := w.bus.Depth(q); d.DeadLettered > 0 {
			w.t.Errorf("%d dead letters in %s", d.DeadLettered, q)
		}
	}
}

// TestThrottlingStorm answers a third of the requests with 429, a hundred times, with each kind of Retry-After.
func TestThrottlingStorm(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"seconds": "2", "none": "", "a word": "soon", "zero": "0", "negative": "-5", "huge": "99999999999999999999",
		"a fraction": "1.5", "a date": "date:20s"} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			inStorm(t, entra.Config{}, func(w *storm) {
				fault := entra.Fault{Operation: "*", Status: http.StatusTooManyRequests, RetryAfter: after, Rate: 0.33, Count: 100}
				if err := w.entra.SetFault(fault); err != nil {
					t.Fatal(err)
				}
				w.work(func() {
					w.plan(60)
					t.Logf("done after %s", w.done(24*time.Hour))
				})
				w.promised(60)
				if s := w.entra.Stats(); s.Faults < 80 {
					t.Errorf("%d faults: it was no storm", s.Faults)
				}
			})
		})
	}
}

// TestRateThatIsTooHigh works at three times the limit, so that the directory has to teach the pace.
func TestRateThatIsTooHigh(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"seconds", "date", "wrong", "zero", "none"} {
		t.Run(form, func(t *testing.T) {
			inStorm(t, entra.Config{Limits: true, LimitWindow: 15 * time.Second}, func(w *storm) {
				w.pace.Writes, w.pace.Invitations = 60, 90
				if err := w.entra.SetTenant(strings.NewReader(`{"retryAfter":"` + form + `"}`)); err != nil {
					t.Fatal(err)
				}
				w.work(func() {
					w.plan(600)
					took := w.done(2 * time.Hour)
					s := w.entra.Stats()
					share := float64(s.Throttled) / float64(s.Throttled+s.Writes)
					t.Logf("done after %s, %d writes, %.1f %% throttled", took, s.Writes, 100*share)
					if share > 0.25 || took > 30*time.Minute {
						t.Errorf("%.1f %% throttled, %s", 100*share, took)
					}
				})
				w.promised(600)
			})
		})
	}
}

// TestAnswersLostAfterTheDeed loses a tenth of the answers to writes that were done, and refuses some more.
func TestAnswersLostAfterTheDeed(t *testing.T) {
	inStorm(t, entra.Config{Lag: 2 * time.Second, RandSeed: 1}, func(w *storm) {
		if err := w.entra.SetRates(entra.Rates{AfterWrite: 0.10, Before: 0.03}); err != nil {
			t.Fatal(err)
		}
		w.work(func() {
			w.plan(300)
			t.Logf("done after %s, %d writes", w.done(6*time.Hour), w.entra.Stats().Writes)
		})
		w.promised(300)
	})
}

// TestReplicationOfAMinute shows new users a minute late: assignments are sent after a quarter of that.
func TestReplicationOfAMinute(t *testing.T) {
	inStorm(t, entra.Config{Lag: time.Minute, RandSeed: 1}, func(w *storm) {
		w.work(func() {
			w.plan(300)
			t.Logf("done after %s, %d writes", w.done(time.Hour), w.entra.Stats().Writes)
		})
		w.promised(300)
	})
}
