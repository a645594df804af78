package broker

import (
	"slices"
	"time"
)

// Consumer takes messages. Deliver is called with the queue locked: it must neither block nor call the queue.
type Consumer interface{ Deliver(Message) }

// Subscription is a consumer at a queue. It gets no more messages than its credit allows.
type Subscription struct {
	queue     *Queue
	consumer  Consumer
	removes   bool // receive-and-delete
	credit    uint32
	delivered uint32 // the link's delivery count: deliveries, and credit given back by draining
}

// Subscribe adds a consumer without credit. If removes is set, messages are removed as they are delivered instead of
// locked.
func (q *Queue) Subscribe(c Consumer, removes bool) *Subscription {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := &Subscription{queue: q, consumer: c, removes: removes}
	q.consumers = append(q.consumers, s)
	return s
}

// Close removes the consumer; its locks stay until they expire.
func (s *Subscription) Close() {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	s.credit = 0
	q.consumers = slices.DeleteFunc(q.consumers, func(o *Subscription) bool { return o == s })
}

// Credit is what a receiver says about its credit.
type Credit struct {
	DeliveryCount uint32 // deliveries that the receiver has seen
	Credit        uint32 // how many more it takes from there on
	Drain         bool   // give back what cannot be used at once
}

// SetCredit takes over the receiver's view and delivers what it can. It returns the delivery count and the credit left.
func (s *Subscription) SetCredit(c Credit) (delivered, credit uint32) {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	s.credit = 0
	if left := int32(c.DeliveryCount + c.Credit - s.delivered); left > 0 { // serial numbers wrap
		s.credit = uint32(left)
	}
	q.dispatch(time.Now())
	if c.Drain {
		s.delivered += s.credit
		s.credit = 0
	}
	return s.delivered, s.credit
}

// dispatch hands ready messages, oldest first, to the consumers with credit in turn.
func (q *Queue) dispatch(now time.Time) {
	for len(q.ready.all) > 0 {
		s := q.nextConsumer()
		if s == nil {
			return
		}
		e := q.ready.all[0]
		if !e.expires.IsZero() && !e.expires.After(now) {
			q.totals.Expired++
			q.remove(e)
			continue
		}
		s.credit--
		s.delivered++
		q.hand(e, s, now)
	}
}

func (q *Queue) hand(e *entry, s *Subscription, now time.Time) {
	if s.removes {
		m := e.Message
		q.totals.Completed++
		q.remove(e)
		s.consumer.Deliver(m)
		return
	}
	q.lock(e, now)
	q.place(e)
	s.consumer.Deliver(e.Message)
}

func (q *Queue) nextConsumer() *Subscription {
	for range q.consumers {
		q.next++
		if s := q.consumers[q.next%len(q.consumers)]; s.credit > 0 {
			return s
		}
	}
	return nil
}
