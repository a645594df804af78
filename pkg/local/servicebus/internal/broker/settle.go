package broker

import (
	"crypto/rand"
	"fmt"
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
	var t Token
	rand.Read(t[:])
	t[6], t[8] = t[6]&0x0f|0x40, t[8]&0x3f|0x80 // a version 4 UUID
	e.locked, e.Token, e.LockedUntil = true, t, now.Add(q.opts.LockDuration)
	e.due = e.LockedUntil
	q.locks[t] = e
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
	for _, p := range s.Modify {
		e.Extra = e.Extra.With(p.Key, p.Value)
	}
	q.unlock(e)
	q.settle(e, s)
	q.dispatch(now)
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

// bury moves an entry to the dead-letter queue with its count, its number and the time it was enqueued. A dead letter
// that is dead-lettered again stays where it is with the new reason.
func (q *Queue) bury(e *entry, reason, description string) {
	extra := e.Extra.With(ReasonProperty, reason).With(DescriptionProperty, description)
	if q.dead == nil {
		e.Extra = extra
		q.place(e)
		return
	}
	q.totals.DeadLettered++
	fresh := &entry{Message: e.Message, timerAt: -1, readyAt: -1}
	fresh.State, fresh.Extra = Active, extra
	q.remove(e)
	q.dead.inter(fresh)
}

// inter takes over an entry of the main queue, whose mutex the caller holds: a main queue is always locked first.
func (q *Queue) inter(e *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.totals.Sent++
	q.log.add(e)
	q.place(e)
	q.dispatch(time.Now())
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
