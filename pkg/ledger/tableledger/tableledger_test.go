package tableledger_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/ledgertest"
	"guestlist/pkg/ledger/tableledger"
	"guestlist/pkg/local/azurite/azuritetest"
	"guestlist/pkg/message"
)

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m)) }

// config returns tables of the test's own in the shared Azurite.
func config(t *testing.T) tableledger.Config {
	return tableledger.Config{ConnectionString: azuritetest.Shared(t).ConnectionString(), Prefix: "t" + rand.Text()}
}

func open(t *testing.T, c tableledger.Config) *tableledger.Store {
	t.Helper()
	s, err := tableledger.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTablesKeepTheContract(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledgertest.Harness {
		c := config(t)
		first, second := open(t, c), open(t, c)
		return ledgertest.Harness{
			Store: first, Second: second, Patience: 2 * time.Second,
			Advance: func(t *testing.T, d time.Duration) { await(t, first, d) },
		}
	})
}

// await returns when d has passed by the ledger's clock.
func await(t *testing.T, s *tableledger.Store, d time.Duration) {
	t.Helper()
	start, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		now, err := s.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now.Sub(start) >= d {
			return
		}
	}
}

// TestProcessesWithWrongClocksShareLeases: one process's clock is ten minutes slow, the other's ten minutes fast. Neither
// takes over a lease that runs, nor waits for one that has ended; each learns that it lost its own.
func TestProcessesWithWrongClocksShareLeases(t *testing.T) {
	t.Parallel()
	c, ctx := config(t), t.Context()
	var stores []*tableledger.Store
	for _, wrong := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		c.Now = func() time.Time { return time.Now().Add(wrong) }
		stores = append(stores, open(t, c))
	}
	for n, holder := range stores {
		other, key := stores[1-n], message.GuestKey(string(rune('a'+n)))
		long, err := holder.Claim(ctx, key, "holder", 5*time.Minute) // less than their clocks are apart
		if err != nil {
			t.Fatal(err)
		}
		held := &ledger.HeldError{}
		if _, err := other.Claim(ctx, key, "other", time.Minute); !errors.As(err, &held) || !held.Until.Equal(long.Until) {
			t.Errorf("store %d: a lease that runs: %v", n, err)
		}
		late, err := holder.Claim(ctx, key, "holder", 2*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		await(t, other, 4*time.Second)
		if _, err := other.Claim(ctx, key, "other", time.Minute); err != nil {
			t.Errorf("store %d: a lease that ended: %v", n, err)
		}
		if _, err := holder.SaveGuest(ctx, late); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("store %d: a write by who lost the lease: %v", n, err)
		}
	}
	if apart := stores[0].Clock().Sub(stores[1].Clock()).Abs(); apart > 2*time.Second {
		t.Errorf("their times are %s apart", apart)
	}
}

func TestDevelopmentStorageIsTheEmulatorOnThisMachine(t *testing.T) {
	t.Parallel()
	var asked string
	c := tableledger.Config{ConnectionString: "UseDevelopmentStorage=true", Client: &http.Client{
		Transport: tripper(func(req *http.Request) (*http.Response, error) {
			asked = req.URL.Host + req.URL.Path
			return nil, errors.New("connection refused")
		}),
	}}
	_, err := tableledger.New(t.Context(), c)
	if err == nil || asked != "127.0.0.1:10002/devstoreaccount1/Tables" {
		t.Errorf("asked %s: %v", asked, err)
	}
}

func TestLookingMakesNoTables(t *testing.T) {
	t.Parallel()
	c := config(t)
	ctx := t.Context()
	s, err := tableledger.Use(c)
	if err != nil {
		t.Fatal(err)
	}
	for range s.ListImports(ctx, false) {
		t.Error("a ledger without tables lists something")
	}
	_, noImport := s.Import(ctx, "a")
	_, noEntry := s.Entry(ctx, "a", message.GuestKey("ana@partner.example"))
	for _, err := range []error{noImport, noEntry} {
		if !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%v, want ErrNotFound", err)
		}
	}
	if _, err := s.Now(ctx); err != nil {
		t.Errorf("clock: %v", err)
	}
	if _, _, err := s.CreateImport(ctx, ledger.Import{ID: "a"}); err == nil {
		t.Error("looking made the table of imports: a row went into it")
	}
	if err := s.Create(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateImport(ctx, ledger.Import{ID: "a"}); err != nil {
		t.Errorf("after making the tables: %v", err)
	}
}
