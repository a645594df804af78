package memledger_test

import (
	"sync/atomic"
	"testing"
	"time"

	"guestlist/pkg/ledger/ledgertest"
	"guestlist/pkg/ledger/memledger"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledgertest.Harness {
		start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		var passed atomic.Int64
		store := memledger.New(func() time.Time { return start.Add(time.Duration(passed.Load())) })
		return ledgertest.Harness{
			Store: store, Second: store, Patience: time.Minute,
			Advance: func(_ *testing.T, d time.Duration) { passed.Add(int64(d)) },
		}
	})
}
