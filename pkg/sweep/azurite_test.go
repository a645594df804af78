package sweep_test

import (
	"context"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/message"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m)) }

// requests counts what is asked of the tables.
type requests struct{ n atomic.Int64 }

func (r *requests) RoundTrip(req *http.Request) (*http.Response, error) {
	r.n.Add(1)
	return http.DefaultTransport.RoundTrip(req)
}

// TestWaitingGuestsCostNoRequests: on real tables too a sweep costs the same for nobody and for a thousand who wait. Once
// the breaker is closed they are all sent, and none is left in the index.
func TestWaitingGuestsCostNoRequests(t *testing.T) {
	t.Parallel()
	asked := &requests{}
	l, err := tableledger.New(t.Context(), tableledger.Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: "sweepwaits",
		Client: &http.Client{Transport: asked}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.CreateImport(t.Context(), ledger.Import{ID: "a", State: ledger.Running, Revision: 1}); err != nil {
		t.Fatal(err)
	}
	set := func(open bool) {
		if _, err := l.UpdateBreaker(t.Context(), func(row *ledger.Breaker, _ time.Time) error { row.Open = open; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	insert := func(entries ...ledger.Entry) {
		for n := range entries {
			entries[n].Import = "a"
		}
		if _, err := l.InsertEntries(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	bus := membus.New(membus.Options{})
	run := func() int64 {
		b, before := breaker.New(l, breaker.DefaultWaits), asked.n.Load()
		s := &sweep.Sweep{Ledger: l, Bus: bus, StaleAfter: staleAfter, Breaker: b, Window: &window.Window{Ledger: l, Settings: fast, Breaker: b},
			Tidy: func(context.Context) (int, error) { return 0, nil }}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return asked.n.Load() - before
	}
	set(true)
	insert(guest(5000, waits("breaker")))
	one := run()
	insert(many(999, waits("breaker"))...)
	if all := run(); all != one || len(bus.Sent()) != 0 {
		t.Errorf("%d requests for one who waits, %d for a thousand; %d messages", one, all, len(bus.Sent()))
	}
	set(false)
	run()
	different := map[string]bool{}
	for _, m := range bus.Sent() {
		if m.Kind != message.Invite || m.Generation != 2 || m.Attempt != 3 {
			t.Fatalf("sent %+v", m)
		}
		different[m.Guest] = true
	}
	if len(different) != 1000 {
		t.Errorf("%d guests sent, want 1000", len(different))
	}
	for g, err := range l.WaitingFor(t.Context(), "a", "breaker") {
		t.Fatalf("%s still waits, %v", g, err)
	}
}
