package servicebus

import "net"

// Unlistened returns a server without a listener, for tests that bring their own connections and clock.
func Unlistened(queues ...Queue) (*Server, error) { return newServer(Config{Queues: queues}) }

// ServeConn serves one connection to its end.
func (s *Server) ServeConn(nc net.Conn) error { return newConn(s, nc).serve() }

// Stop stops the timers of a server without a listener.
func (s *Server) Stop() { s.broker.Close() }
