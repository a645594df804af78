package servicebus

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// Held is a message that a queue holds, as a test looks at it.
type Held struct {
	Body       []byte
	Properties map[string]any // the application's
	Scheduled  bool           // it waits for its time
	Locked     bool           // somebody has received it
	Enqueued   time.Time
}

// Messages returns the messages of a queue, those that are locked or scheduled too, in the order of their numbers. Nothing
// is locked or counted by it. Dead letters are in the queue "<name>/$deadletterqueue".
func (s *Server) Messages(queue string) ([]Held, error) {
	q := s.broker.Lookup(queue)
	if q == nil {
		return nil, fmt.Errorf("queue %q: %w", queue, ErrQueueNotFound)
	}
	now := time.Now()
	var all []Held
	for _, m := range q.Peek(0, math.MaxInt) {
		data, err := amqp.Batch(m.Content.Body)
		if err != nil {
			return nil, fmt.Errorf("message %d of queue %s: %w", m.Sequence, queue, err)
		}
		h := Held{Body: bytes.Join(data, nil), Properties: map[string]any{}, Scheduled: m.State == broker.Scheduled,
			Locked: m.LockedUntil.After(now), Enqueued: m.Enqueued}
		for _, p := range m.Content.Application.Map() {
			if name, ok := p.Key.(string); ok {
				h.Properties[name] = p.Value
			}
		}
		all = append(all, h)
	}
	return all, nil
}
