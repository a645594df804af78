package pace_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// TestRateIsExact lets several processes ask for more than there is. Call n goes exactly n intervals after the first: none
// is early, and no time is lost.
func TestRateIsExact(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 3, 7} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *memledger.Store) {
				const total = 2100
				start, went := time.Now(), &calls{}
				var wg sync.WaitGroup
				for range processes {
					p := pace.New(l, fast)
					for range 21 / processes {
						wg.Go(func() {
							for range total / (21 / processes) / processes {
								must(t, p.Write)
								went.went()
							}
						})
					}
				}
				wg.Wait()
				for n, at := range went.sorted(start) {
					near(t, fmt.Sprint("call ", n), at, seconds(n, pace.Writes))
				}
			})
		})
	}
}

// TestInvitationsTakeBothBuckets asks for both kinds at once: together they keep the rate of the writes.
func TestInvitationsTakeBothBuckets(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p, start, went := pace.New(l, fast), time.Now(), &calls{}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for range 20 {
					if i%2 == 0 {
						must(t, p.Invitation)
					} else {
						must(t, p.Write)
					}
					went.went()
				}
			})
		}
		wg.Wait()
		for n, at := range went.sorted(start) {
			near(t, fmt.Sprint("call ", n), at, seconds(n, pace.Writes))
		}
		if r := row(t, l); r.Ramp.Count != 200 {
			t.Errorf("%d invitations counted, want 200", r.Ramp.Count)
		}
	})
}

// TestNothingIsSavedUp leaves the bucket alone for an hour: then calls go at the rate, not in a burst.
func TestNothingIsSavedUp(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		must(t, p.Write)
		time.Sleep(time.Hour)
		start := time.Now()
		for range 11 {
			must(t, p.Write)
		}
		near(t, "ten intervals", time.Since(start), seconds(10, pace.Writes))
	})
}

// TestAssignmentsGoFirst has so many assignments wait that the bucket is busy for three seconds ahead, all the time: an
// invitation is told to come later, and books nothing. Once there are fewer, it goes.
func TestAssignmentsGoFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p, start := pace.New(l, fast), time.Now()
		var wg sync.WaitGroup
		for range 60 {
			wg.Go(func() {
				for time.Since(start) < time.Minute {
					must(t, p.Write)
				}
			})
		}
		time.Sleep(time.Second)
		_, err := p.Invitation(t.Context())
		if later, ok := errors.AsType[*message.Later](err); !ok || later.After < time.Second || later.After > 3*time.Second || later.Budget != 0 {
			t.Errorf("invitation: %v, want a Later of one to three seconds", err)
		}
		if _, ok := errors.AsType[*pace.Full](err); ok || row(t, l).Ramp.Count != 0 {
			t.Errorf("invitation: %v, row %+v; want neither Full nor a booking", err, row(t, l))
		}
		if waited := time.Since(start); waited > 10*time.Second {
			t.Errorf("it waited %s", waited)
		}
		wg.Wait()
		must(t, p.Invitation)
	})
}

// TestInvitationsOfManyProcesses has twice as many invitations wait as may be booked ahead. None goes early, no time is
// lost, and few are handed back to the queue.
func TestInvitationsOfManyProcesses(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		const total = 400
		start, went := time.Now(), &calls{}
		var left, handedBack atomic.Int64
		left.Store(total)
		var wg sync.WaitGroup
		for range 5 {
			p := pace.New(l, fast)
			for range 16 {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						_, err := p.Invitation(t.Context())
						for ; err != nil; _, err = p.Invitation(t.Context()) {
							later, ok := errors.AsType[*message.Later](err)
							if !ok {
								t.Error(err)
								return
							}
							handedBack.Add(1)
							time.Sleep(later.After)
						}
						went.went()
					}
				})
			}
		}
		wg.Wait()
		for n, at := range went.sorted(start)[:total-80] { // the last ones may all have been handed back
			near(t, fmt.Sprint("call ", n), at, seconds(n, pace.Writes))
		}
		if n := handedBack.Load(); n > total/4 {
			t.Errorf("%d handed back of %d", n, total)
		}
	})
}

func TestNobodyIsBookedTooFarAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		set(t, l, func(r *ledger.Tenant) { r.Writes.Next = time.Now().Add(21 * time.Second) })
		before, start := row(t, l), time.Now()
		_, err := p.Write(t.Context())
		if later, ok := errors.AsType[*message.Later](err); !ok || later.After < time.Second || later.After > 21*time.Second {
			t.Errorf("%v, want a Later", err)
		}
		if row(t, l) != before || time.Since(start) != 0 {
			t.Errorf("row %+v after %s; want no booking, and at once", row(t, l), time.Since(start))
		}
	})
}

// TestDeadlineIsKept asks for a turn that would leave too little of the message's time: it comes again instead.
func TestDeadlineIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		for left, fits := range map[time.Duration]bool{time.Minute: true, 50 * time.Second: false, time.Second: false} {
			set(t, l, func(r *ledger.Tenant) { r.Writes.Next = time.Now().Add(10 * time.Second) })
			before := row(t, l)
			ctx, cancel := context.WithTimeout(t.Context(), left)
			_, err := p.Write(ctx)
			cancel()
			_, later := errors.AsType[*message.Later](err)
			if fits && err != nil || !fits && (!later || row(t, l) != before) {
				t.Errorf("%s left: %v", left, err)
			}
		}
	})
}

// TestReserveIsThatOfTheLease: under a short lease, acts are short too, and must be booked nevertheless.
func TestReserveIsThatOfTheLease(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		for reserve, fits := range map[time.Duration]bool{pace.DefaultReserve: false, 11 * time.Second: true} {
			p.Reserve = reserve
			ctx, cancel := context.WithTimeout(t.Context(), 26*time.Second)
			_, err := p.Invitation(ctx)
			cancel()
			if fits != (err == nil) {
				t.Errorf("reserve %s of 26 s: %v", reserve, err)
			}
		}
	})
}

func TestCallerThatEndsHoldsNobodyUp(t *testing.T) {
	inBubble(t, func(t *testing.T, l *memledger.Store) {
		p := pace.New(l, fast)
		set(t, l, func(r *ledger.Tenant) { r.Writes.Next = time.Now().Add(5 * time.Second) })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := p.Write(ctx)
			ended <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the context's error", err)
		}
		if _, err := p.Write(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the context's error at once", err)
		}
		start := time.Now()
		must(t, p.Write)
		if waited := time.Since(start); waited > 5*time.Second+seconds(2, pace.Writes) {
			t.Errorf("waited %s", waited)
		}
	})
}

// broken is a ledger that cannot be reached.
type broken struct{ ledger.Tenants }

func (broken) UpdateTenant(context.Context, func(*ledger.Tenant, time.Time) error) (ledger.Tenant, error) {
	return ledger.Tenant{}, errors.New("connection refused")
}

func TestLedgerThatCannotBeReachedIsLater(t *testing.T) {
	t.Parallel()
	p := pace.New(broken{}, fast)
	for range 2 { // the one that booked for all must not be missing afterwards
		_, err := p.Write(t.Context())
		if _, ok := errors.AsType[*message.Later](err); !ok {
			t.Errorf("%v, want a Later", err)
		}
	}
}
