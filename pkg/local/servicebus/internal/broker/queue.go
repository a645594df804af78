package broker

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

// Token is a lock token in RFC 4122 byte order.
type Token = amqp.UUID

// Message is one message as a consumer or a browser sees it: a copy that later changes of the queue do not touch.
type Message struct {
	Content       *amqp.Message // shared, never changed
	Sequence      int64
	Enqueued      time.Time
	DeliveryCount uint32 // failed deliveries so far
	Token         Token  // zero if not locked
	LockedUntil   time.Time
	State         State
}

// State tells where a message is.
type State int32

// The states, with the numbers that the service uses in x-opt-message-state. A locked message keeps the state it had.
const (
	Active State = iota
	Deferred
	Scheduled
)

// entry is a message in a queue. Its fields are guarded by the queue's mutex.
type entry struct {
	Message
	ttl     time.Duration // 0: for ever
	locked  bool
	due     time.Time // when the timer must look at it: end of lock or life, or its moment; zero: never
	timerAt int       // index in Queue.timers, -1 if not there
	readyAt int       // index in Queue.ready, -1 if not there
	gone    bool      // removed, but still in Queue.log
	counted bool      // in the broker's count of busy messages
}

// Queue is one queue or dead-letter queue.
type Queue struct {
	dead *Queue // nil in a dead-letter queue
	busy *busy  // nil in a dead-letter queue

	mu        sync.Mutex
	opts      Settings
	sequence  int64
	bytes     int64
	log       log
	ready     heapOf[readyOrder]
	timers    heapOf[dueOrder]
	locks     map[Token]*entry
	history   history
	consumers []*Consumer
	timer     *time.Timer
	timerFor  time.Time
	stopped   bool
	totals    Stats // those of its fields that count from the start

	created, updated, accessed time.Time
}

// newQueue makes a queue with its dead-letter queue, which has no busy count.
func newQueue(s Settings, busy *busy) *Queue {
	now := time.Now()
	q := &Queue{opts: s, busy: busy, locks: map[Token]*entry{}, created: now, updated: now}
	q.timer = time.AfterFunc(time.Hour, q.tick)
	q.timer.Stop()
	if busy != nil {
		q.dead = newQueue(s, nil)
	}
	return q
}

// NewQueue returns a queue that belongs to no broker, for a few messages on their way to one consumer.
func NewQueue() *Queue { return newQueue(Settings{MaxSizeMegabytes: 16}, nil) }

// Settings returns the queue's settings; those of a dead-letter queue are its queue's.
func (q *Queue) Settings() Settings {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.opts
}

func (q *Queue) update(s Settings) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if (s.DuplicateWindow > 0) != (q.opts.DuplicateWindow > 0) {
		return fmt.Errorf("queue %q: duplicate detection cannot be turned on or off later: %w", s.Name, ErrBadSettings)
	}
	q.opts, q.updated = s, time.Now()
	if q.dead != nil {
		return q.dead.update(s)
	}
	return nil
}

// clear removes all messages and stops the timer: the queue is deleted.
func (q *Queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range slices.Clone(q.log.all) {
		if !e.gone {
			q.remove(e)
		}
	}
	q.stopped = true
	q.arm()
	if q.dead != nil {
		q.dead.clear()
	}
}

// Send adds the messages, all or none, and returns their sequence numbers. A message whose time to be enqueued is in the
// future is scheduled for it. With duplicate detection a message whose id was sent within the window is dropped without a
// sign. It returns ErrFull, or ErrQueueNotFound if the queue was deleted.
func (q *Queue) Send(messages ...*amqp.Message) ([]int64, error) {
	now := time.Now()
	numbers := make([]int64, len(messages))
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.stopped:
		return nil, ErrQueueNotFound
	case q.bytes >= int64(q.opts.MaxSizeMegabytes)<<20:
		return nil, ErrFull
	}
	q.accessed = now
	for i, m := range messages {
		numbers[i] = q.add(m, now)
	}
	q.wake()
	return numbers, nil
}

func (q *Queue) add(m *amqp.Message, now time.Time) int64 {
	id := m.ID()
	if id == "" {
		id = newID()
		m.SetID(id)
	}
	q.sequence++
	q.totals.Sent++
	if q.history.seen(id, now, q.opts.DuplicateWindow) {
		q.totals.DuplicatesDropped++
		return q.sequence
	}
	e := &entry{Message: Message{Content: m, Sequence: q.sequence, Enqueued: now}, ttl: q.timeToLive(m)}
	if at := m.TimeAnnotation("x-opt-scheduled-enqueue-time"); at.After(now) {
		e.State, e.due = Scheduled, at
	}
	q.insert(e)
	return e.Sequence
}

// timeToLive returns how long a message lives, which the queue's default bounds, and writes that into the message.
func (q *Queue) timeToLive(m *amqp.Message) time.Duration {
	ttl := q.opts.DefaultTTL
	if m.TTL != nil {
		own := time.Duration(*m.TTL) * time.Millisecond
		if ttl == 0 || own < ttl {
			return own
		}
	}
	if ms := ttl.Milliseconds(); ms > 0 && ms <= math.MaxUint32 {
		m.TTL = new(uint32(ms))
	}
	return ttl
}

// insert adds an entry that is in no queue.
func (q *Queue) insert(e *entry) {
	e.timerAt, e.readyAt = -1, -1
	q.bytes += int64(e.Content.Size())
	q.log.add(e)
	q.place(e)
}

func newID() string {
	t := newToken()
	return hex.EncodeToString(t[:])
}

// place puts an entry where its state says: among the ready ones or not, under the timer or not, counted as busy or not.
func (q *Queue) place(e *entry) {
	isReady := e.State == Active && !e.locked && !e.gone
	if isReady && e.readyAt < 0 {
		q.ready.push(e)
	} else if !isReady && e.readyAt >= 0 {
		q.ready.remove(e.readyAt)
	}
	if isReady && e.ttl > 0 && q.dead != nil {
		e.due = e.Enqueued.Add(e.ttl)
	}
	q.setTimer(e)
	if isBusy := !e.gone && (e.locked || e.State != Deferred); isBusy != e.counted {
		e.counted = isBusy
		q.busy.count(isBusy)
	}
}

// remove takes an entry out of the queue.
func (q *Queue) remove(e *entry) {
	q.unlock(e)
	q.bytes -= int64(e.Content.Size())
	q.log.remove(e)
	q.place(e)
}
