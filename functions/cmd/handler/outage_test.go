package main

import (
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
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
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Header: http.Header{}, Request: r, ProtoMajor: 1, ProtoMinor: 1}, nil
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

func (w *storm) ended() int {
	w.t.Helper()
	tally, err := w.ledger.Tally(w.t.Context(), stormImport)
	if err != nil {
		w.t.Fatal(err)
	}
	return tally.Ended[ledger.Done]
}
