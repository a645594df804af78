package crashtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
)

func TestProcessDiesBeforeAndAfterEachAct(t *testing.T) {
	t.Parallel()
	var done []int
	for points := range 5 {
		var p crashtest.Process
		acts := 0
		p.DieAt(points)
		err := p.Run(func() error {
			for range 2 {
				if _, err := crashtest.Act(&p, func() (int, error) { acts++; return acts, nil }); err != nil {
					return err
				}
			}
			return nil
		})
		if died := points < 4; p.Died() != died || errors.Is(err, crashtest.ErrCrash) != died {
			t.Errorf("point %d: died %t, %v", points, p.Died(), err)
		}
		done = append(done, acts)
	}
	if diff := cmp.Diff([]int{0, 1, 1, 2, 2}, done); diff != "" {
		t.Errorf("acts done by each point, -want +got:\n%s", diff)
	}
}

func TestSuccessorDoesNotDie(t *testing.T) {
	t.Parallel()
	var p crashtest.Process
	p.DieAt(0)
	act := func() error {
		_, err := crashtest.Act(&p, func() (int, error) { return 0, nil })
		return err
	}
	if err := p.Run(act); !errors.Is(err, crashtest.ErrCrash) {
		t.Fatalf("got %v, want a crash", err)
	}
	if err := p.Run(act); err != nil || !p.Died() {
		t.Errorf("%v, died %t; want the redelivery to be done and the death remembered", err, p.Died())
	}
}

func TestErrorsAndOtherPanicsPass(t *testing.T) {
	t.Parallel()
	var p crashtest.Process
	own := errors.New("own")
	if err := p.Run(func() error { return own }); !errors.Is(err, own) {
		t.Errorf("got %v, want the error of f", err)
	}
	defer func() {
		if r := recover(); r != "a defect" {
			t.Errorf("recovered %v, want the panic of f", r)
		}
	}()
	_ = p.Run(func() error { panic("a defect") })
}

// TestEveryWriteIsAnAct lets each write die before and after it.
func TestEveryWriteIsAnAct(t *testing.T) {
	t.Parallel()
	entry := ledger.Entry{Import: "a", Guest: message.GuestKey("ana@partner.example")}
	keep := func(*ledger.Entry) error { return nil }
	for name, write := range map[string]func(context.Context, ledger.Store, crashtest.Bus){
		"Claim":     func(ctx context.Context, l ledger.Store, _ crashtest.Bus) { _, _ = l.Claim(ctx, "k", "h", time.Minute) },
		"SaveGuest": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) { _, _ = l.SaveGuest(ctx, ledger.Guest{}) },
		"CreateImport": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _, _ = l.CreateImport(ctx, ledger.Import{})
		},
		"InsertEntries": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _ = l.InsertEntries(ctx, []ledger.Entry{entry})
		},
		"PurgeEntries": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) { _ = l.PurgeEntries(ctx, "a") },
		"Grant":        func(ctx context.Context, l ledger.Store, _ crashtest.Bus) { _ = l.Grant(ctx, "t", nil) },
		"Forget":       func(ctx context.Context, l ledger.Store, _ crashtest.Bus) { _ = l.Forget(ctx, "t", "a", nil) },
		"DeleteImport": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_ = l.DeleteImport(ctx, ledger.Import{ID: "a"})
		},
		"UpdateTenant": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _ = l.UpdateTenant(ctx, func(*ledger.Tenant, time.Time) error { return nil })
		},
		"Send": func(ctx context.Context, _ ledger.Store, b crashtest.Bus) { _ = b.Send(ctx, message.Message{}) },
		"UpdateImport": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _ = l.UpdateImport(ctx, "a", func(*ledger.Import) error { return nil })
		},
		"UpdateEntry": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _, _ = l.UpdateEntry(ctx, "a", entry.Guest, keep)
		},
		"UpdateEntries": func(ctx context.Context, l ledger.Store, _ crashtest.Bus) {
			_, _ = l.UpdateEntries(ctx, "a", []string{entry.Guest}, keep)
		},
	} {
		for points, want := range []bool{true, true, false} {
			var p crashtest.Process
			p.DieAt(points)
			l := crashtest.Ledger{Store: memledger.New(time.Now), Process: &p}
			b := crashtest.Bus{Sender: membus.New(membus.Options{}), Process: &p}
			_ = p.Run(func() error { write(t.Context(), l, b); return nil })
			if p.Died() != want {
				t.Errorf("%s, point %d: died %t, want %t", name, points, p.Died(), want)
			}
		}
	}
}
