// Package membus is a message broker in memory, for tests of steps. It keeps the contracts of pkg/bus as Azure Service Bus
// does: messages are scheduled, locked for a while, delivered again, dead-lettered by lock token, and travel as the bytes
// and properties that would go over the wire, so that a field that does not travel is missed.
//
// Call [New] with the test's clock, hand the [Bus] to what is tested, and let the test play the host: [Bus.Receive] what
// is due, [Bus.Complete] or [Bus.Abandon] it, and move the clock to [Bus.Next]. [Bus.Sent] tells what was sent;
// [Bus.Refuse] makes the broker fail, and [Bus.Full] one queue.
//
// It leaves out sessions, topics, time to live and persistence. A Bus may be used by many goroutines.
package membus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

// Options change how a Bus behaves; the zero value is Guestlist's own configuration of Service Bus without duplicate
// detection.
type Options struct {
	Now             func() time.Time // nil means time.Now
	Lock            time.Duration    // how long a lock lasts, which nobody renews; 0 means one minute
	MaxDeliveries   int              // after which a message becomes a dead letter by itself; 0 means 50
	DuplicateWindow time.Duration    // how long message ids are remembered; 0 keeps duplicates
}

// Bus implements bus.Sender, bus.DeadLetterer and bus.DeadLetters.
type Bus struct {
	o Options

	mu       sync.Mutex
	sequence int64
	sent     []message.Message
	queues   map[string]*queue
	refusal  error
}

var (
	_ bus.Sender       = (*Bus)(nil)
	_ bus.DeadLetterer = (*Bus)(nil)
	_ bus.DeadLetters  = (*Bus)(nil)
)

type queue struct {
	items []*item // by sequence
	dead  []*item
	full  bool
	seen  map[string]time.Time // message id to the time it is forgotten
}

type item struct {
	sequence            int64
	id                  string
	body                []byte
	properties          map[string]any
	enqueued            time.Time
	due                 time.Time // when it may be delivered: At, or the end of a lock
	token               string    // of the last lock, "" when none
	deliveries          int
	reason, description string
}

// New returns an empty Bus. Queues come into being when they are first used.
func New(o Options) *Bus {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lock == 0 {
		o.Lock = time.Minute
	}
	if o.MaxDeliveries == 0 {
		o.MaxDeliveries = 50
	}
	return &Bus{o: o, queues: map[string]*queue{}}
}

// Send implements bus.Sender.
func (b *Bus) Send(ctx context.Context, msgs ...message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.refused(ctx); err != nil {
		return fmt.Errorf("send %d messages: %w: %w", len(msgs), bus.ErrRefused, err)
	}
	for _, m := range msgs {
		if b.queue(m.Queue()).full {
			return fmt.Errorf("send %d messages: %w: queue %s is full", len(msgs), bus.ErrRefused, m.Queue())
		}
		m.Attempt = max(1, m.Attempt)
		if m.First.IsZero() {
			m.First = b.o.Now()
		}
		b.sent = append(b.sent, m)
		b.enqueue(m.Queue(), item{id: m.ID(), body: m.Body(), properties: m.Properties(), due: m.At})
	}
	return nil
}

// SendRaw puts a body that may be none of Guestlist's into a queue, as Event Grid or a stranger would.
func (b *Bus) SendRaw(queue string, body []byte, properties map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enqueue(queue, item{id: rand.Text(), body: body, properties: properties})
}

// Sent returns every message that was accepted by Send, oldest first, duplicates included.
func (b *Bus) Sent() []message.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]message.Message(nil), b.sent...)
}

// Full makes Send refuse messages to a queue, as if its quota were used up, until it is called with false.
func (b *Bus) Full(queue string, full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue(queue).full = full
}

// Refuse makes Send, DeadLetter, Browse and Remove return err; nil ends that.
func (b *Bus) Refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refusal = err
}

// Depth returns the length of a queue. Locked messages are active.
func (b *Bus) Depth(name string) bus.Depth {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue(name)
	d := bus.Depth{Queue: name, DeadLettered: len(q.dead)}
	for _, i := range q.items {
		if i.token == "" && i.due.After(b.o.Now()) {
			d.Scheduled++
		} else {
			d.Active++
		}
	}
	return d
}

func (b *Bus) refused(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return b.refusal
}

func (b *Bus) queue(name string) *queue {
	if b.queues[name] == nil {
		b.queues[name] = &queue{seen: map[string]time.Time{}}
	}
	return b.queues[name]
}

func (b *Bus) enqueue(name string, i item) {
	q, now := b.queue(name), b.o.Now()
	if w := b.o.DuplicateWindow; w > 0 {
		if now.Before(q.seen[i.id]) {
			return
		}
		q.seen[i.id] = now.Add(w)
	}
	b.sequence++
	i.sequence, i.enqueued = b.sequence, now
	if i.due.Before(now) {
		i.due = now
	}
	q.items = append(q.items, &i)
}

// newToken returns a GUID as text, the form in which the host hands out lock tokens.
func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
