package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBatch is how many requests a batch holds (source: concept page json-batching, which all in this file follows).
const maxBatch = 20

// item is one request of a batch. An id is a string; a number, which CLI for Microsoft 365 sends, is read as one.
type item struct {
	ID      json.RawMessage   `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	After   []string          `json:"dependsOn,omitempty"`
}

func (it item) id() string { return strings.ToLower(strings.Trim(string(it.ID), `"`)) }

// serveBatch is POST /$batch: up to twenty requests in one. Each is carried out, counted, limited and struck by faults for
// itself; a fault that cuts a connection cuts that of the batch.
func (c *call) serveBatch(w http.ResponseWriter) {
	c.world.counters.count(func(s *Stats) { s.Paths[c.q.Method+" /$batch"]++ })
	items, no, fine := c.readBatch()
	if !fine {
		no.write(w, c.q)
		return
	}
	failed, responses := map[string]bool{}, []object{}
	for _, it := range items {
		a, q, cut := c.carryOut(it, failed)
		if cut {
			reset(w)
			return
		}
		failed[it.id()] = a.status >= 400
		responses = append(responses, responseOf(it, a, q))
	}
	slices.Reverse(responses) // the order is not promised
	ok(object{"responses": responses}).write(w, c.q)
}

// readBatch reads the requests; a malformed batch is refused whole.
func (c *call) readBatch() ([]item, answer, bool) {
	bad := func(text string) ([]item, answer, bool) {
		return nil, refuse(http.StatusBadRequest, codePlainBad, text), false
	}
	if c.q.Method != http.MethodPost {
		return nil, refuse(http.StatusMethodNotAllowed, codeBad, "Specified HTTP method is not allowed for the request target."), false
	}
	if no, fine := c.q.readBody(false); !fine {
		return nil, no, false
	}
	var in struct {
		Requests []item `json:"requests"`
	}
	if no, fine := c.q.decode(&in); !fine {
		return nil, no, false
	}
	if n := len(in.Requests); n == 0 || n > maxBatch {
		return bad(fmt.Sprintf("The number of batch requests must be between 1 and %d.", maxBatch))
	}
	seen := map[string]bool{}
	for _, it := range in.Requests {
		switch {
		case it.id() == "" || it.Method == "" || it.URL == "":
			return bad("A request of the batch lacks its id, method or url.")
		case seen[it.id()]:
			return bad("The id '" + it.id() + "' of a request is used twice in the batch.")
		case slices.ContainsFunc(it.After, func(id string) bool { return !seen[strings.ToLower(id)] }):
			return bad("A request of the batch depends on one that is not before it.")
		case strings.Contains(it.URL, "://") || strings.Contains(it.URL, "$batch"):
			return bad("The url of a request of the batch must be relative.")
		}
		seen[it.id()] = true
	}
	return in.Requests, answer{}, true
}

// carryOut does what one request of the batch asks for, unless one that it depends on has failed.
func (c *call) carryOut(it item, failed map[string]bool) (answer, *request, bool) {
	if slices.ContainsFunc(it.After, func(id string) bool { return failed[strings.ToLower(id)] }) {
		return refuse(http.StatusFailedDependency, "FailedDependency", "The request depends on one that failed."), c.q, false
	}
	u, err := url.Parse("/v1.0/" + strings.TrimPrefix(strings.ReplaceAll(it.URL, " ", "%20"), "/"))
	if err != nil {
		return refuse(http.StatusBadRequest, codePlainBad, "The url of a request of the batch cannot be read."), c.q, false
	}
	r := &http.Request{Method: strings.ToUpper(it.Method), URL: u, RequestURI: u.RequestURI(), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(it.Body))}
	for k, v := range it.Headers {
		r.Header.Set(k, v)
	}
	own := &call{Server: c.Server, world: c.world, q: newRequest(r)}
	own.q.app, own.q.roles = c.q.app, c.q.roles
	if no, fine := own.understand(); !fine {
		c.world.counters.request(own.q.writes())
		return no, own.q, false
	}
	c.world.counters.count(func(s *Stats) { s.Paths[own.route.name()]++ })
	a, cut := own.outcome(own.work)
	return a, own.q, cut
}

// responseOf is one answer inside that of the batch.
func responseOf(it item, a answer, q *request) object {
	headers := map[string]string{"Cache-Control": "no-cache", "request-id": q.id}
	for k, v := range a.header {
		headers[k] = v
	}
	o := object{"id": strings.Trim(string(it.ID), `"`), "status": a.status, "headers": headers}
	if body := a.content(q); body != nil {
		headers["Content-Type"] = contentType
		o["body"] = body
	}
	return o
}
