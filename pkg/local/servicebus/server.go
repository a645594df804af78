package servicebus

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/broker"
)

// Tier is a tier of the service; it sets how large a message may be.
type Tier string

// The tiers: 256 KB a message, and 100 MB.
const (
	Standard Tier = "Standard"
	Premium  Tier = "Premium"
)

// maxMessage is the most bytes of a message.
func (t Tier) maxMessage() int {
	if t == Premium {
		return 100 << 20
	}
	return 256 << 10
}

// Config is what Serve needs. All its fields may be empty.
type Config struct {
	Listen      string          // for AMQP without TLS; "": any free port of the loopback interface
	ListenTLS   string          // for AMQP over TLS; "": none
	Certificate tls.Certificate // for ListenTLS
	Queues      []Queue
	Keys        []Key // tokens must be signed with one of them; none: every token is accepted, and links without one
	AcceptAll   bool  // likewise although there are Keys, which ConnectionString then still names
	AcceptJWT   bool  // where Keys are verified, accept every token of Microsoft Entra for everything, unverified
	Tier        Tier  // "": Standard
	Faults      []Fault
	Seed        uint64       // of the faults
	Log         *slog.Logger // nil: silence
}

// Server is a running emulator. Its methods are safe for concurrent use.
type Server struct {
	log       *slog.Logger
	listeners []net.Listener // without TLS, then with
	broker    *broker.Broker
	keys      []Key
	acceptAll bool
	acceptJWT bool
	tier      Tier
	faults    faults
	started   time.Time
	running   sync.WaitGroup

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

// Serve starts listening and returns at once. It fails if an address is taken, if two queues share a name, or if a queue or
// a fault asks for what is not there.
func Serve(cfg Config) (*Server, error) {
	s, err := newServer(cfg)
	if err == nil {
		err = s.listen(cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("service bus emulator: %w", err)
	}
	for _, l := range s.listeners {
		s.running.Go(func() { s.accept(l) })
	}
	return s, nil
}

// newServer returns a server that does not listen.
func newServer(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	b, err := broker.New(cfg.Queues)
	if err != nil {
		return nil, err
	}
	s := &Server{log: cfg.Log, broker: b, keys: cfg.Keys, acceptAll: cfg.AcceptAll || len(cfg.Keys) == 0, acceptJWT: cfg.AcceptJWT,
		tier: cmp.Or(cfg.Tier, Standard), started: time.Now(), conns: map[*conn]struct{}{}}
	return s, s.SetFaults(cfg.Seed, cfg.Faults...)
}

func (s *Server) listen(cfg Config) error {
	plain, err := net.Listen("tcp", cmp.Or(cfg.Listen, "127.0.0.1:0"))
	if err != nil {
		return err
	}
	s.listeners = append(s.listeners, plain)
	if cfg.ListenTLS == "" {
		return nil
	}
	secure, err := tls.Listen("tcp", cfg.ListenTLS, &tls.Config{Certificates: []tls.Certificate{cfg.Certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return errors.Join(err, plain.Close())
	}
	s.listeners = append(s.listeners, secure)
	return nil
}

func (s *Server) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
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

// Addr returns the address it listens on without TLS, host:port.
func (s *Server) Addr() string { return s.listeners[0].Addr().String() }

// AddrTLS returns the address it listens on with TLS, empty if it does not.
func (s *Server) AddrTLS() string {
	if len(s.listeners) < 2 {
		return ""
	}
	return s.listeners[1].Addr().String()
}

// ConnectionString returns what clients connect with, without TLS: with the first of the keys or, where none are verified,
// with one that is no secret.
func (s *Server) ConnectionString() string {
	k := Key{Name: "RootManageSharedAccessKey", Key: base64.StdEncoding.EncodeToString([]byte("the emulator accepts every key"))}
	if len(s.keys) > 0 {
		k = s.keys[0]
	}
	return fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=%s;SharedAccessKey=%s;UseDevelopmentEmulator=true", s.Addr(), k.Name, k.Key)
}

// DropConnections closes every client connection without a word, as a network failure would. Locks stay until they
// expire; clients may connect again at once.
func (s *Server) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.drop()
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
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, l.Close())
	}
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
