package customhandler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// maxBody limits an invocation's size: well above the 1 MiB of the largest event, after base64.
const maxBody = 16 << 20

// idHeader carries the host's id of the invocation.
const idHeader = "X-Azure-Functions-InvocationId"

// router answers the host's requests.
type router struct {
	runs map[string]runner
	log  *slog.Logger
}

func route(runs map[string]runner, log *slog.Logger) http.Handler {
	return &router{runs: runs, log: log}
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isPing(r) {
		answer(w, http.StatusOK, nil)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	run := rt.runs[name]
	switch {
	case run == nil:
		answer(w, http.StatusNotFound, fmt.Errorf("there is no function %q", name))
	case r.Method != http.MethodPost:
		answer(w, http.StatusMethodNotAllowed, errors.New("functions are run by POST"))
	default:
		rt.invoke(w, r, name)
	}
}

func (rt *router) invoke(w http.ResponseWriter, r *http.Request, name string) {
	ctx := With(r.Context(), slog.String("function", name), slog.String("invocation_id", r.Header.Get(idHeader)))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		rt.log.ErrorContext(ctx, "the invocation cannot be read", "error", err.Error())
		answer(w, http.StatusBadRequest, err)
		return
	}
	inv, err := ParseInvocation(body)
	if err != nil {
		rt.log.ErrorContext(ctx, "the invocation is not understood", "error", err.Error())
		answer(w, http.StatusBadRequest, err)
		return
	}
	inv.ID, inv.Function = r.Header.Get(idHeader), name
	if !rt.runs[name](ctx, inv) {
		answer(w, http.StatusInternalServerError, errors.New("the invocation failed; see the handler's log"))
		return
	}
	answer(w, http.StatusOK, nil)
}

// isPing recognises the host's request for readiness, which is its health check too.
func isPing(r *http.Request) bool {
	return r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// answer writes what every answer must be: JSON with at least an empty object. The host drops the text of a failure, but
// people with curl read it.
func answer(w http.ResponseWriter, status int, err error) {
	body := map[string]string{}
	if err != nil {
		body["error"] = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a connection that broke is the host's loss, and it redelivers
}
