package functionshost_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/local/functionshost"
)

// The test binary is its own handler: started by a host, it asks the test what to do, by HTTP, for each thing it does.
// Header X-Exit of an answer makes it end with that code, X-Listen names the host to listen on.
const (
	desk      = "TEST_DESK" // setting with the URL of the test's server
	fast      = "TEST_FAST" // setting that makes the handler answer by itself
	exitCode  = "X-Exit"
	listenOn  = "X-Listen"
	patience  = 2 * time.Minute
	startPath = "/-start"
)

func TestMain(m *testing.M) {
	if os.Getenv(desk) != "" && os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT") != "" {
		handler()
		return
	}
	os.Exit(m.Run())
}

// rig is a staging folder, and a test that plays the handler.
type rig struct {
	t        testing.TB
	dir      string
	settings map[string]string
	desk     *httptest.Server
	log      *book
	output   *book
	events   chan functionshost.Event

	passed []functionshost.Event // read, but of other kinds than asked for

	script // set before start

	mu      sync.Mutex
	starts  int
	playing script
}

// script is what the test does as the handler.
type script struct {
	onStart func(n int, w http.ResponseWriter, environment string) // n counts from 1
	onCall  http.HandlerFunc
}

const hostJSON = `{"version":"2.0","functionTimeout":"00:05:00",
	"extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"},
	"customHandler":{"description":{"defaultExecutablePath":"handler"}},
	"extensions":{"serviceBus":{"maxConcurrentCalls":4,"clientRetryOptions":{"delay":"00:00:00.05"}}}}`

const timerJSON = `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"0 0 0 1 1 *"}]}`

// newRig stages host.json, the handler and functions (folder name to function.json).
func newRig(t testing.TB, host string, functions map[string]string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), log: &book{}, output: &book{}, events: make(chan functionshost.Event, 10_000)}
	r.desk = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.desk.CloseClientConnections) // a handler may hang in a request
	r.settings = map[string]string{desk: r.desk.URL, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
	r.stage("host.json", host)
	for name, text := range functions {
		r.stage(filepath.Join(name, "function.json"), text)
	}
	exe, err := os.Executable()
	r.must(err)
	r.must(os.Symlink(exe, filepath.Join(r.dir, "handler")))
	return r
}

func (r *rig) stage(path, text string) {
	r.t.Helper()
	full := filepath.Join(r.dir, path)
	r.must(os.MkdirAll(filepath.Dir(full), 0o755))
	r.must(os.WriteFile(full, []byte(text), 0o644))
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) serve(w http.ResponseWriter, request *http.Request) {
	starting := request.URL.Path == startPath
	r.mu.Lock()
	if starting {
		r.starts++
	}
	n, play := r.starts, r.playing
	r.mu.Unlock()
	if starting {
		environment, _ := io.ReadAll(request.Body)
		if play.onStart != nil {
			play.onStart(n, w, string(environment))
		}
		return
	}
	if play.onCall != nil {
		play.onCall(w, request)
		return
	}
	reply(w, 200, "application/json", "{}")
}

func reply(w http.ResponseWriter, status int, contentType, body string) {
	w.Header()["Content-Type"] = nil
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func (r *rig) config() functionshost.Config {
	r.mu.Lock()
	r.playing = r.script
	r.mu.Unlock()
	return functionshost.Config{Dir: r.dir, Listen: "127.0.0.1:0", Settings: r.settings, Output: r.output,
		Log:     slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: r.note}
}

// note keeps an event; a benchmark has more than anybody reads.
func (r *rig) note(e functionshost.Event) {
	select {
	case r.events <- e:
	default:
	}
}

func (r *rig) start() *functionshost.Host {
	r.t.Helper()
	h, err := r.tryStart()
	r.must(err)
	return h
}

func (r *rig) tryStart() (*functionshost.Host, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	h, err := functionshost.Start(ctx, r.config())
	if h != nil {
		r.t.Cleanup(func() { h.Stop() })
	}
	return h, err
}

// run starts one function by the admin route.
func (r *rig) run(h *functionshost.Host, name, input string) {
	r.t.Helper()
	response, err := http.Post(h.URL()+"/admin/functions/"+name, "application/json", strings.NewReader(input))
	r.must(err)
	response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		r.t.Fatalf("POST /admin/functions/%s: %s", name, response.Status)
	}
}

// await returns the earliest event of a kind that no call has returned yet.
func (r *rig) await(kind string) functionshost.Event {
	r.t.Helper()
	for i, e := range r.passed {
		if e.Kind == kind {
			r.passed = slices.Delete(r.passed, i, i+1)
			return e
		}
	}
	limit := time.After(patience)
	for {
		select {
		case e := <-r.events:
			if e.Kind == kind {
				return e
			}
			r.passed = append(r.passed, e)
		case <-limit:
			r.t.Fatalf("no event %q\n%s", kind, r.log)
		}
	}
}
