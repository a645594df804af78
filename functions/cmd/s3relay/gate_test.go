package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// gate is a proxy in front of Azurite. It counts commits and lets tests decide what becomes of a write.
type gate struct {
	url string

	mu      sync.Mutex
	writes  int
	commits int
	// before and after are called around the n-th write, counted from 0. A non-zero status of before is the answer.
	before func(n int, req *http.Request) int
	after  func(n int)
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host}) }}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodPut {
			proxy.ServeHTTP(w, req)
			return
		}
		n, before, after := g.next()
		if before != nil {
			if status := before(n, req); status != 0 {
				w.WriteHeader(status)
				return
			}
		}
		// What is sent arrives, though the client dies meanwhile; the answer is kept until after has seen it.
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, req.WithContext(context.WithoutCancel(req.Context())))
		g.note(req, answer.Code)
		if after != nil {
			after(n)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client may be dead: then that is the test
	}))
	t.Cleanup(s.Close)
	g.url = s.URL + target.Path
	return g
}

func (g *gate) next() (int, func(int, *http.Request) int, func(int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes++
	return g.writes - 1, g.before, g.after
}

// note counts what makes a version of a blob: Put Block List and Put Blob, not Put Block.
func (g *gate) note(req *http.Request, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if req.URL.Query().Get("comp") != "block" && status == http.StatusCreated {
		g.commits++
	}
}

// set starts the count anew with other hooks.
func (g *gate) set(before func(int, *http.Request) int, after func(int)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes, g.commits, g.before, g.after = 0, 0, before, after
}

func (g *gate) counts() (writes, commits int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.writes, g.commits
}
