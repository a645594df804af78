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
	"strings"
	"sync"
	"time"
)

// DeadLetterSuffix is what the path of a dead-letter queue ends with.
const DeadLetterSuffix = "/$DeadLetterQueue"

var (
	// ErrLockLost means that no message is locked under the token.
	ErrLockLost = errors.New("the lock supplied is invalid: it expired, or the message was already removed from the queue")
	// ErrNotFound means that a sequence number stands for no such message.
	ErrNotFound = errors.New("no message has that sequence number and state")
)

// Options describes a queue. DuplicateWindow 0 means no duplicate detection.
type Options struct {
	Name             string
	LockDuration     time.Duration
	MaxDeliveryCount int
	DuplicateWindow  time.Duration
}

// Broker holds queues by name.
type Broker struct {
	queues []*Queue
	paths  map[string]*Queue // lower case: names are case-insensitive
	busy   busy
}

// New returns a broker with the queues.
func New(queues []Options) (*Broker, error) {
	b := &Broker{paths: map[string]*Queue{}}
	for _, o := range queues {
		path := strings.ToLower(o.Name)
		if path == "" || strings.Contains(path, "$") || b.paths[path] != nil {
			return nil, fmt.Errorf("queue name %q is empty, taken or holds a $", o.Name)
		}
		q := newQueue(o, &b.busy)
		q.dead = newQueue(Options{Name: o.Name + DeadLetterSuffix, LockDuration: o.LockDuration}, nil)
		b.queues = append(b.queues, q)
		b.paths[path], b.paths[strings.ToLower(q.dead.opts.Name)] = q, q.dead
	}
	return b, nil
}

// Lookup returns the queue at a path, a name with or without DeadLetterSuffix, or nil.
func (b *Broker) Lookup(path string) *Queue { return b.paths[strings.ToLower(path)] }

// Queues returns the queues in the order of New, without the dead-letter queues.
func (b *Broker) Queues() []*Queue { return b.queues }

// Close stops the timers. Nothing expires or becomes due any more.
func (b *Broker) Close() {
	for _, q := range b.queues {
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

func (b *busy) add(d int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n += d
	if b.n == 0 && b.atZero != nil {
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
