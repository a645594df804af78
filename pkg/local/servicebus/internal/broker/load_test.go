package broker_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/local/servicebus/internal/broker"
)

// Many messages flow through a queue in which few are at a time; one is deferred at the start and stays. What the queue
// keeps, and the heap, must not grow with what has passed.
func TestMemoryIsThatOfTheMessagesThatAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, q := queue(t, broker.Settings{DuplicateWindow: 10 * time.Second})
		q.Send(message("stays"))
		k := consumer(q)
		k.take(1)
		settle(t, q, k.last(), broker.Defer)
		const rounds, each = 600, 100
		var early uint64
		for i := range rounds {
			for j := range each {
				q.Send(message(fmt.Sprint(i, "-", j)))
			}
			k.got = k.got[:0]
			k.take(each)
			for _, m := range k.got {
				settle(t, q, m, broker.Complete)
			}
			time.Sleep(time.Second)
			if i == rounds/10 {
				early = heap()
			}
		}
		entries, heaps, locks, ids := q.Structures()
		if entries > 4*each || heaps > 8*each || locks != 0 || ids > 100*each {
			t.Errorf("%d entries, %d in heaps, %d locks, %d ids after %d messages", entries, heaps, locks, ids, rounds*each)
		}
		if late := heap(); late > early+1<<20 {
			t.Errorf("the heap grew from %d to %d bytes", early, late)
		}
	})
}

func TestDuplicateHistoryIsBounded(t *testing.T) {
	t.Parallel()
	h, now := &broker.History{}, time.Now()
	for i := range broker.MaxHistory + 1000 {
		if h.Seen(strconv.Itoa(i), now) {
			t.Fatalf("%d is known at once", i)
		}
	}
	if n := h.Len(); n != broker.MaxHistory {
		t.Errorf("%d ids are remembered", n)
	}
	if !h.Seen(strconv.Itoa(broker.MaxHistory), now) || h.Seen("0", now) {
		t.Error("not the oldest are forgotten")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
