package lambda

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// api is the Runtime API, version 2018-06-01, for one environment.
type api struct {
	ln     net.Listener
	server *http.Server
	asked  chan struct{} // gets one whenever the process asks for work
	next   chan *invocation
	closed chan struct{}
	end    sync.Once

	mu      sync.Mutex
	current *invocation
}

// invocation is one run of the function.
type invocation struct {
	id       string
	payload  []byte
	deadline time.Time
	result   chan Result // gets one
}

// maxPayload is what Lambda takes and gives: 6 MB.
const maxPayload = 6 << 20

func (a *api) address() string { return a.ln.Addr().String() }

func (a *api) close() {
	a.end.Do(func() { close(a.closed) })
	_ = a.server.Close()
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	const root = "/2018-06-01/runtime"
	mux.HandleFunc("GET "+root+"/invocation/next", a.giveNext)
	mux.HandleFunc("POST "+root+"/invocation/{id}/response", func(w http.ResponseWriter, req *http.Request) {
		a.accept(w, req, func(id string, body []byte) Result { return Result{RequestID: id, Payload: body} })
	})
	mux.HandleFunc("POST "+root+"/invocation/{id}/error", func(w http.ResponseWriter, req *http.Request) {
		a.accept(w, req, func(id string, body []byte) Result {
			var e struct{ ErrorType, ErrorMessage string }
			if json.Unmarshal(body, &e) != nil || e.ErrorType == "" {
				e.ErrorType, e.ErrorMessage = "Runtime.UnknownReason", string(body)
			}
			return Result{RequestID: id, ErrorType: e.ErrorType, ErrorMessage: e.ErrorMessage, Payload: body}
		})
	})
	return mux
}

// giveNext answers when there is an invocation. Asking also ends the invocation before.
func (a *api) giveNext(w http.ResponseWriter, req *http.Request) {
	select {
	case a.asked <- struct{}{}:
	default:
	}
	select {
	case <-req.Context().Done():
	case <-a.closed:
	case i := <-a.next:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", i.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(i.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", ARN)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0")
		_, _ = w.Write(i.payload) // a process that is gone is noticed elsewhere
	}
}

// accept takes the end of the current invocation.
func (a *api) accept(w http.ResponseWriter, req *http.Request, result func(string, []byte) Result) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxPayload))
	a.mu.Lock()
	i := a.current
	a.mu.Unlock()
	switch {
	case err != nil:
		http.Error(w, `{"errorType":"RequestEntityTooLarge","errorMessage":"Exceeded maximum allowed payload size (6291556 bytes)."}`, http.StatusRequestEntityTooLarge)
	case i == nil || i.id != req.PathValue("id"):
		http.Error(w, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`, http.StatusBadRequest)
	default:
		select {
		case i.result <- result(i.id, body):
		default: // a second answer
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"OK"}`)
	}
}

// hand makes an invocation the current one and gives it to the process as soon as that asks.
func (a *api) hand(i *invocation) {
	a.mu.Lock()
	a.current = i
	a.mu.Unlock()
	go func() {
		select {
		case a.next <- i:
		case <-a.closed:
		}
	}()
}

// take ends an invocation: answers to it are refused from now on.
func (a *api) take(i *invocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == i {
		a.current = nil
	}
}
