package functionshost

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"guestlist/pkg/local/functionshost/internal/config"
	"guestlist/pkg/local/functionshost/internal/payload"
)

// readyWaits is how many times the initialization time-out an invocation waits for the handler before the host stops.
const readyWaits = 4

// call is one invocation before it has an id.
type call struct {
	function  config.Function
	value     any
	metadata  *payload.Dict
	messageID string // for events
}

// errTimeout is the cause of an invocation's end after functionTimeout.
var errTimeout = errors.New("timeout value was exceeded by the function")

// newClient talks to the handler: no proxy, no compression, as many kept connections as there are invocations.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1024}}
}

func newGUID() payload.GUID {
	var g payload.GUID
	_, _ = rand.Read(g[:]) // never fails
	g[6], g[8] = g[6]&0x0f|0x40, g[8]&0x3f|0x80
	return g
}

// invoke calls a function and returns nil if the handler's answer is a success.
func (h *Host) invoke(c call) error {
	id, begun := newGUID().String(), time.Now()
	h.tally.count(func(s *Stats) { s.InFlight++ })
	h.tally.function(c.function.Name, func(n *Counts) { n.Started++ })
	event := Event{Kind: InvocationStarted, Function: c.function.Name, Invocation: id, MessageID: c.messageID, PID: h.HandlerPID()}
	h.tally.tell(event)
	err := h.attempt(c, id)
	h.tally.count(func(s *Stats) { s.InFlight-- })
	h.tally.function(c.function.Name, func(n *Counts) { n.judge(err) })
	event.Kind, event.Err, event.Duration = InvocationEnded, err, time.Since(begun)
	h.tally.tell(event)
	h.judged(c, id, err)
	return err
}

func (n *Counts) judge(err error) {
	if err == nil {
		n.Succeeded++
		return
	}
	n.Failed++
	if errors.Is(err, errWouldHang) {
		n.WouldHang++
	}
}

func (h *Host) judged(c call, id string, err error) {
	attrs := []any{"function", c.function.Name, "invocation", id}
	if c.messageID != "" {
		attrs = append(attrs, "messageId", c.messageID)
	}
	if err != nil {
		h.log.Error("Invocation failed", append(attrs, "error", err)...)
		return
	}
	h.log.Debug("Invocation succeeded", attrs...)
}

func (h *Host) attempt(c call, id string) error {
	ctx := h.life
	if limit := h.conf.FunctionTimeout; limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
		defer cancel()
		ctx = limited
	}
	p, err := h.door(ctx)
	if err != nil {
		return err
	}
	body := payload.Invocation{Function: c.function.Name, Binding: c.function.Binding, Value: c.value, Metadata: c.metadata,
		Now: time.Now(), Random: newGUID()}.JSON()
	reply, err := h.post(ctx, p.url+"/"+c.function.Name, id, body)
	if err == nil {
		return h.judge(c.function.Name, id, reply)
	}
	if context.Cause(ctx) == errTimeout {
		h.tally.count(func(s *Stats) { s.Timeouts++ })
		p.kill(fmt.Sprintf("invocation %s of %s took longer than functionTimeout (%v)", id, c.function.Name, h.conf.FunctionTimeout))
		return fmt.Errorf("%w: %v; the handler is killed", errTimeout, h.conf.FunctionTimeout)
	}
	p.awaitEnd(ctx)
	return err
}

// door waits until the handler answers. The host stops when that takes too long.
func (h *Host) door(ctx context.Context) (*process, error) {
	limit := readyWaits * h.conf.Initialization
	slow := fmt.Errorf("initialization timed out: the handler did not answer within %v", limit)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, slow)
	defer cancel()
	p, err := h.keeper.wait(ctx)
	if err == slow {
		h.log.Error("Stopping the host", "error", err)
		h.end(err)
	}
	return p, err
}

// reply is a whole answer.
type reply struct {
	status      int
	contentType string
	body        []byte
}

// post sends the body in chunks, as the real host does. The client has no way to read the body twice, so that it never
// repeats an invocation.
func (h *Host) post(ctx context.Context, url, id string, body []byte) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return reply{}, err
	}
	request.ContentLength = -1
	request.Header = http.Header{ // spelled as the real host does
		"Content-Type":                   {"application/json; charset=utf-8"},
		"User-Agent":                     {"Azure-Functions-Host/" + version},
		"X-Azure-Functions-HostVersion":  {version},
		"X-Azure-Functions-InvocationId": {id},
	}
	response, err := h.client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the handler's answer: %w", err)
	}
	return reply{response.StatusCode, response.Header.Get("Content-Type"), text}, nil
}
