package membus

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

// Delivery is a locked message.
type Delivery struct {
	Queue      string
	MessageID  string
	LockToken  string
	Deliveries int // this one included
	Enqueued   time.Time
	Body       []byte
	Properties map[string]any

	Message    message.Message // what the body and the properties decode to
	Unreadable error           // why they do not
}

// Receive locks the message of a queue that became due first. It returns false if none is due; it does not wait.
func (b *Bus) Receive(queue string) (Delivery, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire(queue)
	q, now := b.queue(queue), b.o.Now()
	var next *item
	for _, i := range q.items {
		if !i.due.After(now) && (next == nil || i.due.Before(next.due)) {
			next = i
		}
	}
	if next == nil {
		return Delivery{}, false
	}
	next.deliveries++
	next.token, next.due = newToken(), now.Add(b.o.Lock)
	d := Delivery{Queue: queue, MessageID: next.id, LockToken: next.token, Deliveries: next.deliveries,
		Enqueued: next.enqueued, Body: next.body, Properties: next.properties}
	d.Message, d.Unreadable = message.Decode(d.Body, d.Properties)
	return d, true
}

// Next returns the earliest time at which a message of any queue can be received; false if there is none. Move the clock
// there when nothing more is due.
func (b *Bus) Next() (time.Time, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var next time.Time
	found := false
	for _, q := range b.queues {
		for _, i := range q.items {
			if !found || i.due.Before(next) {
				next, found = i.due, true
			}
		}
	}
	return next, found
}

// Complete ends a locked message; bus.ErrLockLost if its lock is gone.
func (b *Bus) Complete(queue, lockToken string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.take(queue, lockToken)
	return err
}

// Abandon gives a locked message back, to be delivered at once; bus.ErrLockLost if its lock is gone.
func (b *Bus) Abandon(queue, lockToken string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, err := b.take(queue, lockToken)
	if err != nil {
		return err
	}
	i.token, i.due = "", b.o.Now()
	q := b.queue(queue)
	q.items = append(q.items, i)
	slices.SortFunc(q.items, func(x, y *item) int { return cmp.Compare(x.sequence, y.sequence) })
	b.expire(queue)
	return nil
}

// DeadLetter implements bus.DeadLetterer.
func (b *Bus) DeadLetter(ctx context.Context, queue, lockToken, reason, description string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refused(ctx); err != nil {
		return fmt.Errorf("dead-letter in %s: %w", queue, err)
	}
	if b, err := hex.DecodeString(strings.ReplaceAll(lockToken, "-", "")); err != nil || len(b) != 16 {
		return fmt.Errorf("dead-letter in %s: lock token %q is no GUID", queue, lockToken)
	}
	i, err := b.take(queue, lockToken)
	if err != nil {
		return err
	}
	b.queue(queue).bury(i, reason, description)
	return nil
}

// take removes a message from its queue if the token still locks it.
func (b *Bus) take(queue, token string) (*item, error) {
	q := b.queue(queue)
	n := slices.IndexFunc(q.items, func(i *item) bool { return token != "" && i.token == token })
	if n < 0 || !q.items[n].due.After(b.o.Now()) {
		return nil, fmt.Errorf("settle a message of %s: %w", queue, bus.ErrLockLost)
	}
	i := q.items[n]
	q.items = slices.Delete(q.items, n, n+1)
	return i, nil
}

// expire dead-letters messages that are due again and were delivered too often.
func (b *Bus) expire(queue string) {
	q, now := b.queue(queue), b.o.Now()
	q.items = slices.DeleteFunc(q.items, func(i *item) bool {
		if i.due.After(now) || i.deliveries < b.o.MaxDeliveries {
			return false
		}
		q.bury(i, "MaxDeliveryCountExceeded", "the message was delivered too often")
		return true
	})
}

func (q *queue) bury(i *item, reason, description string) {
	i.token, i.reason, i.description = "", reason, description
	q.dead = append(q.dead, i)
}
