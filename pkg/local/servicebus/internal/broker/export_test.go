package broker

import "time"

// Structures tells how much a queue keeps: entries in its log, in its heaps and under locks, and remembered ids.
func (q *Queue) Structures() (entries, heaps, locks, ids int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.log.all), cap(q.ready.all) + cap(q.timers.all), len(q.locks), len(q.history.known) + cap(q.history.order)
}

// MaxHistory is how many ids a history remembers.
const MaxHistory = maxHistory

// History is a duplicate history on its own.
type History struct{ history }

// Seen tells whether the id is known within an hour, and remembers it.
func (h *History) Seen(id string, now time.Time) bool { return h.seen(id, now, time.Hour) }

// Len is how many ids are remembered.
func (h *History) Len() int { return len(h.known) }
