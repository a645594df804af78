package servicebus

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
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
		status, body, err := s.administer(r)
		if err != nil {
			status, body = refusal(r, err)
			s.log.Warn("administration refused", "method", r.Method, "path", r.URL.Path, "status", status, "why", err)
		}
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		w.WriteHeader(status)
		if body != nil {
			_ = xml.NewEncoder(w).Encode(body) // the client left
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

// administer answers one request with a status and what goes into the body.
func (s *Server) administer(r *http.Request) (status int, body any, err error) {
	path := strings.Trim(r.URL.Path, "/")
	if err := notQueues(path); err != nil {
		return 0, nil, err
	}
	found, there := s.Queue(path)
	if err := s.mayAdminister(r, there); err != nil {
		return 0, nil, err
	}
	switch {
	case r.Method == http.MethodGet && strings.EqualFold(path, "$namespaceinfo"):
		return http.StatusOK, s.namespaceEntry(r), nil
	case r.Method == http.MethodGet && strings.EqualFold(path, "$Resources/Queues"):
		return s.list(r)
	case r.Method == http.MethodGet && there:
		return http.StatusOK, s.queueEntry(r, found), nil
	case r.Method == http.MethodGet:
		return http.StatusOK, publicFeed(r), nil // the service lists what the public may see: nothing
	case r.Method == http.MethodPut && r.Header.Get("If-Match") == "":
		return s.put(r, Queue{Name: path}, http.StatusCreated, s.CreateQueue)
	case r.Method == http.MethodPut && there:
		return s.put(r, found.Queue, http.StatusOK, s.UpdateQueue)
	case r.Method == http.MethodPut:
		return 0, nil, ErrQueueNotFound
	case r.Method == http.MethodDelete:
		return http.StatusOK, nil, s.DeleteQueue(path)
	}
	return 0, nil, &adminError{http.StatusMethodNotAllowed, 40500, r.Method + " is not allowed."}
}

// put reads a description and creates or updates the queue. What cannot be changed stays as it is in old, where the
// client leaves it open.
func (s *Server) put(r *http.Request, old Queue, status int, act func(Queue) (QueueInfo, error)) (int, any, error) {
	d, err := readDescription(r)
	if err != nil {
		return 0, nil, err
	}
	q, err := d.settings(old, status == http.StatusCreated)
	if err != nil {
		return 0, nil, err
	}
	info, err := act(q)
	if err != nil {
		return 0, nil, err
	}
	return status, s.queueEntry(r, info), nil
}

// pageSize is how many queues a list holds unless the client says otherwise, and at most.
const pageSize = 100

func (s *Server) list(r *http.Request) (int, any, error) {
	query := r.URL.Query()
	skip, err := strconv.Atoi(cmp.Or(query.Get("$skip"), "0"))
	top, err2 := strconv.Atoi(cmp.Or(query.Get("$top"), strconv.Itoa(pageSize)))
	if err != nil || err2 != nil || skip < 0 || top < 1 {
		return 0, nil, &adminError{http.StatusBadRequest, 40000, "$skip must be a number from 0, $top one from 1."}
	}
	all, next := s.Queues(), ""
	end := min(skip+min(top, pageSize), len(all))
	if end < len(all) {
		next = fmt.Sprintf("%s&$skip=%d&$top=%d", address(r, "$Resources/Queues", query.Get("api-version")), end, top)
	}
	return http.StatusOK, s.queueFeed(r, all[min(skip, end):end], next), nil
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
func refusal(r *http.Request, err error) (int, any) {
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
	return e.status, atomError{Code: e.status, Detail: fmt.Sprintf("%s TrackingId:%s_G0, SystemTracker:%s:%s, Timestamp:%s", detail,
		rand.Text(), r.Host, strings.Trim(r.URL.Path, "/"), time.Now().UTC().Format("2006-01-02T15:04:05"))}
}
