package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/local/child"
)

// line is a port of its own in front of a server: what lies between a program and a service. It can be cut, and mended on
// the same port.
type line struct {
	t       *testing.T
	address string
	serve   func(net.Listener)

	mu    sync.Mutex
	ln    net.Listener
	isCut bool
	conns map[net.Conn]struct{}
	thaw  chan struct{} // closed when what is frozen goes on; nil: nothing is
}

// newLine listens on a quiet port: while the line is cut nobody else must come to sit there.
func newLine(t *testing.T, serve func(net.Listener)) *line {
	t.Helper()
	l := &line{t: t, serve: serve, conns: map[net.Conn]struct{}{}}
	for try := 0; ; try++ {
		port, err := child.QuietPort()
		if err != nil {
			t.Fatal(err)
		}
		l.address = fmt.Sprintf("127.0.0.1:%d", port)
		if err := l.listen(); err == nil {
			break
		} else if try == 10 { // another may be quicker, but hardly ever
			t.Fatal(err)
		}
	}
	t.Cleanup(l.cut)
	return l
}

func (l *line) listen() error {
	ln, err := net.Listen("tcp", l.address)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ln, l.isCut = ln, false
	go l.serve(&kept{ln, l})
	return nil
}

// cut refuses connections and ends those that are there.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ln.Close()
	l.isCut = true
	l.drop()
}

func (l *line) drop() {
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

// freeze keeps what is sent either way, and takes new connections that say nothing, until thawed.
func (l *line) freeze() (thaw func()) {
	c := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thaw = c
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.thaw = nil
		close(c)
	}
}

func (l *line) frozen() {
	l.mu.Lock()
	thaw := l.thaw
	l.mu.Unlock()
	if thaw != nil {
		<-thaw
	}
}

// mend listens again, if it does not.
func (l *line) mend() {
	l.t.Helper()
	l.mu.Lock()
	listens := !l.isCut
	l.mu.Unlock()
	if listens {
		return
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := l.listen()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatal(err)
		}
	}
}

// kept is a listener whose connections the line can end.
type kept struct {
	net.Listener
	line *line
}

func (k *kept) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err != nil {
		return nil, err
	}
	k.line.mu.Lock()
	defer k.line.mu.Unlock()
	if k.line.ln != k.Listener {
		c.Close()
	}
	k.line.conns[c] = struct{}{}
	return c, nil
}

// cable is a line that carries bytes, to Service Bus.
func cable(t *testing.T, to string) *line {
	var l *line
	ready := make(chan struct{})
	l = newLine(t, func(ln net.Listener) {
		<-ready
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go l.carry(near, far)
			go l.carry(far, near)
		}
	})
	close(ready)
	return l
}

// carry copies from one connection to the other until either ends.
func (l *line) carry(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		l.frozen()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// front is a line that carries HTTP requests to one of Azurite's services. What a request meets there can be changed.
type front struct {
	*line
	target string // host:port

	mu     sync.Mutex
	meets  met
	change chan struct{} // closed when meets changes
	writes int
	struck int // requests that met something
}

// met does something to a request instead of handing it on, by pass, and reports whether it did.
type met func(f *front, w http.ResponseWriter, r *http.Request) bool

func newFront(t *testing.T, address string) *front {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{target: u.Host, change: make(chan struct{})}
	f.line = newLine(t, func(ln net.Listener) {
		srv := &http.Server{Handler: f}
		_ = srv.Serve(ln) // until the line is cut
	})
	return f
}

// meet changes what requests meet from now on; nil is nothing. Those that hang go on.
func (f *front) meet(m met) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meets = m
	close(f.change)
	f.change = make(chan struct{})
}

func (f *front) strikes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	m := f.meets
	f.mu.Unlock()
	if m != nil && m(f, w, r) {
		f.mu.Lock()
		f.struck++
		f.mu.Unlock()
		return
	}
	f.pass(w, r, true)
}

// pass hands a request on and, unless the answer is to be lost, brings the answer back. What the service does is done
// before the answer is lost.
func (f *front) pass(w http.ResponseWriter, r *http.Request, answer bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host, out.Body = "", "http", f.target, io.NopCloser(bytes.NewReader(body))
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler) // the client's connection ends, as its connection to Azurite would
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil || !answer {
		panic(http.ErrAbortHandler)
	}
	for name, values := range res.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(all)
}

// refuses answers everything with an error of the service.
func refuses(status int, code string) met {
	return func(_ *front, w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("x-ms-error-code", code)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"odata.error":{"code":%q,"message":{"lang":"en-US","value":"made by a test"}}}`, code)
		return true
	}
}

// silent gives no answer until something else is met; the request goes on then.
func silent(f *front, _ http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	change := f.change
	f.mu.Unlock()
	select {
	case <-change:
		return false
	case <-r.Context().Done():
		return true
	}
}

// slow answers late.
func slow(d time.Duration) met {
	return func(f *front, _ http.ResponseWriter, r *http.Request) bool {
		f.mu.Lock()
		change := f.change
		f.mu.Unlock()
		select {
		case <-time.After(d):
		case <-change:
		case <-r.Context().Done():
			return true
		}
		return false
	}
}

// losesAnswers lets writes be done, and ends the connection of those that pick picks by their number instead of answering.
func losesAnswers(pick func(n int) bool) met {
	return func(f *front, w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return false
		}
		f.mu.Lock()
		f.writes++
		lost := pick(f.writes)
		if lost {
			f.struck++
		}
		f.mu.Unlock()
		if !lost {
			return false
		}
		f.pass(w, r, false)
		return true
	}
}
