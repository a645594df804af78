package servicebus

import (
	"maps"
	"slices"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// Queue describes a queue; zero fields mean what the service gives a new queue.
type Queue = broker.Settings

// QueueStatus says what a queue may be used for.
type QueueStatus = broker.Status

// The statuses of a queue.
const (
	StatusActive          = broker.StatusActive
	StatusDisabled        = broker.StatusDisabled
	StatusSendDisabled    = broker.StatusSendDisabled
	StatusReceiveDisabled = broker.StatusReceiveDisabled
)

// The errors of CreateQueue, UpdateQueue and DeleteQueue wrap one of these.
var (
	ErrQueueExists   = broker.ErrQueueExists
	ErrQueueNotFound = broker.ErrQueueNotFound
	ErrNotServed     = broker.ErrNotServed // sessions, forwarding
	ErrBadSettings   = broker.ErrBadSettings
)

// QueueStats is a queue in numbers.
type QueueStats = broker.Stats

// QueueInfo is what there is to know about a queue: its settings, numbers, size and times.
type QueueInfo struct {
	Queue
	broker.Info
}

// CreateQueue adds a queue and tells what its settings are now.
func (s *Server) CreateQueue(q Queue) (QueueInfo, error) { return s.informed(s.broker.Create(q)) }

// UpdateQueue replaces the settings of a queue. As the service does, it detaches the links to the queue; clients attach
// again.
func (s *Server) UpdateQueue(q Queue) (QueueInfo, error) {
	updated, err := s.broker.Update(q)
	if err == nil {
		s.detach(updated, detachForced("The queue was changed."))
	}
	return s.informed(updated, err)
}

// DeleteQueue removes a queue with its messages and detaches the links to it.
func (s *Server) DeleteQueue(name string) error {
	q, err := s.broker.Delete(name)
	if err == nil {
		s.detach(q, notFound(name))
	}
	return err
}

// Queue returns what there is to know about a queue, and whether there is one of that name.
func (s *Server) Queue(name string) (QueueInfo, bool) {
	q := s.broker.Lookup(name)
	if q == nil || q.IsDeadLetter() {
		return QueueInfo{}, false
	}
	return infoOf(q), true
}

// Queues returns all queues in the order of their creation.
func (s *Server) Queues() []QueueInfo {
	var all []QueueInfo
	for _, q := range s.broker.Queues() {
		all = append(all, infoOf(q))
	}
	return all
}

// Stats returns the numbers of all queues in the order of their creation.
func (s *Server) Stats() []QueueStats {
	var all []QueueStats
	for _, q := range s.Queues() {
		all = append(all, q.Stats)
	}
	return all
}

func (s *Server) informed(q *broker.Queue, err error) (QueueInfo, error) {
	if err != nil {
		return QueueInfo{}, err
	}
	return infoOf(q), nil
}

func infoOf(q *broker.Queue) QueueInfo { return QueueInfo{q.Settings(), q.Info()} }

// detach detaches every link to the queue, its dead-letter queue and their management.
func (s *Server) detach(q *broker.Queue, why *amqp.Error) {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		c.detach(q, why)
	}
}

func (c *conn) detach(q *broker.Queue, why *amqp.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		for _, l := range s.links {
			if !l.gone && l.node.queue != nil && (l.node.queue == q || q.HasDeadLetter(l.node.queue)) {
				l.detach(why)
			}
		}
	}
	c.signal()
}
