package broker

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

// Outcome is what becomes of a locked message.
type Outcome int

// The outcomes.
const (
	Complete   Outcome = iota // it is removed
	Abandon                   // the delivery failed: it is counted and the message delivered again
	Release                   // it is delivered again, nothing is counted
	Defer                     // it can be received by its sequence number only
	DeadLetter                // it goes to the dead-letter queue
)

// Settlement is an outcome with what comes with it. Modify are application properties to set.
type Settlement struct {
	Outcome             Outcome
	Reason, Description string
	Modify              amqp.Map
}

// The application properties that tell why a message is in a dead-letter queue.
const (
	ReasonProperty      = "DeadLetterReason"
	DescriptionProperty = "DeadLetterErrorDescription"
)

func (q *Queue) lock(e *entry, now time.Time) {
	e.locked, e.Token, e.LockedUntil = true, newToken(), now.Add(q.opts.LockDuration)
	e.due = e.LockedUntil
	q.locks[e.Token] = e
}

// newToken returns a random UUID.
func newToken() (t Token) {
	binary.BigEndian.PutUint64(t[:], rand.Uint64())
	binary.BigEndian.PutUint64(t[8:], rand.Uint64())
	t[6], t[8] = t[6]&0x0f|0x40, t[8]&0x3f|0x80 // version 4
	return t
}

func (q *Queue) unlock(e *entry) {
	if !e.locked {
		return
	}
	delete(q.locks, e.Token)
	e.locked, e.Token, e.LockedUntil, e.due = false, Token{}, time.Time{}, time.Time{}
}

// Settle ends the lock with an outcome, or returns ErrLockLost.
func (q *Queue) Settle(t Token, s Settlement) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	e := q.held(t, now)
	if e == nil {
		return ErrLockLost
	}
	q.modify(e, s.Modify)
	q.unlock(e)
	q.settle(e, s)
	q.wake()
	return nil
}

// held returns the message locked under a token. A lock whose time is up counts as lost even before the timer saw it.
func (q *Queue) held(t Token, now time.Time) *entry {
	e := q.locks[t]
	if e == nil || !e.LockedUntil.After(now) {
		return nil
	}
	return e
}

func (q *Queue) settle(e *entry, s Settlement) {
	switch s.Outcome {
	case Complete:
		q.totals.Completed++
		q.remove(e)
	case Abandon:
		q.totals.Abandoned++
		q.failDelivery(e)
	case Release:
		q.place(e)
	case Defer:
		e.State = Deferred
		q.place(e)
	case DeadLetter:
		q.bury(e, s.Reason, s.Description)
	}
}

// failDelivery counts a failed delivery and gives the message back, or buries it after the last. Dead letters are not
// counted; a deferred message stays deferred.
func (q *Queue) failDelivery(e *entry) {
	if q.dead != nil {
		e.DeliveryCount++
	}
	if q.dead != nil && int(e.DeliveryCount) >= q.opts.MaxDeliveryCount {
		q.bury(e, "MaxDeliveryCountExceeded",
			fmt.Sprintf("Message could not be consumed after %d delivery attempts.", q.opts.MaxDeliveryCount))
		return
	}
	q.place(e)
}

// modify sets application properties.
func (q *Queue) modify(e *entry, properties amqp.Map) {
	if len(properties) == 0 {
		return
	}
	q.bytes -= int64(e.Content.Size())
	changed := *e.Content
	for _, p := range properties {
		changed.Application = changed.Application.With(p.Key, p.Value)
	}
	e.Content = &changed
	q.bytes += int64(e.Content.Size())
}

// bury moves an entry to the dead-letter queue with its count, its number and the time it was enqueued. A dead letter
// that is dead-lettered again stays where it is with the new reason.
func (q *Queue) bury(e *entry, reason, description string) {
	q.modify(e, amqp.Map{{Key: ReasonProperty, Value: reason}, {Key: DescriptionProperty, Value: description}})
	if q.dead == nil {
		q.place(e)
		return
	}
	fresh := &entry{Message: e.Message}
	fresh.State = Active
	q.remove(e)
	q.dead.inter(fresh)
}

// inter takes over an entry of the main queue, whose mutex the caller holds: a main queue is always locked first.
func (q *Queue) inter(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.totals.Sent++
	q.insert(e)
	q.wake()
}

// Renew extends the lock by the queue's lock duration from now and returns its end, or ErrLockLost.
func (q *Queue) Renew(t Token) (time.Time, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	e := q.held(t, now)
	if e == nil {
		return time.Time{}, ErrLockLost
	}
	e.LockedUntil = now.Add(q.opts.LockDuration)
	e.due = e.LockedUntil
	q.setTimer(e)
	return e.LockedUntil, nil
}
