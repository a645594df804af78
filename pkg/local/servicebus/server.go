// Package servicebus is an Azure Service Bus for one machine: an AMQP 1.0 server with queues in memory, complete enough
// that the azservicebus client cannot tell it from the service. It is for tests and for the local stack.
//
// Call Serve, give ConnectionString to a client, and Close at the end; tests call servicebustest.Start. It promises what
// the service does for queues: peek-lock and receive-and-delete, settling on the link or by lock token from anywhere,
// renewing, deferring, scheduling, dead-lettering, peeking, batches, duplicate detection, delivery counts, lock expiry and
// time to live. Memory grows with the messages that are there. It listens where it is told, without TLS and believing any
// token, so only on the loopback interface. It leaves out topics, message sessions, transactions, forwarding, creating
// queues while it runs, and persistence.
package servicebus

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/broker"
)

// Queue describes a queue. LockDuration 0 means 60 s and MaxDeliveryCount 0 means 10, as the service gives a new queue.
// DuplicateWindow 0 means no duplicate detection.
type Queue struct {
	Name             string
	LockDuration     time.Duration
	MaxDeliveryCount int
	DuplicateWindow  time.Duration
}

// Config is what Serve needs. An empty Listen means any free port of the loopback interface; a nil Log means silence.
type Config struct {
	Listen string
	Queues []Queue
	Log    *slog.Logger
}

// Server is a running emulator. Its methods are safe for concurrent use.
type Server struct {
	log      *slog.Logger
	listener net.Listener
	broker   *broker.Broker
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

// Serve starts listening and returns at once. It fails if the address is taken or two queues share a name.
func Serve(cfg Config) (*Server, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	b, err := broker.New(options(cfg.Queues))
	if err != nil {
		return nil, fmt.Errorf("service bus emulator: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("service bus emulator: %w", err)
	}
	s := &Server{log: cfg.Log, listener: listener, broker: b, conns: map[*conn]struct{}{}}
	s.running.Go(s.accept)
	return s, nil
}

func options(queues []Queue) []broker.Options {
	out := make([]broker.Options, len(queues))
	for i, q := range queues {
		if q.LockDuration == 0 {
			q.LockDuration = time.Minute
		}
		if q.MaxDeliveryCount == 0 {
			q.MaxDeliveryCount = 10
		}
		out[i] = broker.Options(q)
	}
	return out
}

func (s *Server) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return // closed: nothing else ends a loopback listener
		}
		c := newConn(s, nc)
		s.mu.Lock()
		if s.closed {
			nc.Close()
		} else {
			s.conns[c] = struct{}{}
			s.running.Go(func() { s.serve(c) })
		}
		s.mu.Unlock()
	}
}

func (s *Server) serve(c *conn) {
	err := c.serve()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.log.Debug("connection ended", "client", c.net.RemoteAddr().String(), "why", err)
}

// Addr returns the address it listens on, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// ConnectionString returns what clients connect with. The key in it is no secret: any is accepted.
func (s *Server) ConnectionString() string {
	key := base64.StdEncoding.EncodeToString([]byte("the emulator accepts every key"))
	return "Endpoint=sb://" + s.Addr() + ";SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=" + key +
		";UseDevelopmentEmulator=true"
}

// DropConnections closes every client connection without a word, as a network failure would. Locks stay until they
// expire; clients may connect again at once.
func (s *Server) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.net.Close()
	}
}

// Close stops listening, drops the connections and forgets the messages. A second call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	err := s.listener.Close()
	s.DropConnections()
	s.running.Wait()
	s.broker.Close()
	return err
}

// QueueStats is a queue in numbers. Active includes locked messages. The totals count from the start.
type QueueStats struct {
	Name                                              string
	Active, Locked, Scheduled, Deferred, DeadLettered int
	// Sent counts duplicates too; Completed counts what receive-and-delete took; Expired is time to live.
	Sent, Completed, Abandoned, LockExpired, DuplicatesDropped, Expired int64
}

// Stats returns every queue in the order of Config.
func (s *Server) Stats() []QueueStats {
	var all []QueueStats
	for _, q := range s.broker.Queues() {
		c := q.Counts()
		all = append(all, QueueStats{Name: q.Options().Name, Active: c.Active, Locked: c.Locked, Scheduled: c.Scheduled,
			Deferred: c.Deferred, DeadLettered: c.DeadLettered, Sent: c.Sent, Completed: c.Completed, Abandoned: c.Abandoned,
			LockExpired: c.LockExpired, DuplicatesDropped: c.DuplicatesDropped, Expired: c.Expired})
	}
	return all
}

// Idle tells whether no queue holds an active, locked or scheduled message. Dead letters and deferred messages do not
// count.
func (s *Server) Idle() bool { return s.broker.Idle() }

// WaitIdle returns when Idle holds, or with ctx's error. A handler that completes a message before it has sent the next
// one is idle in between.
func (s *Server) WaitIdle(ctx context.Context) error { return s.broker.WaitIdle(ctx) }
