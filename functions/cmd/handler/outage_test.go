package main

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// TestOutageOfMicrosoftGraph lasts an hour and a half, with the client that is deployed: longer than a token is good. The
// breaker opens, one guest a minute is tried, and it all goes on by itself.
func TestOutageOfMicrosoftGraph(t *testing.T) {
	t.Parallel()
	for name, out := range map[string]struct {
		network func(*http.Request) (*http.Response, error)
		tokens  error
	}{
		"refused": {network: func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }},
		"silent": {network: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}},
		"unavailable": {network: func(r *http.Request) (*http.Response, error) {
			return unavailable(r), nil
		}},
		"no_token": {tokens: errors.New("dial tcp 169.254.130.2:8081: connect: connection refused")},
	} {
		t.Run(name, func(t *testing.T) {
			inStorm(t, entra.Config{}, func(w *storm) {
				w.work(func() {
					w.plan(200)
					for w.ended() < 20 {
						time.Sleep(time.Second)
					}
					w.meets(out.network, out.tokens)
					time.Sleep(90 * time.Minute)
					row, err := w.ledger.Breaker(t.Context())
					if err != nil || !row.Open || row.Cause != "outage" || row.Probes < 15 {
						t.Errorf("breaker %+v, %v", row, err)
					}
					w.meets(nil, nil)
					t.Logf("done %s after the end; before, %q after %d probes", w.done(30*time.Minute), row.Text, row.Probes)
				})
				w.promised(200)
				most := 0
				for _, m := range w.bus.Sent() {
					most = max(most, m.Attempt)
				}
				if most > 5 || w.bus.MostDeliveries(message.Invitations) > 1 {
					t.Errorf("attempt %d, %d deliveries", most, w.bus.MostDeliveries(message.Invitations))
				}
			})
		})
	}
}

func unavailable(r *http.Request) *http.Response {
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Header: http.Header{}, Request: r, ProtoMajor: 1, ProtoMinor: 1}
}

// TestOutageOfOneKindOfWrite: users are found, and all that is read is answered, while invitations or writes to groups are away
// for two hours; a tenant at the limit, and one that is new.
func TestOutageOfOneKindOfWrite(t *testing.T) {
	t.Parallel()
	for what, path := range map[string]string{"invitations": "/v1.0/invitations", "groups": "/v1.0/groups"} {
		for name, s := range map[string]pace.Settings{"at_the_limit": calm, "careful": pace.Careful} {
			t.Run(what+"_"+name, func(t *testing.T) {
				inStorm(t, entra.Config{}, func(w *storm) {
					w.pace = s
					w.meets(func(r *http.Request) (*http.Response, error) {
						if r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, path) {
							return unavailable(r), nil
						}
						return nil, nil
					}, nil)
					w.work(func() {
						w.plan(40)
						time.Sleep(2 * time.Hour)
						// It may be shut for a moment: a probe whose own POST is uncertain waits for that, and only reads.
						if row, err := w.ledger.Breaker(t.Context()); err != nil || row.Opened.IsZero() || row.Cause != "outage" {
							t.Errorf("breaker %+v, %v", row, err)
						}
						w.meets(nil, nil)
						t.Logf("done %s after the end", w.done(time.Hour))
					})
					w.promised(40)
				})
			})
		}
	}
}

func (w *storm) ended() int {
	w.t.Helper()
	tally, err := w.ledger.Tally(w.t.Context(), stormImport)
	if err != nil {
		w.t.Fatal(err)
	}
	return tally.Ended[ledger.Done]
}
