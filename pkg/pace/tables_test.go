package pace_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/pace"
)

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m)) }

// TestProcessesShareOneRowOfATable has three processes, each with a connection and a clock of its own, book at once in a
// real table. However slow the machine is, no call goes before its time, and every call is booked exactly once.
func TestProcessesShareOneRowOfATable(t *testing.T) {
	t.Parallel()
	const processes, places, each, perSecond = 3, 8, 5, 20.0
	settings := pace.Settings{Writes: perSecond, Invitations: pace.Unlimited}
	prefix, connection := "t"+rand.Text(), azuritetest.Shared(t).ConnectionString()
	var stores []ledger.Tenants
	for range processes {
		s, err := tableledger.New(t.Context(), tableledger.Config{ConnectionString: connection, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	went, start := &calls{}, time.Now()
	var wg sync.WaitGroup
	for _, s := range stores {
		p := pace.New(s, settings)
		for range places {
			wg.Go(func() {
				for range each {
					if _, err := p.Write(ctx); err != nil {
						t.Error(err)
						return
					}
					went.went()
				}
			})
		}
	}
	wg.Wait()
	const total = processes * places * each
	at := went.sorted(start)
	if len(at) != total {
		t.Fatalf("%d calls of %d", len(at), total)
	}
	// The clocks of two processes are estimates of one clock, a second apart and what a request takes. Processes that do not
	// share would be done in a third of the time.
	if took, least := at[total-1], seconds(total-1, perSecond)-2*time.Second; took < least {
		t.Errorf("%d calls in %s; the rate allows no less than %s", total, took, least)
	}
	r := row(t, stores[0])
	if booked := r.Writes.Next.Sub(start); booked < seconds(total, perSecond)-2*time.Second {
		t.Errorf("the bucket is free %s after the start, after %d bookings at %.0f/s", booked, total, perSecond)
	}
}
