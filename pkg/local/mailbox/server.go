package mailbox

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Config says where the server listens and what it asks of clients. The zero value listens on free ports of loopback.
type Config struct {
	SMTP string // address of SMTP; "" means 127.0.0.1:0
	HTTP string // address of page, API and controls; "" means 127.0.0.1:0

	Username, Password string // what clients must know; "" means that nobody is asked
	NoTLS              bool   // offer no STARTTLS
	ImplicitTLS        bool   // speak TLS from the first byte, as on port 465

	Faults   []Fault
	RandSeed uint64       // decides which mails meet a fault with a rate
	Log      *slog.Logger // nil means none; it never gets addresses or content
}

// Server is a running mailbox.
type Server struct {
	config   Config
	smtp     *smtp.Server
	http     *http.Server
	smtpAddr net.Addr
	httpAddr net.Addr
	pool     *x509.CertPool
	store    *store
	faults   *faults
	log      *slog.Logger
	running  sync.WaitGroup
	done     chan struct{}

	mu          sync.Mutex
	connections int
	open        map[*smtp.Conn]bool
}

const (
	loopback   = "127.0.0.1:0"
	maxMessage = 10 << 20
	ioTimeout  = 5 * time.Minute // RFC 5321, 4.5.3.2.7
)

// Serve starts a server. Close must be called.
func Serve(c Config) (*Server, error) {
	s := &Server{config: c, store: &store{}, open: map[*smtp.Conn]bool{}, done: make(chan struct{}), log: c.Log, faults: &faults{rand: rand.New(rand.NewPCG(c.RandSeed, 1)), list: c.Faults}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, f := range c.Faults {
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	mails, err := net.Listen("tcp", orDefault(c.SMTP))
	if err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	pages, err := net.Listen("tcp", orDefault(c.HTTP))
	if err != nil {
		mails.Close()
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	s.smtpAddr, s.httpAddr = mails.Addr(), pages.Addr()
	if mails, err = s.secure(&counted{mails, s}); err != nil {
		return nil, errors.Join(err, pages.Close())
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: ioTimeout}
	s.running.Go(func() { _ = s.smtp.Serve(mails) })
	s.running.Go(func() { _ = s.http.Serve(pages) })
	return s, nil
}

func orDefault(address string) string {
	if address == "" {
		return loopback
	}
	return address
}

// secure makes the SMTP server and wraps its listener where TLS comes first.
func (s *Server) secure(ln net.Listener) (net.Listener, error) {
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open[c] = true
		return &session{server: s, conn: c}, nil
	}))
	s.smtp.Domain, s.smtp.MaxMessageBytes, s.smtp.MaxRecipients = "localhost", maxMessage, 100
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = ioTimeout, ioTimeout
	s.smtp.AllowInsecureAuth = s.config.NoTLS
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	if s.config.NoTLS {
		return ln, nil
	}
	cert, pool, err := certificate()
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.pool = pool
	if s.config.ImplicitTLS {
		return tls.NewListener(ln, conf), nil
	}
	s.smtp.TLSConfig = conf
	return ln, nil
}

// Close stops the server, once. Connections are cut.
func (s *Server) Close() error {
	close(s.done)
	err := errors.Join(s.smtp.Close(), s.http.Close())
	s.running.Wait()
	return err
}

// pause waits, but not beyond the end of the server.
func (s *Server) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	}
}

// SMTPAddr is host and port of SMTP.
func (s *Server) SMTPAddr() string { return s.smtpAddr.String() }

// URL is where page, API and controls are.
func (s *Server) URL() string { return "http://" + s.httpAddr.String() }

// CertPool has the server's own certificate, for clients that check it.
func (s *Server) CertPool() *x509.CertPool { return s.pool }

// Messages returns all mails in the order of their arrival, without their contents.
func (s *Server) Messages() []Summary { return s.store.list("") }

// Message returns one mail with its contents; false if there is none.
func (s *Server) Message(id int) (Message, bool) { return s.store.get(id) }

// Stats counts the mails.
func (s *Server) Stats() Stats { return s.store.stats() }

// counted is a listener whose connections are counted.
type counted struct {
	net.Listener
	server *Server
}

// Accept waits for the next connection.
func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.server.mu.Lock()
		defer c.server.mu.Unlock()
		c.server.connections++
	}
	return conn, err
}

// Connections is how many SMTP connections were made.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Hangup cuts all SMTP connections, as a server does with those that idle.
func (s *Server) Hangup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		_ = c.Conn().Close()
	}
}

// Met counts, by kind, the faults that mails have met since the faults were set.
func (s *Server) Met() map[string]int {
	n := map[string]int{}
	for _, f := range s.faults.all() {
		n[f.Kind] += f.met
	}
	return n
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(list ...Fault) error { return s.faults.set(list) }
