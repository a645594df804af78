package entra

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultLag is the usual replication lag. The real one is seconds to minutes.
const DefaultLag = 2 * time.Second

// Config says what is emulated. The zero value is an empty directory on free ports without lag, limits and faults.
type Config struct {
	Listen  string // address of Microsoft Graph, identity endpoint and redeem page; "" is a free port of 127.0.0.1
	Control string // address of the controls; "" is a free port of 127.0.0.1
	Seed    Seed
	// Lag is how long a new user is unknown to look-ups and group writes, at most; app roles take it half a lag later.
	Lag    time.Duration
	Limits bool // answer 429 beyond the documented limits
	// LimitWindow shortens the window of the write limit, and that of invitations if it is longer, at the same rates; 0 is
	// the documented 150 s.
	LimitWindow time.Duration
	// Outgoing is the SMTP server, host:port, that sendMail hands its mails to; "" means that no user has a mailbox.
	Outgoing       string
	Faults         bool             // let a few requests fail at random
	RandSeed       uint64           // decides lags and faults
	BlockAfter     int              // block the tenant after so many invitations; 0 is never
	IdentityHeader string           // what the identity endpoint asks for; "" is a random one
	TokenLife      time.Duration    // how long a token is taken; 0 is 24 h, as for managed identities
	Log            *slog.Logger     // nil discards
	Now            func() time.Time // the directory's clock; nil is time.Now
}

// defaultTokenLife is how long tokens of managed identities live (source: page "How managed identities for Azure resources
// work", 24 hours).
const defaultTokenLife = 24 * time.Hour

// Server is a running emulator. Its methods may be called from many goroutines.
type Server struct {
	cfg      Config
	log      *slog.Logger
	tokens   *tokens
	routes   []route
	public   *endpoint
	control  *endpoint
	done     chan struct{}
	closing  sync.Once
	mu       sync.RWMutex // guards current
	current  *world
	closeErr error
}

// world is all that a reset replaces.
type world struct {
	graph    *graph
	limits   *limits
	faults   *faults
	counters *counters
}

// endpoint is one listener and its HTTP server.
type endpoint struct {
	listener net.Listener
	server   *http.Server
	ended    chan error
}

// Serve starts the emulator; it answers when Serve returns. Addresses that are not on the loopback interface are refused.
func Serve(cfg Config) (*Server, error) {
	cfg.TokenLife = cmp.Or(cfg.TokenLife, defaultTokenLife)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.IdentityHeader == "" {
		b := make([]byte, 16)
		_, _ = rand.Read(b) // never fails
		cfg.IdentityHeader = hex.EncodeToString(b)
	}
	s := &Server{cfg: cfg, log: cmp.Or(cfg.Log, slog.New(slog.DiscardHandler)), tokens: newTokens(cfg.IdentityHeader, cfg.TokenLife, cfg.Now),
		routes: routes(), done: make(chan struct{})}
	if _, err := newTenant(cfg.Seed, timing{}); err != nil {
		return nil, fmt.Errorf("start entra: seed: %w", err)
	}
	var err error
	if s.public, err = listen(cfg.Listen); err != nil {
		return nil, fmt.Errorf("start entra: %w", err)
	}
	if s.control, err = listen(cfg.Control); err != nil {
		return nil, errors.Join(fmt.Errorf("start entra controls: %w", err), s.public.listener.Close())
	}
	if err := s.Reset(); err != nil {
		return nil, errors.Join(err, s.public.listener.Close(), s.control.listener.Close())
	}
	s.public.serve(http.HandlerFunc(s.servePublic), s.log)
	s.control.serve(s.controls(), s.log)
	return s, nil
}

// listen binds a loopback address; "" is any free port.
func listen(address string) (*endpoint, error) {
	host, _, err := net.SplitHostPort(cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen on %q: the emulator serves loopback addresses only", address)
	}
	l, err := net.Listen("tcp", cmp.Or(address, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	return &endpoint{listener: l, ended: make(chan error, 1)}, nil
}

func (e *endpoint) serve(h http.Handler, log *slog.Logger) {
	e.server = &http.Server{Handler: h, ReadHeaderTimeout: 30 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() { e.ended <- e.server.Serve(e.listener) }()
}

func (e *endpoint) url() string { return "http://" + e.listener.Addr().String() }

func (e *endpoint) close() error {
	err := e.server.Close()
	if ended := <-e.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Reset starts again from the seed: objects added since, counts, faults, the invitation block and used quota are gone.
// Tokens stay valid.
func (s *Server) Reset() error {
	t := timing{now: s.cfg.Now, lag: s.cfg.Lag, seed: s.cfg.RandSeed}
	d, err := newTenant(s.cfg.Seed, t)
	if err != nil {
		return fmt.Errorf("reset entra: %w", err)
	}
	d.settings.BlockAfter = cmp.Or(s.cfg.BlockAfter, d.settings.BlockAfter)
	w := &world{graph: &graph{tenant: d, outgoing: s.cfg.Outgoing, url: s.URL()}, limits: newLimits(s.cfg.Limits, s.cfg.LimitWindow, s.cfg.Now),
		faults: newFaults(s.cfg.Faults, t), counters: newCounters()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = w
	return nil
}

func (s *Server) world() *world {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// URL is scheme, host and port of Microsoft Graph, without /v1.0.
func (s *Server) URL() string { return s.public.url() }

// ControlURL is scheme, host and port of the controls.
func (s *Server) ControlURL() string { return s.control.url() }

// IdentityEndpoint is the value for the environment variable IDENTITY_ENDPOINT.
func (s *Server) IdentityEndpoint() string { return s.URL() + "/msi/token" }

// IdentityHeader is the value for the environment variable IDENTITY_HEADER.
func (s *Server) IdentityHeader() string { return s.cfg.IdentityHeader }

// Close cuts all connections and frees the ports. Further calls do nothing.
func (s *Server) Close() error {
	s.closing.Do(func() {
		close(s.done)
		s.closeErr = errors.Join(s.public.close(), s.control.close())
	})
	return s.closeErr
}
