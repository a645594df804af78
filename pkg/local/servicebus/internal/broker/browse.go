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

// Stats is a queue in numbers. Active includes locked messages; locked deferred ones are in Locked and Deferred. What
// follows DeadLettered counts from the start.
type Stats struct {
	Name                                              string
	Active, Locked, Scheduled, Deferred, DeadLettered int
	// Sent counts duplicates too; Completed counts what receive-and-delete took; Expired is time to live.
	Sent, Completed, Abandoned, LockExpired, DuplicatesDropped, Expired int64
}

// Info is what there is to know about a queue besides its settings. Bytes is the size of all its messages, dead letters
// included.
type Info struct {
	Stats                      Stats
	Bytes                      int64
	Created, Updated, Accessed time.Time
}

// Info counts.
func (q *Queue) Info() Info {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.totals
	s.Name, s.Locked = q.opts.Name, len(q.locks)
	for _, e := range q.log.all {
		switch {
		case e.gone:
		case e.State == Active:
			s.Active++
		case e.State == Scheduled:
			s.Scheduled++
		default:
			s.Deferred++
		}
	}
	i := Info{s, q.bytes, q.created, q.updated, q.accessed}
	if q.dead != nil {
		dead := q.dead.Info()
		i.Stats.DeadLettered = dead.Stats.Active
		i.Bytes += dead.Bytes
	}
	return i
}

// IsDeadLetter tells whether it is the dead-letter queue of another.
func (q *Queue) IsDeadLetter() bool { return q.dead == nil }

// HasDeadLetter tells whether o is the queue's dead-letter queue.
func (q *Queue) HasDeadLetter(o *Queue) bool { return q.dead != nil && q.dead == o }
