package entra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// controls is the handler of the second port.
func (s *Server) controls() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Stats(), nil) })
	m.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.State(), nil) })
	m.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) { reply(w, nil, s.Reset()) })
	m.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.activeFaults(), nil) })
	m.HandleFunc("POST /faults", s.postFaults)
	m.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) { s.world().faults.clear(); reply(w, nil, nil) })
	m.HandleFunc("GET /tenant", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Tenant(), nil) })
	m.HandleFunc("POST /tenant", func(w http.ResponseWriter, r *http.Request) { reply(w, nil, s.SetTenant(r.Body)) })
	m.HandleFunc("GET /refusals", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]any{"refusals": Refusals()}, nil) })
	m.HandleFunc("GET /switches", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]any{"switches": Switches()}, nil) })
	m.HandleFunc("POST /identities", s.postIdentity)
	m.HandleFunc("POST /tokens/revoke", func(w http.ResponseWriter, _ *http.Request) { s.tokens.revoke(); reply(w, nil, nil) })
	s.objects(m)
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.log.Warn("unknown control", "method", r.Method, "path", r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "no such control: " + r.Method + " " + r.URL.Path})
	})
	return m
}

// reply writes v, or err with status 400; neither is 204.
func reply(w http.ResponseWriter, v any, err error) {
	if err == nil && v == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"error": err.Error()}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a client that went away needs no answer
}

// faultRequest is the body of POST /faults: one fault, or the rates of those by chance.
type faultRequest struct {
	Fault
	Rates *Rates `json:"rates,omitempty"`
}

func (s *Server) postFaults(w http.ResponseWriter, r *http.Request) {
	var in faultRequest
	if err := decodeStrict(r.Body, &in); err != nil {
		reply(w, nil, fmt.Errorf("read fault: %w", err))
		return
	}
	if in.Rates == nil {
		reply(w, nil, s.SetFault(in.Fault))
		return
	}
	reply(w, nil, s.SetRates(*in.Rates))
}

// postIdentity grants an identity its permissions, in place of those it had.
func (s *Server) postIdentity(w http.ResponseWriter, r *http.Request) {
	var in Identity
	if err := decodeStrict(r.Body, &in); err != nil {
		reply(w, nil, fmt.Errorf("read identity: %w", err))
		return
	}
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	reply(w, nil, g.putIdentity(in))
}

// activeFaults is the answer of GET /faults.
func (s *Server) activeFaults() any {
	f := s.world().faults
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Fault{}
	for _, it := range f.list {
		list = append(list, *it)
	}
	return map[string]any{"rates": f.rates, "faults": list}
}

// objects serves mending by hand: POST adds an object, or changes the given properties of the one with its id; DELETE
// removes it. Such changes are replicated at once.
func (s *Server) objects(m *http.ServeMux) {
	m.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) { s.mend(w, r, (*tenant).mendUser) })
	m.HandleFunc("POST /groups", func(w http.ResponseWriter, r *http.Request) { s.mend(w, r, (*tenant).mendGroup) })
	m.HandleFunc("POST /applications", func(w http.ResponseWriter, r *http.Request) { s.mend(w, r, (*tenant).mendApp) })
	m.HandleFunc("DELETE /users/{id}", func(w http.ResponseWriter, r *http.Request) { s.drop(w, r, (*tenant).dropUserID) })
	m.HandleFunc("DELETE /groups/{id}", func(w http.ResponseWriter, r *http.Request) { s.drop(w, r, (*tenant).dropGroupID) })
	m.HandleFunc("DELETE /applications/{id}", func(w http.ResponseWriter, r *http.Request) { s.drop(w, r, (*tenant).dropAppID) })
}

func (s *Server) mend(w http.ResponseWriter, r *http.Request, mend func(*tenant, []byte) (any, error)) {
	var body json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		reply(w, nil, fmt.Errorf("read object: %w", err))
		return
	}
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	v, err := mend(g.tenant, body)
	reply(w, v, err)
}

func (s *Server) drop(w http.ResponseWriter, r *http.Request, drop func(*tenant, string) bool) {
	g := s.world().graph
	g.mu.Lock()
	defer g.mu.Unlock()
	if !drop(g.tenant, strings.ToLower(r.PathValue("id"))) {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	reply(w, nil, nil)
}
