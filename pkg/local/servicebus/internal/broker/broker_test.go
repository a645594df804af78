package broker_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// taker keeps what it takes.
type taker struct {
	q   *broker.Queue
	got []broker.Message
}

func (k *taker) ids() []string {
	var ids []string
	for _, m := range k.got {
		ids = append(ids, m.Content.ID())
	}
	return ids
}

// take takes up to n messages that are ready now.
func (k *taker) take(n int) {
	for range n {
		m, ok := k.q.Take(false)
		if !ok {
			return
		}
		k.got = append(k.got, m)
	}
}

func (k *taker) last() broker.Message { return k.got[len(k.got)-1] }

func consumer(q *broker.Queue) *taker { return &taker{q: q} }

func queue(t *testing.T, o broker.Settings) (*broker.Broker, *broker.Queue) {
	t.Helper()
	o.Name = "q"
	if o.LockDuration == 0 {
		o.LockDuration = time.Minute
	}
	if o.MaxDeliveryCount == 0 {
		o.MaxDeliveryCount = 10
	}
	b, err := broker.New([]broker.Settings{o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b, b.Lookup("Q")
}

func message(id string) *amqp.Message { return &amqp.Message{Properties: amqp.Pack(id)} }

func at(id string, when time.Time) *amqp.Message {
	m := message(id)
	m.Annotations = amqp.PackMap(amqp.Map{{Key: amqp.Symbol("x-opt-scheduled-enqueue-time"), Value: amqp.TimestampOf(when)}})
	return m
}

// totals are the numbers that count from the start.
func totals(q *broker.Queue) broker.Stats {
	s := q.Info().Stats
	s.Active, s.Locked = 0, 0
	return s
}

func settle(t *testing.T, q *broker.Queue, m broker.Message, o broker.Outcome) {
	t.Helper()
	if err := q.Settle(m.Token, broker.Settlement{Outcome: o}); err != nil {
		t.Error(err)
	}
}

func equal(t *testing.T, want, got any, opts ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, opts...); d != "" {
		t.Error(d)
	}
}

// cmpErrors compares errors by what they wrap.
var cmpErrors = cmpopts.EquateErrors()

func TestOrderIsThatOfSendingAndAbandonedComesFirst(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{})
	q.Send(message("a"), message("b"), message("c"))
	k := consumer(q)
	k.take(2)
	settle(t, q, k.got[0], broker.Abandon)
	k.take(2)
	equal(t, []string{"a", "b", "a", "c"}, k.ids())
	equal(t, uint32(1), k.got[2].DeliveryCount)
}

func TestReleaseCountsNothing(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{MaxDeliveryCount: 1})
	q.Send(message("a"))
	k := consumer(q)
	for range 5 {
		k.take(1)
		settle(t, q, k.last(), broker.Release)
	}
	equal(t, uint32(0), k.last().DeliveryCount)
}

func TestConsumersAreWokenWhileTheyAreThere(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{})
	woken := map[string]int{}
	one := q.Subscribe(func() { woken["one"]++ })
	q.Subscribe(func() { woken["two"]++ })
	q.Send(message("a"))
	one.Close()
	q.Send(message("b"))
	equal(t, map[string]int{"one": 1, "two": 2}, woken)
	k := consumer(q)
	k.take(2)
	settle(t, q, k.last(), broker.Abandon)
	equal(t, map[string]int{"one": 1, "two": 3}, woken)
}

func TestLockExpiresAtItsTimeAndIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, q := queue(t, broker.Settings{LockDuration: time.Minute})
		q.Send(message("a"), message("b"))
		k := consumer(q)
		k.take(2)
		time.Sleep(40 * time.Second)
		if _, err := q.Renew(k.got[0].Token); err != nil {
			t.Error(err)
		}
		time.Sleep(20*time.Second - 1)
		equal(t, 2, q.Info().Stats.Locked)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, 1, q.Info().Stats.Locked)
		equal(t, broker.ErrLockLost, q.Settle(k.got[1].Token, broker.Settlement{}), cmpErrors)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		equal(t, broker.Stats{Name: "q", Sent: 2, LockExpired: 2}, totals(q))
		k.take(2)
		equal(t, []string{"a", "b", "a", "b"}, k.ids())
		equal(t, uint32(1), k.got[2].DeliveryCount)
	})
}

func TestExpiryCountsTowardsTheLastDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q := queue(t, broker.Settings{MaxDeliveryCount: 2})
		q.Send(message("a"))
		k := consumer(q)
		for range 2 {
			k.take(5)
			time.Sleep(90 * time.Second)
			synctest.Wait()
		}
		dead := b.Lookup("q/$deadletterqueue").Peek(0, 10)
		if len(dead) != 1 || !b.Idle() {
			t.Fatalf("%d dead letters, idle %v", len(dead), b.Idle())
		}
		equal(t, amqp.Map{{Key: broker.ReasonProperty, Value: "MaxDeliveryCountExceeded"},
			{Key: broker.DescriptionProperty, Value: "Message could not be consumed after 2 delivery attempts."}}, dead[0].Content.Application.Map())
	})
}

func TestScheduledMessagesBecomeActiveInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, q := queue(t, broker.Settings{LockDuration: 24 * time.Hour})
		k := consumer(q)
		now := time.Now()
		q.Send(at("c", now.Add(3*time.Hour)), at("a", now.Add(time.Hour)), message("now"), at("b", now.Add(2*time.Hour)), at("past", now.Add(-1)))
		for range 4 {
			k.take(10)
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		equal(t, []string{"now", "past", "a", "b", "c"}, k.ids())
		equal(t, int64(8), k.last().Sequence)
		equal(t, now.Add(3*time.Hour), k.last().Enqueued)
	})
}

func TestExpiredMessageIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q := queue(t, broker.Settings{LockDuration: time.Hour})
		short := uint32(60_000)
		for _, id := range []string{"locked", "waiting"} {
			m := message(id)
			m.TTL = &short
			q.Send(m)
		}
		k := consumer(q)
		k.take(1)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		equal(t, 1, q.Info().Stats.Active)
		settle(t, q, k.last(), broker.Complete)
		equal(t, broker.Stats{Name: "q", Sent: 2, Completed: 1, Expired: 1}, totals(q))
		equal(t, true, b.Idle())
	})
}

func TestDuplicateWindowStartsAtTheFirstArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, q := queue(t, broker.Settings{DuplicateWindow: time.Hour})
		q.Send(message("a"), message("a"))
		time.Sleep(time.Hour - 1)
		q.Send(message("a"))
		equal(t, int64(2), q.Info().Stats.DuplicatesDropped)
		time.Sleep(time.Nanosecond)
		q.Send(message("a"))
		equal(t, 2, q.Info().Stats.Active)
	})
}

func TestMessagesWithoutIDAreNoDuplicates(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{DuplicateWindow: time.Hour})
	q.Send(&amqp.Message{}, &amqp.Message{})
	equal(t, 2, q.Info().Stats.Active)
}

func TestWaitIdleEndsWithTheLastMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, q := queue(t, broker.Settings{})
		q.Send(message("a"), at("b", time.Now().Add(time.Hour)))
		k := consumer(q)
		k.take(2)
		done := make(chan error)
		go func() { done <- b.WaitIdle(t.Context()) }()
		settle(t, q, k.last(), broker.Complete)
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("idle too early: %v", err)
		default:
		}
		k.take(1)
		settle(t, q, k.last(), broker.DeadLetter)
		equal(t, nil, <-done)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		q.Send(message("c"))
		equal(t, context.Canceled, b.WaitIdle(ctx), cmpErrors)
	})
}

func TestPeekPagesThroughWhatIsLeft(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{})
	k := consumer(q)
	for i := range 500 {
		q.Send(message(fmt.Sprint(i)))
	}
	k.take(490)
	for _, m := range k.got[5:] {
		settle(t, q, m, broker.Complete)
	}
	var ids []string
	for from := int64(0); ; {
		page := q.Peek(from, 4)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			ids = append(ids, m.Content.ID())
			from = m.Sequence + 1
		}
	}
	equal(t, []string{"0", "1", "2", "3", "4", "490", "491", "492", "493", "494", "495", "496", "497", "498", "499"}, ids)
}

func TestDeferredAndScheduledNumbersAreAllOrNothing(t *testing.T) {
	t.Parallel()
	_, q := queue(t, broker.Settings{})
	numbers, err := q.Send(message("a"), at("b", time.Now().Add(time.Hour)))
	equal(t, nil, err)
	k := consumer(q)
	k.take(1)
	settle(t, q, k.last(), broker.Defer)
	_, err = q.ReceiveDeferred(numbers, true)
	equal(t, broker.ErrNotFound, err, cmpErrors)
	equal(t, broker.ErrNotFound, q.Cancel(numbers), cmpErrors)
	equal(t, broker.Stats{Name: "q", Scheduled: 1, Deferred: 1, Sent: 2}, q.Info().Stats)
	got, err := q.ReceiveDeferred([]int64{numbers[0], numbers[0]}, true)
	if err == nil {
		t.Errorf("a number given twice brought %d messages", len(got))
	}
}

func TestQueueNamesMustDiffer(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"a", "A"}, {""}, {"a/$DeadLetterQueue"}} {
		var all []broker.Settings
		for _, n := range names {
			all = append(all, broker.Settings{Name: n})
		}
		if _, err := broker.New(all); err == nil {
			t.Errorf("%q was accepted", names)
		}
	}
}

// A settlement may come from anywhere while others send and receive: every message must end exactly once.
func TestEveryMessageEndsOnceUnderContention(t *testing.T) {
	t.Parallel()
	b, q := queue(t, broker.Settings{MaxDeliveryCount: 3})
	const n = 2000
	for range 4 {
		k := &worker{q: q, woken: make(chan struct{}, 1)}
		c := q.Subscribe(k.wake)
		running := make(chan struct{})
		go func() { defer close(running); k.run() }()
		t.Cleanup(func() { c.Close(); close(k.woken); <-running })
	}
	for i := range n {
		q.Send(message(fmt.Sprint(i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := b.WaitIdle(ctx); err != nil {
		t.Error(err)
	}
	c := q.Info().Stats
	if int(c.Completed)+c.DeadLettered != n || c.Active != 0 {
		t.Errorf("%+v", c)
	}
}

type worker struct {
	q     *broker.Queue
	woken chan struct{}
}

func (w *worker) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

func (w *worker) run() {
	for range w.woken {
		for m, ok := w.q.Take(false); ok; m, ok = w.q.Take(false) {
			outcome := broker.Complete
			if m.Sequence%3 == 0 {
				outcome = broker.Abandon
			}
			w.q.Settle(m.Token, broker.Settlement{Outcome: outcome})
		}
	}
}
