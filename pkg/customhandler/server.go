package customhandler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// PortVariable is the environment variable in which the host names the port to listen on.
const PortVariable = "FUNCTIONS_CUSTOMHANDLER_PORT"

// Listen opens the listener that the host expects: on IPv4's loopback address, which is where it calls.
func Listen(getenv func(string) string) (net.Listener, error) {
	port := getenv(PortVariable)
	if port == "" {
		return nil, fmt.Errorf("%s is not set: this program is started by the Azure Functions host", PortVariable)
	}
	ln, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return nil, fmt.Errorf("listen for the host: %w", err)
	}
	return ln, nil
}

const (
	// defaultGrace is how long running invocations may go on after a stop; platforms kill after 30 s.
	defaultGrace = 25 * time.Second
	// lastWords is how long cancelled invocations have to answer.
	lastWords = 3 * time.Second
	// idleTimeout is long because the host pools connections and does not repeat a POST on one that closed.
	idleTimeout = 10 * time.Minute
)

// Server serves the host on a listener. It answers readiness before set-up has run, because the host gives up on a
// process that is slow to listen; invocations wait until set-up is done.
type Server struct {
	Listener net.Listener
	// Setup makes the handler, usually by New. It runs once.
	Setup func(ctx context.Context) (http.Handler, error)
	// Grace is how long running invocations may go on after ctx is done; 0 means 25 s.
	Grace time.Duration
	// Log gets the HTTP server's own complaints; nil means slog.Default.
	Log *slog.Logger
}

// Run serves until ctx is done, then stops accepting and lets running invocations finish; those that outlast Grace are
// cancelled. It returns nil after that, and an error at once if the set-up or the listener fails. Whatever it returns,
// a program that ends should not exit with 0: the host does not start such a one again.
func (s *Server) Run(ctx context.Context) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	g := &gate{ready: make(chan struct{}), stopped: ctx.Done()}
	srv := s.server(running, g)
	served, ready := make(chan error, 1), make(chan error, 1)
	go func() { served <- srv.Serve(s.Listener) }()
	go func() { ready <- g.open(ctx, s.Setup) }()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serve the host: %w", err)
		case err := <-ready:
			if err != nil {
				srv.Close()
				return fmt.Errorf("set up: %w", err)
			}
		case <-ctx.Done():
			return s.stop(srv, cancel)
		}
	}
}

// server has no WriteTimeout: an invocation may run as long as the host's functionTimeout.
func (s *Server) server(running context.Context, h http.Handler) *http.Server {
	log := s.Log
	if log == nil {
		log = slog.Default()
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       idleTimeout,
		BaseContext:       func(net.Listener) context.Context { return running },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

func (s *Server) stop(srv *http.Server, cancel context.CancelFunc) error {
	grace := s.Grace
	if grace == 0 {
		grace = defaultGrace
	}
	if shutdown(srv, grace) == nil {
		return nil
	}
	cancel()
	if shutdown(srv, lastWords) == nil {
		return nil
	}
	return errors.Join(errors.New("invocations were still running at the end"), srv.Close())
}

func shutdown(srv *http.Server, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return srv.Shutdown(ctx)
}

// gate answers pings, and lets invocations wait for the handler.
type gate struct {
	ready   chan struct{} // closed when handler is set
	stopped <-chan struct{}
	handler http.Handler
}

func (g *gate) open(ctx context.Context, setup func(context.Context) (http.Handler, error)) error {
	h, err := setup(ctx)
	if err != nil {
		return err
	}
	g.handler = h
	close(g.ready)
	return nil
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isPing(r) {
		answer(w, http.StatusOK, nil)
		return
	}
	if err := g.pass(r.Context()); err != nil {
		answer(w, http.StatusInternalServerError, err)
		return
	}
	g.handler.ServeHTTP(w, r)
}

// pass waits until the handler is set. One that is set serves to the end: what arrives during a stop is work like other.
func (g *gate) pass(ctx context.Context) error {
	select {
	case <-g.ready:
		return nil
	default:
	}
	select {
	case <-g.ready:
		return nil
	case <-ctx.Done():
		return errors.New("cancelled before set-up was done")
	case <-g.stopped:
		return errors.New("stopped before set-up was done")
	}
}
