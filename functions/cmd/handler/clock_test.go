package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"guestlist/functions/cmd/internal/connect"
	"guestlist/pkg/breaker"
	"guestlist/pkg/pace"
)

// TestVerdictsAndMessagesGoByTheTableServersClock: this process's clock is ten minutes wrong. Were it too slow, retries would
// come at once and use up the attempts; too fast, a budget that another process began would be spent.
func TestVerdictsAndMessagesGoByTheTableServersClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		tables := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			w.Header().Set("X-Ms-Error-Code", "ResourceNotFound")
			w.WriteHeader(http.StatusNotFound)
		}))
		defer tables.Close()
		services, err := connect.Use(func(name string) string {
			return map[string]string{"Storage": fmt.Sprintf("AccountName=a;AccountKey=a2V5;BlobEndpoint=%s/a;TableEndpoint=%[1]s/a", tables.URL),
				"ServiceBus": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true"}[name]
		}, true)
		if err != nil {
			t.Fatal(err)
		}
		w := deployed(t)
		w.Ledger, w.Bus, w.clock, w.breaker, w.pacer = services.Ledger, services.Bus, services.Ledger.Clock, breaker.New(services.Ledger, w.probes), pace.New(services.Ledger, w.pace)
		o, err := w.options(slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := services.Ledger.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		for what, now := range map[string]func() time.Time{"verdicts": o.Now, "messages": services.Bus.Now} {
			if got := time.Until(now()); (got - ahead).Abs() > time.Minute {
				t.Errorf("%s are %s ahead of this process, want the server's %s", what, got, ahead)
			}
		}
	}
}
