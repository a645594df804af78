// Package smtpmail hands mails to an SMTP server, on github.com/wneessen/go-mail: STARTTLS or TLS from the first byte,
// authentication, and connections that stay open between mails. Azure Communication Services, Exchange Online and any other
// relay are one configuration each.
//
// Promise: one call of [Client.Send] offers the mail to the server once. Its error says whether the mail may have been
// taken all the same ([Error.Certain]); it names no address and no link, whatever the server's words repeat.
package smtpmail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
)

// How the connection is protected.
const (
	StartTLS = "starttls" // plain at first, then TLS; a server that does not offer it is refused
	TLS      = "tls"      // from the first byte, as on port 465
	Plain    = "none"     // not at all: for this machine only
)

// Config says where the server is and who sends.
type Config struct {
	Address            string // host:port
	Security           string // [StartTLS], [TLS] or [Plain]; "" means StartTLS
	Username, Password string // "" means no authentication
	Hello              string // name that this client gives itself; "" means localhost
	// TLS is for tests: it trusts a server that the system does not.
	TLS *tls.Config
	// Timeout bounds connecting and, once more, sending; 0 means 20 s.
	Timeout time.Duration
	// Idle is how many connections stay open between mails, and IdleFor how long; 0 means 8 and 20 s. Servers close
	// connections that are idle for long.
	Idle    int
	IdleFor time.Duration
}

// Client hands mails to one server. It may be used from many goroutines.
type Client struct {
	config Config
	host   string
	port   int

	mu   sync.Mutex
	idle []*conn
}

// New returns a client. It connects with the first mail.
func New(c Config) (*Client, error) {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("mail server %q: want host:port, such as smtp.azurecomm.net:587", c.Address)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("mail server %q: %q is no port", c.Address, port)
	}
	c.Security, c.Hello = cmp.Or(c.Security, StartTLS), cmp.Or(c.Hello, "localhost")
	c.Timeout, c.Idle, c.IdleFor = cmp.Or(c.Timeout, 20*time.Second), cmp.Or(c.Idle, 8), cmp.Or(c.IdleFor, 20*time.Second)
	switch {
	case c.Security != StartTLS && c.Security != TLS && c.Security != Plain:
		return nil, fmt.Errorf("mail security %q: use %s, %s or %s", c.Security, StartTLS, TLS, Plain)
	case c.Security == Plain && !loopback(host):
		return nil, fmt.Errorf("mail server %q: without TLS only a server on this machine is used, since mails carry secret links", c.Address)
	}
	return &Client{config: c, host: host, port: n}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// conn is one connection. go-mail's client has one at a time, so each connection is a client of its own.
type conn struct {
	client *mail.Client
	raw    net.Conn
	used   time.Time
}

// mechanisms of authentication, the best first. The last two tell the password, so they are used under TLS only.
var mechanisms = []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin}

func (c *Client) dial(ctx context.Context) (*conn, error) {
	k := &conn{}
	options := []mail.Option{
		mail.WithPort(c.port), mail.WithTimeout(c.config.Timeout), mail.WithHELO(c.config.Hello), mail.WithoutNoop(), mail.WithoutRset(),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			var d net.Dialer
			raw, err := d.DialContext(ctx, network, address)
			if err == nil && c.config.Security == TLS { // go-mail leaves TLS to a dial function of its caller
				raw, err = c.handshake(ctx, raw)
			}
			k.raw = raw
			return raw, err
		}),
	}
	switch c.config.Security {
	case StartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(c.tls()))
	case TLS:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS)) // the connection has it before go-mail sees it
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if c.config.Username != "" {
		options = append(options, mail.WithOpportunisticSMTPAuth(mechanisms...), mail.WithUsername(c.config.Username), mail.WithPassword(c.config.Password))
	}
	var err error
	if k.client, err = mail.NewClient(c.host, options...); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if err := k.client.DialWithContext(ctx); err != nil {
		if k.raw != nil {
			k.raw.Close()
		}
		return nil, err
	}
	return k, nil
}

func (c *Client) tls() *tls.Config {
	t := &tls.Config{}
	if c.config.TLS != nil {
		t = c.config.TLS.Clone()
	}
	t.ServerName, t.MinVersion = cmp.Or(t.ServerName, c.host), max(t.MinVersion, tls.VersionTLS12)
	return t
}

func (c *Client) handshake(ctx context.Context, raw net.Conn) (net.Conn, error) {
	secure := tls.Client(raw, c.tls())
	if err := secure.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return secure, nil
}

// take returns an idle connection, the one used last; nil if there is none. Those that idled too long are closed.
func (c *Client) take(now time.Time) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.idle); n > 0 && now.Sub(c.idle[n-1].used) <= c.config.IdleFor {
		last := c.idle[n-1]
		c.idle = c.idle[:n-1]
		return last
	}
	for _, old := range c.idle { // in order of use: if the last is too old, all are
		old.raw.Close()
	}
	c.idle = nil
	return nil
}

func (c *Client) give(k *conn) {
	k.used = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) >= c.config.Idle {
		_ = k.client.Close()
		return
	}
	c.idle = append(c.idle, k)
}

// Close ends the idle connections.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, k := range c.idle {
		errs = append(errs, k.client.Close())
	}
	c.idle = nil
	return errors.Join(errs...)
}
