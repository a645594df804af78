package entra

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// answer is what a request gets. Handlers return it instead of writing it, so that a fault can take its place after the
// work is done.
type answer struct {
	status int
	body   any // nil: none
	header map[string]string
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

var noContent = answer{status: http.StatusNoContent}

// refusal is the inside of an error envelope.
type refusal struct{ code, message string }

func refuse(status int, code, message string) answer {
	return answer{status: status, body: refusal{code, message}}
}

// write sends a. Every answer carries request-id; errors carry it in the body too (source: concept page errors).
func (a answer) write(w http.ResponseWriter, q *request) {
	h := w.Header()
	h.Set("request-id", q.id)
	h.Set("client-request-id", q.clientID)
	h.Set("OData-Version", "4.0")
	for k, v := range a.header {
		h.Set(k, v)
	}
	body := a.content(q)
	if body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", contentType)
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away needs no answer
}

const contentType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// content is the body as it is sent.
func (a answer) content(q *request) any {
	switch body := a.body.(type) {
	case refusal:
		return body.envelope(q)
	case object:
		if strings.Contains(q.Header.Get("Accept"), "odata.metadata=none") { // source: OData 4.01, control information
			delete(body, "@odata.context")
		}
	}
	return a.body
}

func (r refusal) envelope(q *request) any {
	return map[string]any{"error": map[string]any{"code": r.code, "message": r.message, "innerError": map[string]string{
		"date": time.Now().UTC().Format("2006-01-02T15:04:05"), "request-id": q.id, "client-request-id": q.clientID}}}
}
