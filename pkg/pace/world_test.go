package pace_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/pace"
)

// fast are settings without ramp and cap.
var fast = pace.Settings{Writes: pace.Writes, Invitations: pace.Invitations}

// inBubble runs f with a clock of its own, which moves when everybody waits, and an empty ledger that shows it.
func inBubble(t *testing.T, f func(t *testing.T, l *memledger.Store)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, memledger.New(time.Now)) })
}

// calls are the times at which calls went.
type calls struct {
	mu sync.Mutex
	at []time.Time
}

func (c *calls) went() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Now())
}

// sorted returns the times since start.
func (c *calls) sorted(start time.Time) []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]time.Duration, len(c.at))
	for i, at := range c.at {
		all[i] = at.Sub(start)
	}
	return slices.Sorted(slices.Values(all))
}

// must waits for a call's turn.
func must(t *testing.T, call func(context.Context) (*pace.Call, error)) *pace.Call {
	t.Helper()
	c, err := call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// row returns the tenant's row.
func row(t *testing.T, l ledger.Tenants) ledger.Tenant {
	t.Helper()
	r, err := l.Tenant(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// set changes the tenant's row.
func set(t *testing.T, l ledger.Tenants, change func(*ledger.Tenant)) {
	t.Helper()
	_, err := l.UpdateTenant(t.Context(), func(row *ledger.Tenant, _ time.Time) error {
		*row = fast.Fill(*row)
		change(row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// near fails the test unless two durations are a microsecond apart at most: an interval is cut to nanoseconds.
func near(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if (got - want).Abs() > 20*time.Microsecond {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// seconds returns how long n calls take at a rate.
func seconds(n int, perSecond float64) time.Duration {
	return time.Duration(float64(n) / perSecond * float64(time.Second))
}
