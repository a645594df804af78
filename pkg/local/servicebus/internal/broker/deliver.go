package broker

import (
	"slices"
	"time"
)

// Consumer is someone who takes messages from a queue when there are some.
type Consumer struct {
	queue *Queue
	wake  func()
}

// Subscribe makes the queue call wake when there may be messages to take. It is called with the queue locked: it must
// neither block nor call the queue.
func (q *Queue) Subscribe(wake func()) *Consumer {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &Consumer{q, wake}
	q.consumers = append(q.consumers, c)
	return c
}

// Close ends the calls. Locks stay until they expire.
func (c *Consumer) Close() {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	c.queue.consumers = slices.DeleteFunc(c.queue.consumers, func(o *Consumer) bool { return o == c })
}

// wake tells the consumers of ready messages. The first of them goes last the next time, so that they take turns.
func (q *Queue) wake() {
	if len(q.ready.all) == 0 || len(q.consumers) == 0 {
		return
	}
	for _, c := range q.consumers {
		c.wake()
	}
	q.consumers = append(q.consumers[1:], q.consumers[0])
}

// Take returns the oldest ready message, locked, or removed from the queue if removes is set; false if there is none.
func (q *Queue) Take(removes bool) (Message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for len(q.ready.all) > 0 {
		e := q.ready.all[0]
		if e.ttl > 0 && !e.due.IsZero() && !e.due.After(now) {
			q.expire(e)
			continue
		}
		q.accessed = now
		return q.hand(e, removes, now), true
	}
	return Message{}, false
}

// hand locks an entry, or removes it, for someone who gets what it returns.
func (q *Queue) hand(e *entry, removes bool, now time.Time) Message {
	if removes {
		m := e.Message
		q.totals.Completed++
		q.remove(e)
		return m
	}
	q.lock(e, now)
	q.place(e)
	return e.Message
}
