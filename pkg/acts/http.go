package acts

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// graphCalls are the writing calls to Microsoft Graph, by method and the end of the path.
var graphCalls = []struct{ act, method, end string }{
	{"graph.Invite", http.MethodPost, "/invitations"},
	{"graph.AddMember", http.MethodPost, "/members/$ref"},
	{"graph.AssignRole", http.MethodPost, "/appRoleAssignedTo"},
	{"graph.SendMail", http.MethodPost, "/sendMail"},
	{"graph.AddMembers", http.MethodPatch, ""},
}

func graphWrites() (names []string) {
	for _, c := range graphCalls {
		names = append(names, c.act)
	}
	return names
}

// Graph carries requests to Microsoft Graph; those that write are acts. One that is in no list is an act too, named by
// its method, so that whoever compares acts with their list finds it.
type Graph struct {
	Base http.RoundTripper
	Mark Mark
}

// RoundTrip implements http.RoundTripper. A call has happened when its answer begins.
func (g Graph) RoundTrip(req *http.Request) (*http.Response, error) {
	act := graphAct(req)
	if act == "" {
		return g.Base.RoundTrip(req)
	}
	return Do(req.Context(), g.Mark, act, func() (*http.Response, error) { return g.Base.RoundTrip(req) })
}

func graphAct(req *http.Request) string {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return ""
	}
	for _, c := range graphCalls {
		if c.method == req.Method && strings.HasSuffix(req.URL.Path, c.end) {
			return c.act
		}
	}
	return "graph." + req.Method
}

// Answers makes the answers to the Functions host acts, and tells ctx which function acts. An answer is written whole and
// flushed between its points.
func Answers(m Mark, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" || r.Method != http.MethodPost {
			next.ServeHTTP(w, r) // a ping
			return
		}
		ctx := WithFunction(r.Context(), name)
		held := &heldAnswer{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(held, r.WithContext(ctx))
		_ = m(ctx, Answer, func() error {
			held.write(w)
			return nil
		})
	})
}

// heldAnswer is an answer that is not written yet.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (h *heldAnswer) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *heldAnswer) WriteHeader(status int) { h.status = status }

// Write implements http.ResponseWriter.
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }

// write sends the answer with its length, so that a process that dies afterwards has said all of it.
func (h *heldAnswer) write(w http.ResponseWriter) {
	h.header.Set("Content-Length", strconv.Itoa(h.body.Len()))
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()) // a connection that broke is the host's loss, and it redelivers
	_ = http.NewResponseController(w).Flush()
}
