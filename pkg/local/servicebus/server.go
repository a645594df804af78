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
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"guestlist/pkg/local/servicebus/internal/broker"
)

// Tier is a tier of the service; it sets how large a message may be.
type Tier string

// The tiers: 256 KB a message, and 100 MB.
const (
	Standard Tier = "Standard"
	Premium  Tier = "Premium"
)

// Right is what a key allows.
type Right string

// The rights. Manage includes the other two.
const (
	Manage Right = "Manage"
	Send   Right = "Send"
	Listen Right = "Listen"
)

// Key is a shared access key.
type Key struct {
	Name, Key string
	Rights    []Right
}

// Config is what Serve needs. All its fields may be empty.
type Config struct {
	Listen      string          // for AMQP without TLS; "": any free port of the loopback interface
	ListenTLS   string          // for AMQP over TLS; "": none
	Certificate tls.Certificate // for ListenTLS
	Queues      []Queue
	Keys        []Key // tokens must be signed with one of them; none: every token and link is accepted
	// AcceptAll accepts any token although there are Keys, and links without a token.
	AcceptAll bool
	// AcceptJWT accepts, where Keys are verified, any token of Microsoft Entra for everything: they are not verified.
	AcceptJWT bool
	Tier      Tier         // "": Standard
	Log       *slog.Logger // nil: silence
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
	b, err := broker.New(cfg.Queues)
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

// Idle tells whether no queue holds an active, locked or scheduled message. Dead letters and deferred messages do not
// count.
func (s *Server) Idle() bool { return s.broker.Idle() }

// WaitIdle returns when Idle holds, or with ctx's error. A handler that completes a message before it has sent the next
// one is idle in between.
func (s *Server) WaitIdle(ctx context.Context) error { return s.broker.WaitIdle(ctx) }
