package servicebus

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Admin returns the administration of queues over HTTP, as far as admin.Client and its siblings in other languages use it:
// create, update, get, list, delete, counts and the namespace's properties. What is no queue is refused. GET /health
// answers 200 while the server runs, to anybody. The handler works under http and https alike; who serves it chooses.
func (s *Server) Admin() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(strings.Trim(r.URL.Path, "/"), "health") {
			s.health(w)
			return
		}
		status, answer, err := s.administer(r)
		if err != nil {
			status, answer = refusal(r, err)
			s.log.Warn("administration refused", "method", r.Method, "path", r.URL.Path, "status", status, "why", err)
		}
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		w.WriteHeader(status)
		if answer.name != "" {
			_ = documents.ExecuteTemplate(w, answer.name, answer.data) // the client left
		}
	})
}

func (s *Server) health(w http.ResponseWriter) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	status, word := http.StatusOK, "healthy"
	if closed {
		status, word = http.StatusServiceUnavailable, "closed"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": word, "queues": len(s.broker.Queues())}) // the client left
}

// administer answers one request with a status and a document.
func (s *Server) administer(r *http.Request) (status int, answer document, err error) {
	path := strings.Trim(r.URL.Path, "/")
	if err := notQueues(path); err != nil {
		return 0, document{}, err
	}
	found, there := s.Queue(path)
	if err := s.mayAdminister(r, there); err != nil {
		return 0, document{}, err
	}
	switch {
	case r.Method == http.MethodGet && strings.EqualFold(path, "$namespaceinfo"):
		return http.StatusOK, document{"entry", entryData{Self: address(r, path), Title: r.Host, Host: r.Host, Created: s.started,
			Updated: s.started, Tier: s.tier}}, nil
	case r.Method == http.MethodGet && strings.EqualFold(path, "$Resources/Queues"):
		return s.list(r)
	case r.Method == http.MethodGet && there:
		return http.StatusOK, document{"entry", s.entryOf(r, found)}, nil
	case r.Method == http.MethodGet:
		// The service lists what the public may see: nothing.
		return http.StatusOK, document{"feed", feedData{Title: "Publicly Listed Services", Self: r.URL.String(), Now: time.Now()}}, nil
	case r.Method == http.MethodPut && r.Header.Get("If-Match") == "":
		return s.put(r, Queue{Name: path}, http.StatusCreated, s.CreateQueue)
	case r.Method == http.MethodPut && there:
		return s.put(r, found.Queue, http.StatusOK, s.UpdateQueue)
	case r.Method == http.MethodPut:
		return 0, document{}, ErrQueueNotFound
	case r.Method == http.MethodDelete:
		return http.StatusOK, document{}, s.DeleteQueue(path)
	}
	return 0, document{}, &adminError{http.StatusMethodNotAllowed, 40500, r.Method + " is not allowed."}
}

// put reads a description and creates or updates the queue. What cannot be changed stays as it is in old, where the
// client leaves it open.
func (s *Server) put(r *http.Request, old Queue, status int, act func(Queue) (QueueInfo, error)) (int, document, error) {
	d, err := readDescription(r)
	if err != nil {
		return 0, document{}, err
	}
	q, err := d.settings(old, status == http.StatusCreated)
	if err != nil {
		return 0, document{}, err
	}
	info, err := act(q)
	if err != nil {
		return 0, document{}, err
	}
	return status, document{"entry", s.entryOf(r, info)}, nil
}

// pageSize is how many queues a list holds unless the client says otherwise, and at most.
const pageSize = 100

func (s *Server) list(r *http.Request) (int, document, error) {
	query := r.URL.Query()
	skip, err := strconv.Atoi(cmp.Or(query.Get("$skip"), "0"))
	top, err2 := strconv.Atoi(cmp.Or(query.Get("$top"), strconv.Itoa(pageSize)))
	if err != nil || err2 != nil || skip < 0 || top < 1 {
		return 0, document{}, &adminError{http.StatusBadRequest, 40000, "Bad Request. $skip must be a number from 0, $top one from 1."}
	}
	all, feed := s.Queues(), feedData{Title: "Queues", Self: r.URL.String(), Now: time.Now()}
	end := min(skip+min(top, pageSize), len(all))
	if end < len(all) {
		feed.Next = fmt.Sprintf("%s&$skip=%d&$top=%d", address(r, "$Resources/Queues"), end, top)
	}
	for _, q := range all[min(skip, end):end] {
		feed.Entries = append(feed.Entries, s.entryOf(r, q))
	}
	return http.StatusOK, document{"feed", feed}, nil
}

// notQueues refuses what would be a topic, a subscription, a rule or a WebSocket.
func notQueues(path string) error {
	path = "/" + strings.ToLower(path) + "/"
	for part, what := range map[string]string{"/$resources/topics/": "topics", "/subscriptions/": "topics with subscriptions",
		"/$servicebus/websocket/": "AMQP over WebSockets"} {
		if strings.Contains(path, part) {
			return fmt.Errorf("%s: %w", what, ErrNotServed)
		}
	}
	return nil
}

// mayAdminister checks the token of a request. As in the service a queue that is not there may be asked for with any
// right.
func (s *Server) mayAdminister(r *http.Request, there bool) error {
	path := strings.Trim(r.URL.Path, "/")
	rights, refusal := s.rightsOf(r.Header.Get("Authorization"), path)
	switch {
	case refusal != "":
		return &adminError{http.StatusUnauthorized, 0, refusal}
	case slices.Contains(rights, Manage) || r.Method == http.MethodGet && !there && !strings.HasPrefix(path, "$"):
		return nil
	}
	switch r.Method {
	case http.MethodGet:
		return &adminError{http.StatusUnauthorized, 0, "Manage,EntityRead claims required for this operation."}
	case http.MethodDelete:
		return &adminError{http.StatusUnauthorized, 0, "Authorization failed for specified action: Manage,EntityDelete."}
	}
	return &adminError{http.StatusUnauthorized, 0, "Authorization failed for specified action: Manage,EntityWrite."}
}

// adminError is a refusal with the service's sub-code; 0 means that there is none.
type adminError struct {
	status, sub int
	text        string
}

func (e *adminError) Error() string { return e.text }

const more = "To know more visit https://aka.ms/sbResourceMgrExceptions. "

// refusal makes an error what clients expect to read.
func refusal(r *http.Request, err error) (int, document) {
	e, ok := errors.AsType[*adminError](err)
	switch {
	case ok:
	case errors.Is(err, ErrQueueNotFound):
		e = &adminError{http.StatusNotFound, 40400, "Not Found. The Operation doesn't exist. " + more}
	case errors.Is(err, ErrQueueExists):
		e = &adminError{http.StatusConflict, 40900,
			"Conflict. You're requesting an operation that isn't allowed in the resource's current state. " + more}
	case errors.Is(err, ErrNotServed):
		e = &adminError{http.StatusBadRequest, 40000, "Bad Request. " + err.Error() + ", which has queues only."}
	default:
		e = &adminError{http.StatusBadRequest, 40000, "Bad Request. " + err.Error() + "."}
	}
	detail := e.text
	if e.sub != 0 {
		detail = fmt.Sprintf("SubCode=%d. %s", e.sub, e.text)
	}
	detail += fmt.Sprintf(" TrackingId:%s_G0, SystemTracker:%s:%s, Timestamp:%s", rand.Text(), r.Host, strings.Trim(r.URL.Path, "/"),
		time.Now().UTC().Format("2006-01-02T15:04:05"))
	return e.status, document{"error", map[string]any{"Code": e.status, "Detail": detail}}
}
