package functionshost

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"guestlist/pkg/local/functionshost/internal/config"
)

// The states of a drain.
const (
	drainOff     = "Disabled"
	drainRunning = "InProgress"
	drainDone    = "Completed"
)

// drainPoll is the pace at which Drain looks.
const drainPoll = 10 * time.Millisecond

// routes are the admin routes that tools use. They ask for no key, like the Core Tools.
func (h *Host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/host/status", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, h.status()) })
	mux.HandleFunc("/admin/host/ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /admin/host/drain", func(w http.ResponseWriter, _ *http.Request) {
		h.deafen()
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /admin/host/drain/status", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, h.drainStatus()) })
	mux.HandleFunc("GET /admin/functions", func(w http.ResponseWriter, _ *http.Request) {
		list := []any{}
		for _, f := range h.functions {
			list = append(list, h.describe(f))
		}
		answerJSON(w, http.StatusOK, list)
	})
	mux.HandleFunc("GET /admin/functions/{name}", h.known(func(w http.ResponseWriter, _ *http.Request, f config.Function) {
		answerJSON(w, http.StatusOK, h.describe(f))
	}))
	mux.HandleFunc("GET /admin/functions/{name}/status", h.known(func(w http.ResponseWriter, _ *http.Request, _ config.Function) {
		answerJSON(w, http.StatusOK, struct{}{})
	}))
	mux.HandleFunc("POST /admin/functions/{name}", h.known(h.runNow))
	return mux
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away needs no answer
}

// known finds the function by its name, without regard to case.
func (h *Host) known(next func(http.ResponseWriter, *http.Request, config.Function)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, f := range h.functions {
			if strings.EqualFold(f.Name, r.PathValue("name")) {
				next(w, r, f)
				return
			}
		}
		http.NotFound(w, r)
	}
}

func (h *Host) status() map[string]any {
	name, _ := os.Hostname() // decoration
	s := map[string]any{
		"id": h.id, "state": "Running", "version": version, "versionDetails": version, "platformVersion": "",
		"instanceId": h.id, "computerName": name, "processUptime": time.Since(h.started).Milliseconds(),
		"functionAppContentEditingState": "NotAllowed",
		"extensionBundle":                map[string]string{"id": h.conf.BundleID, "version": h.conf.BundleVersion},
	}
	var errs []string
	for _, p := range h.problems {
		errs = append(errs, p.Error())
	}
	if errs != nil {
		s["errors"] = errs
	}
	return s
}

func (h *Host) describe(f config.Function) map[string]any {
	href := h.URL() + "/admin/functions/" + f.Name
	return map[string]any{
		"name": f.Name, "href": href, "config": f.JSON, "language": "Custom", "isDisabled": f.Disabled,
		"isDirect": false, "isProxy": false, "files": nil, "test_data": "", "invoke_url_template": nil,
		"script_root_path_href": h.URL() + "/admin/vfs/" + f.Name + "/", "script_href": nil,
		"config_href": h.URL() + "/admin/vfs/" + f.Name + "/function.json", "test_data_href": nil,
		"platform": runtime.GOOS,
	}
}

// runNow starts a function with {"input": "…"} as the value of its trigger, and does not wait for its end.
func (h *Host) runNow(w http.ResponseWriter, r *http.Request, f config.Function) {
	var request struct{ Input *string }
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100<<20)) // the real host's limit of a body
	if err == nil {
		err = json.Unmarshal(text, &request)
	}
	if err != nil {
		http.Error(w, "want a body {\"input\":\"…\"}: "+err.Error(), http.StatusBadRequest)
		return
	}
	c := call{function: f, value: of(request.Input)}
	switch {
	case f.Timer != nil:
		now := time.Now().UTC()
		c.value = (&clock{timer: *f.Timer, next: f.Timer.Schedule.Next(now), updated: now}).info()
	case f.Queue.Binary:
		c.value = []byte(of(request.Input))
	}
	h.spawn(func() { _ = h.invoke(c) }) // logged and counted there
	w.WriteHeader(http.StatusAccepted)
}

func (h *Host) drainStatus() map[string]any {
	state, outstanding := drainOff, h.Stats().InFlight
	if h.listening.Err() != nil {
		state = drainRunning
		if h.drained() {
			state = drainDone
		}
	}
	return map[string]any{"state": state, "outstandingInvocations": outstanding, "outstandingRetries": 0}
}

// drained reports whether no trigger listens and no invocation runs.
func (h *Host) drained() bool {
	h.mu.Lock()
	loops := h.loops
	h.mu.Unlock()
	return loops == 0 && h.Stats().InFlight == 0
}

// Drain stops the triggers and returns when running invocations have ended and their messages are settled. The host stays
// up and takes only runs by POST /admin/functions. There is no way back: start a new host.
func (h *Host) Drain(ctx context.Context) error {
	h.deafen()
	for !h.drained() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.life.Done():
			return context.Cause(h.life)
		case <-time.After(drainPoll):
		}
	}
	return nil
}
