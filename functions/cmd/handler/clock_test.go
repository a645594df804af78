package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/breaker"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/pace"
)

// tables answers that there is no such row, at a time of its own.
type tables struct{ ahead time.Duration }

func (s tables) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNotFound, Request: req, Body: io.NopCloser(strings.NewReader(`{}`)),
		Header: http.Header{"Date": {time.Now().Add(s.ahead).UTC().Format(http.TimeFormat)}, "X-Ms-Error-Code": {"ResourceNotFound"}}}, nil
}

// TestVerdictsGoByTheTableServersClock: this process's clock is ten minutes wrong. Were it too slow, retries would come at
// once and use up the attempts; too fast, a budget that another process began would be spent.
func TestVerdictsGoByTheTableServersClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		store, err := tableledger.Use(tableledger.Config{ConnectionString: "UseDevelopmentStorage=true", Client: &http.Client{Transport: tables{ahead}}})
		if err != nil {
			t.Fatal(err)
		}
		w := deployed(t)
		w.Services, w.breaker, w.pacer = &connect.Services{Ledger: store}, breaker.New(store, w.probes), pace.New(store, w.pace)
		o, err := w.options(slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := time.Until(o.Now()); (got - ahead).Abs() > time.Minute {
			t.Errorf("verdicts are %s ahead of this process, want the server's %s", got, ahead)
		}
	}
}
