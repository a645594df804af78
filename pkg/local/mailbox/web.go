package mailbox

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed pages
var pages embed.FS

var page = template.Must(template.New("").Funcs(template.FuncMap{
	"join": func(list []string) string { return strings.Join(list, ", ") },
}).ParseFS(pages, "pages/*.html"))

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showList)
	mux.HandleFunc("GET /mail/{id}", s.showMail)
	mux.HandleFunc("GET /messages", func(w http.ResponseWriter, r *http.Request) { writeJSON(w, s.store.list(r.FormValue("to"))) })
	mux.HandleFunc("DELETE /messages", func(w http.ResponseWriter, _ *http.Request) { s.store.clear(); w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /messages/{id}", s.one(func(w http.ResponseWriter, m Message) { writeJSON(w, m) }))
	mux.HandleFunc("GET /messages/{id}/html", s.one(func(w http.ResponseWriter, m Message) {
		// As in a mail program: no scripts, nothing from elsewhere, links in a window of their own.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(m.HTML))
	}))
	mux.HandleFunc("GET /messages/{id}/text", s.one(func(w http.ResponseWriter, m Message) { plain(w, []byte(m.Text)) }))
	mux.HandleFunc("GET /messages/{id}/raw", s.one(func(w http.ResponseWriter, m Message) { plain(w, m.Raw) }))
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.store.stats()) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.faults.all()) })
	mux.HandleFunc("POST /faults", s.postFault)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		_ = s.faults.set(nil)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// one serves a mail that the path names.
func (s *Server) one(show func(http.ResponseWriter, Message)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("id"))
		m, ok := s.store.get(id)
		if !ok {
			http.Error(w, "there is no such mail", http.StatusNotFound)
			return
		}
		w.Header().Set("Cache-Control", "no-store") // it may hold a secret link
		w.Header().Set("Referrer-Policy", "no-referrer")
		show(w, m)
	}
}

func (s *Server) showList(w http.ResponseWriter, r *http.Request) {
	list := s.store.list(r.FormValue("to"))
	slices.Reverse(list)
	const most = 500
	render(w, "list.html", map[string]any{"Mails": list[:min(most, len(list))], "Total": len(list)})
}

func (s *Server) showMail(w http.ResponseWriter, r *http.Request) {
	s.one(func(w http.ResponseWriter, m Message) { render(w, "mail.html", m) })(w, r)
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&f)
	if err == nil {
		err = s.faults.add(f)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.ExecuteTemplate(w, name, data)
}

func plain(w http.ResponseWriter, text []byte) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
