package connect

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/ledger/tableledger"
)

// tables answers that there is no such row, at a time of its own.
type tables struct{ ahead time.Duration }

func (s tables) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusNotFound, Request: req, Body: io.NopCloser(strings.NewReader(`{}`)),
		Header: http.Header{"Date": {time.Now().Add(s.ahead).UTC().Format(http.TimeFormat)}, "X-Ms-Error-Code": {"ResourceNotFound"}}}, nil
}

// TestMessagesGoByTheTableServersClock: this process's clock is ten minutes wrong, which messages must not be.
func TestMessagesGoByTheTableServersClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		store, err := tableledger.Use(tableledger.Config{ConnectionString: "UseDevelopmentStorage=true", Client: &http.Client{Transport: tables{ahead}}})
		if err != nil {
			t.Fatal(err)
		}
		s := &Services{Ledger: store, Bus: &sbbus.Bus{Now: time.Now}}
		s.oneClock()
		if _, err := store.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := time.Until(s.Bus.Now()); (got - ahead).Abs() > time.Minute {
			t.Errorf("messages are %s ahead of this process, want the server's %s", got, ahead)
		}
	}
}
