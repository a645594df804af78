package servicebus

import (
	"log/slog"
	"net"

	"guestlist/pkg/local/servicebus/internal/broker"
)

// Unlistened returns a server without a listener, for tests that bring their own connections and clock.
func Unlistened(queues ...Queue) (*Server, error) {
	b, err := broker.New(queues)
	return &Server{log: slog.New(slog.DiscardHandler), broker: b, conns: map[*conn]struct{}{}}, err
}

// ServeConn serves one connection to its end.
func (s *Server) ServeConn(nc net.Conn) error { return newConn(s, nc).serve() }

// Stop stops the timers of a server without a listener.
func (s *Server) Stop() { s.broker.Close() }
