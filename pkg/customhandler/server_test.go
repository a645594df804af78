package customhandler_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/customhandler"
)

// served is a Server that runs.
type served struct {
	url  string
	stop context.CancelFunc
	end  chan error
}

// client opens a connection per request: one that it opened and never used would keep a stopping server waiting.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func serve(t *testing.T, s *customhandler.Server) served {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Listener, s.Log = ln, slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	out := served{url: "http://" + ln.Addr().String(), stop: cancel, end: make(chan error, 1)}
	go func() { out.end <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return out
}

func (s served) post(t *testing.T, path string) int {
	t.Helper()
	resp, err := client.Post(s.url+path, "application/json", strings.NewReader(`{"Data":{},"Metadata":{}}`))
	if err != nil {
		t.Errorf("POST %s: %v", path, err)
		return 0
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("POST %s: content type %q", path, got)
	}
	return resp.StatusCode
}

func (s served) ping(t *testing.T) {
	t.Helper()
	resp, err := client.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("ping: status %d", resp.StatusCode)
	}
}

func timer(run func(context.Context) error) func(context.Context) (http.Handler, error) {
	return func(context.Context) (http.Handler, error) {
		return customhandler.New(customhandler.Options{Log: slog.New(slog.DiscardHandler),
			Timers: []customhandler.Timer{{Name: "sweepledger", Run: run}}})
	}
}

func TestReadyBeforeSetupAndInvocationsWaitForIt(t *testing.T) {
	t.Parallel()
	release, ran := make(chan struct{}), make(chan struct{}, 1)
	setup := timer(func(context.Context) error { ran <- struct{}{}; return nil })
	s := serve(t, &customhandler.Server{Setup: func(ctx context.Context) (http.Handler, error) {
		<-release
		return setup(ctx)
	}})
	s.ping(t)
	status := make(chan int, 1)
	go func() { status <- s.post(t, "/sweepledger") }()
	s.ping(t) // the second answer shows that the wait above blocks nobody
	select {
	case <-ran:
		t.Error("the function ran before set-up was done")
	case got := <-status:
		t.Errorf("answered %d before set-up was done", got)
	default:
	}
	close(release)
	if got := <-status; got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	s.stop()
	if err := <-s.end; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestAFailedSetupEndsTheServer(t *testing.T) {
	t.Parallel()
	broken := errors.New("no credential")
	s := serve(t, &customhandler.Server{Setup: func(context.Context) (http.Handler, error) { return nil, broken }})
	if err := <-s.end; !errors.Is(err, broken) {
		t.Errorf("Run: %v, want %v", err, broken)
	}
}

func TestAStopLetsRunningInvocationsFinish(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := serve(t, &customhandler.Server{Grace: time.Minute, Setup: timer(func(ctx context.Context) error {
		close(started)
		<-release
		return ctx.Err()
	})})
	status := make(chan int, 1)
	go func() { status <- s.post(t, "/sweepledger") }()
	<-started
	s.stop()
	waitRefused(t, s.url)
	close(release)
	if got := <-status; got != 200 {
		t.Errorf("status %d, want the running invocation to succeed", got)
	}
	if err := <-s.end; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// waitRefused waits until nobody listens any more.
func waitRefused(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		c, err := net.DialTimeout("tcp4", strings.TrimPrefix(url, "http://"), time.Second)
		if err != nil {
			return
		}
		c.Close()
	}
	t.Error("the server still accepts connections after a stop")
}

func TestAfterTheGraceInvocationsAreCancelled(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s := serve(t, &customhandler.Server{Grace: time.Millisecond, Setup: timer(func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	})})
	status := make(chan int, 1)
	go func() { status <- s.post(t, "/sweepledger") }()
	<-started
	s.stop()
	if got := <-status; got != 500 {
		t.Errorf("status %d, want 500", got)
	}
	if err := <-s.end; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestAStopDuringSetupReleasesWhoWaits(t *testing.T) {
	t.Parallel()
	inSetup := make(chan struct{})
	s := serve(t, &customhandler.Server{Grace: time.Hour, Setup: func(ctx context.Context) (http.Handler, error) {
		close(inSetup)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	<-inSetup
	conn, err := net.Dial("tcp4", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /sweepledger HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	s.stop()
	answer, _ := io.ReadAll(conn) // a closed or reset connection is an end too
	if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 500 ") {
		t.Errorf("who waited got %q, want a 500 or the end of the connection", answer)
	}
	if err := <-s.end; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

func TestListenNeedsTheHostsPort(t *testing.T) {
	t.Parallel()
	env := map[string]string{}
	getenv := func(k string) string { return env[k] }
	if _, err := customhandler.Listen(getenv); err == nil || !strings.Contains(err.Error(), customhandler.PortVariable) {
		t.Errorf("without a port: %v", err)
	}
	env[customhandler.PortVariable] = "0"
	ln, err := customhandler.Listen(getenv)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if ip := ln.Addr().(*net.TCPAddr).IP.String(); ip != "127.0.0.1" {
		t.Errorf("listens on %s; the host calls 127.0.0.1", ip)
	}
	env[customhandler.PortVariable] = "none"
	if _, err := customhandler.Listen(getenv); err == nil {
		t.Error("a port that is no number is accepted")
	}
}
