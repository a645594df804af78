package broker

// Structures tells how much a queue keeps: entries in its log, in its heaps and under locks, and remembered ids.
func (q *Queue) Structures() (entries, heaps, locks, ids int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.log.all), cap(q.ready.all) + cap(q.timers.all), len(q.locks), len(q.history.known) + cap(q.history.order)
}
