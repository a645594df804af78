// Package broker holds queues: messages, locks, dead letters, schedules and the duplicate history, in memory.
//
// Call New, then Lookup for a queue or its dead-letter queue, then Queue's methods. All are safe for concurrent use and
// none blocks: a Consumer must hand what it is given to a buffer of its own. Memory is bounded by the live messages and
// the duplicate history. Each queue has one timer, for its next expiry or scheduled moment. The package knows nothing of
// connections and leaves out sessions, topics, forwarding and persistence.
package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// DeadLetterSuffix is what the path of a dead-letter queue ends with.
const DeadLetterSuffix = "/$DeadLetterQueue"

var (
	// ErrLockLost means that no message is locked under the token.
	ErrLockLost = errors.New("the lock supplied is invalid: it expired, or the message was already removed from the queue")
	// ErrNotFound means that a sequence number stands for no such message.
	ErrNotFound = errors.New("no message has that sequence number and state")
	// ErrFull means that a queue has reached its size.
	ErrFull = errors.New("the maximum entity size has been reached or exceeded")
)

// Broker holds queues by name.
type Broker struct {
	busy busy

	mu     sync.RWMutex
	queues []*Queue          // in the order of creation
	paths  map[string]*Queue // lower case: names are case-insensitive
}

// New returns a broker with the queues.
func New(queues []Settings) (*Broker, error) {
	b := &Broker{paths: map[string]*Queue{}}
	for _, s := range queues {
		if _, err := b.Create(s); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Create adds a queue, or returns an error that wraps ErrQueueExists, ErrNotServed or ErrBadSettings.
func (b *Broker) Create(s Settings) (*Queue, error) {
	s, err := s.complete()
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	path := strings.ToLower(s.Name)
	if b.paths[path] != nil {
		return nil, fmt.Errorf("%q: %w", s.Name, ErrQueueExists)
	}
	q := newQueue(s, &b.busy)
	b.queues = append(b.queues, q)
	b.paths[path], b.paths[path+strings.ToLower(DeadLetterSuffix)] = q, q.dead
	return q, nil
}

// Update changes a queue's settings. They hold for what happens from now on: locks keep their end, messages their time to
// live. What fails a queue's creation fails its update; so does turning duplicate detection on or off.
func (b *Broker) Update(s Settings) (*Queue, error) {
	s, err := s.complete()
	if err != nil {
		return nil, err
	}
	q := b.Lookup(s.Name)
	if q == nil || q.dead == nil {
		return nil, fmt.Errorf("%q: %w", s.Name, ErrQueueNotFound)
	}
	return q, q.update(s)
}

// Delete removes a queue with its messages, or returns ErrQueueNotFound.
func (b *Broker) Delete(name string) (*Queue, error) {
	q := b.Lookup(name)
	if q == nil || q.dead == nil {
		return nil, fmt.Errorf("%q: %w", name, ErrQueueNotFound)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.paths, func(_ string, p *Queue) bool { return p == q || p == q.dead })
	b.queues = slices.DeleteFunc(b.queues, func(o *Queue) bool { return o == q })
	q.clear()
	return q, nil
}

// Lookup returns the queue at a path, a name with or without DeadLetterSuffix, or nil.
func (b *Broker) Lookup(path string) *Queue {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.paths[strings.ToLower(path)]
}

// Queues returns the queues in the order of their creation, without the dead-letter queues.
func (b *Broker) Queues() []*Queue {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.queues)
}

// Close stops the timers. Nothing expires or becomes due any more.
func (b *Broker) Close() {
	for _, q := range b.Queues() {
		q.stop()
		q.dead.stop()
	}
}

// Idle tells whether no message outside the dead-letter queues is active, locked or scheduled.
func (b *Broker) Idle() bool { return b.busy.zero() == nil }

// WaitIdle waits until Idle holds; it returns ctx's error if that comes first.
func (b *Broker) WaitIdle(ctx context.Context) error {
	zero := b.busy.zero()
	if zero == nil {
		return nil
	}
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busy counts messages that are active, locked or scheduled.
type busy struct {
	mu     sync.Mutex
	n      int
	atZero chan struct{} // closed when n falls to 0; nil while nobody waits
}

// count counts one message more or less.
func (b *busy) count(more bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if more {
		b.n++
	} else if b.n--; b.n == 0 && b.atZero != nil {
		close(b.atZero)
		b.atZero = nil
	}
}

// zero returns nil if nothing is busy, otherwise a channel that closes when nothing is.
func (b *busy) zero() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == 0 {
		return nil
	}
	if b.atZero == nil {
		b.atZero = make(chan struct{})
	}
	return b.atZero
}
