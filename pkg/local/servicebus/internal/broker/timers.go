package broker

import "time"

// setTimer puts an entry under the timer for when it is due, or takes it away.
func (q *Queue) setTimer(e *entry) {
	switch want := !e.gone && !e.due.IsZero(); {
	case want && e.timerAt < 0:
		q.timers.push(e)
	case want:
		q.timers.fix(e.timerAt)
	case e.timerAt >= 0:
		q.timers.remove(e.timerAt)
	}
	q.arm()
}

// arm sets the one timer for the earliest due entry.
func (q *Queue) arm() {
	switch {
	case q.stopped || len(q.timers.all) == 0:
		q.timer.Stop()
		q.timerFor = time.Time{}
	case !q.timers.all[0].due.Equal(q.timerFor):
		q.timerFor = q.timers.all[0].due
		q.timer.Reset(time.Until(q.timerFor))
	}
}

func (q *Queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	q.arm()
}

// tick handles every entry that is due.
func (q *Queue) tick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.timerFor = time.Time{}
	for len(q.timers.all) > 0 && !q.timers.all[0].due.After(now) {
		q.handleDue(q.timers.all[0], now)
	}
	q.arm()
	q.wake()
}

func (q *Queue) handleDue(e *entry, now time.Time) {
	switch {
	case e.locked:
		q.totals.LockExpired++
		q.unlock(e)
		q.failDelivery(e)
	case e.State == Scheduled:
		q.activate(e, now)
	default:
		q.expire(e)
	}
}

// expire ends a message whose time to live is up.
func (q *Queue) expire(e *entry) {
	q.totals.Expired++
	if q.opts.DeadLetterExpired {
		q.bury(e, "TTLExpiredException", "The message expired and was dead lettered.")
		return
	}
	q.remove(e)
}

// activate makes a scheduled message active. As in the service it gets a new sequence number, as if sent now.
func (q *Queue) activate(e *entry, now time.Time) {
	q.sequence++
	fresh := &entry{Message: e.Message, ttl: e.ttl}
	fresh.Sequence, fresh.Enqueued, fresh.State = q.sequence, now, Active
	q.insert(fresh) // first, so that the queue is not idle in between
	q.remove(e)
}
