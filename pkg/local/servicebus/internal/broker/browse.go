package broker

import (
	"slices"
	"time"
)

// Peek returns up to n messages from a sequence number on, in any state, without locking them.
func (q *Queue) Peek(from int64, n int) []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, _ := q.log.find(from)
	var out []Message
	for ; i < len(q.log.all) && len(out) < n; i++ {
		if e := q.log.all[i]; !e.gone {
			out = append(out, e.Message)
		}
	}
	return out
}

// ReceiveDeferred locks deferred messages, or removes them if removes is set, and returns them. It is all or nothing:
// ErrNotFound if any of the numbers stands for no deferred message, for one that is locked, or is given twice.
func (q *Queue) ReceiveDeferred(sequences []int64, removes bool) ([]Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var found []*entry
	for _, s := range sequences {
		e := q.log.get(s)
		if e == nil || e.State != Deferred || e.locked || slices.Contains(found, e) {
			return nil, ErrNotFound
		}
		found = append(found, e)
	}
	now := time.Now()
	out := make([]Message, len(found))
	for i, e := range found {
		out[i] = q.hand(e, removes, now)
	}
	return out, nil
}

// Cancel removes scheduled messages: all, or none and ErrNotFound if one of the numbers stands for none.
func (q *Queue) Cancel(sequences []int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var found []*entry
	for _, s := range sequences {
		e := q.log.get(s)
		if e == nil || e.State != Scheduled {
			return ErrNotFound
		}
		found = append(found, e)
	}
	for _, e := range found {
		q.remove(e)
	}
	return nil
}

// Counts tells how many messages a queue holds. Active includes the locked ones; locked deferred messages are in Locked
// and Deferred.
type Counts struct {
	Active, Locked, Scheduled, Deferred, DeadLettered int
	Bytes                                             int64 // of the messages, dead letters too
	Created, Updated, Accessed                        time.Time
	Totals
}

// IsDeadLetter tells whether it is the dead-letter queue of another.
func (q *Queue) IsDeadLetter() bool { return q.dead == nil }

// HasDeadLetter tells whether o is the queue's dead-letter queue.
func (q *Queue) HasDeadLetter(o *Queue) bool { return q.dead != nil && q.dead == o }

// Counts counts.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := Counts{Locked: len(q.locks), Bytes: q.bytes, Totals: q.totals, Created: q.created, Updated: q.updated, Accessed: q.accessed}
	for _, e := range q.log.all {
		switch {
		case e.gone:
		case e.State == Active:
			c.Active++
		case e.State == Scheduled:
			c.Scheduled++
		default:
			c.Deferred++
		}
	}
	if q.dead != nil {
		dead := q.dead.Counts()
		c.DeadLettered = dead.Active
		c.Bytes += dead.Bytes
	}
	return c
}
