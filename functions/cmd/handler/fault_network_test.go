package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/pkg/local/entra"
)

// network carries HTTP between processes and the directory over pipes: all of it but the kernel's part, which no bubble
// can wait for.
type network struct {
	dialled chan net.Conn
	closed  chan struct{}
	server  *http.Server
	serving sync.WaitGroup

	mu      sync.Mutex
	front   func(w http.ResponseWriter, r *http.Request, next http.Handler)
	clients []*http.Transport
}

// newNetwork serves a directory, each request of which takes a moment.
func newNetwork(s *entra.Server) *network {
	n := &network{dialled: make(chan net.Conn), closed: make(chan struct{})}
	directory := s.Handler()
	n.server = &http.Server{ErrorLog: nil, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.serving.Add(1)
		defer n.serving.Done()
		time.Sleep(80 * time.Millisecond)
		r.Header.Set("X-IDENTITY-HEADER", s.IdentityHeader())
		n.mu.Lock()
		front := n.front
		n.mu.Unlock()
		if front == nil {
			directory.ServeHTTP(w, r)
			return
		}
		front(w, r, directory)
	})}
	n.serving.Go(func() { _ = n.server.Serve(n) })
	return n
}

// stands puts something before the directory; nil takes it away.
func (n *network) stands(front func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.front = front
}

// client is a new process's connection pool.
func (n *network) client() *http.Transport {
	t := &http.Transport{DialContext: n.dial, MaxIdleConnsPerHost: 64}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clients = append(n.clients, t)
	return t
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n.dialled <- there:
		return here, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) close() {
	for _, t := range n.clients {
		t.CloseIdleConnections()
	}
	_ = n.server.Close()
	n.serving.Wait()
}

// Accept, Close and Addr make it a listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.dialled:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the listener.
func (n *network) Close() error {
	close(n.closed)
	return nil
}

// Addr is of no meaning.
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// managed is a managed identity that asks the directory's endpoint.
type managed struct{ http *http.Client }

func (p *proc) credential(wire http.RoundTripper) azcore.TokenCredential {
	return &managed{&http.Client{Transport: wire}}
}

func (m *managed) GetToken(ctx context.Context, o azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/msi/token?api-version=2019-08-01&resource="+strings.TrimSuffix(o.Scopes[0], "/.default"), nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	res, err := m.http.Do(req)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer res.Body.Close()
	var answer struct {
		Token   string `json:"access_token"`
		Message string `json:"message"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		return azcore.AccessToken{}, errors.Join(err, fmt.Errorf("the identity endpoint answered %s: %s", res.Status, answer.Message))
	}
	return azcore.AccessToken{Token: answer.Token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}
