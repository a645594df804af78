// Package sweeptest sweeps in tests of what sweeps meet: steps, plans and replays.
package sweeptest

import (
	"context"
	"testing"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/sweep"
	"guestlist/pkg/window"
)

// Once sweeps once, as production does but for dead letters, which it leaves alone. It fails the test if the sweep fails.
func Once(t testing.TB, l ledger.Store, b bus.Sender) {
	t.Helper()
	closed := breaker.New(l, breaker.DefaultWaits)
	s := sweep.Sweep{Ledger: l, Bus: b, StaleAfter: 30 * time.Minute, Breaker: closed, Window: &window.Window{Ledger: l, Breaker: closed},
		Tidy: func(context.Context) (int, error) { return 0, nil }}
	if err := s.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
