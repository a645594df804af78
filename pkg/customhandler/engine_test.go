package customhandler_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/customhandler"
	"guestlist/pkg/message"
)

// step is a Step whose methods do what a test says and write down that they were called.
type step struct {
	do        func(ctx context.Context, m message.Message) error
	failed    func(f *message.Failure) error
	postponed func(until time.Time) error

	mu    sync.Mutex
	calls []string
}

func (s *step) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *step) Do(ctx context.Context, m message.Message) error {
	s.note("do")
	if s.do == nil {
		return nil
	}
	return s.do(ctx, m)
}

func (s *step) Failed(_ context.Context, _ message.Message, f *message.Failure) error {
	s.note("failed " + f.Code)
	if s.failed == nil {
		return nil
	}
	return s.failed(f)
}

func (s *step) Postponed(_ context.Context, _ message.Message, until time.Time) error {
	s.note("postponed " + until.Format(time.RFC3339))
	if s.postponed == nil {
		return nil
	}
	return s.postponed(until)
}

// broker is a Sender and a DeadLetterer that writes down what it gets, into the calls of its step, so that order shows.
type broker struct {
	step    *step
	sendErr error
	deadErr error

	mu   sync.Mutex
	sent []message.Message
	dead []string
}

func (b *broker) Send(_ context.Context, msgs ...message.Message) error {
	b.step.note("send")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sendErr == nil {
		b.sent = append(b.sent, msgs...)
	}
	return b.sendErr
}

func (b *broker) DeadLetter(_ context.Context, queue, lockToken, reason, description string) error {
	b.step.note("dead-letter")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead = append(b.dead, strings.Join([]string{queue, lockToken, reason, description}, "|"))
	return b.deadErr
}

// rig is a handler with one function, "inviteguest", and everything it does.
type rig struct {
	t       *testing.T
	handler http.Handler
	step    *step
	broker  *broker
	log     bytes.Buffer
	waits   []time.Duration
	waitErr error
}

func newRig(t *testing.T, change func(*customhandler.Options)) *rig {
	t.Helper()
	r := &rig{t: t, step: &step{}}
	r.broker = &broker{step: r.step}
	o := customhandler.Options{
		Functions: []customhandler.Function{{Name: "inviteguest", Queue: message.Invitations, Step: r.step, Limit: 1}},
		Sender:    r.broker, DeadLetterer: r.broker, LogKey: []byte("key"),
		Log: customhandler.NewLogger(&r.log, slog.LevelInfo),
		Now: func() time.Time { return ten },
		Wait: func(_ context.Context, d time.Duration) error {
			r.waits = append(r.waits, d)
			return r.waitErr
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if r.handler, err = customhandler.New(o); err != nil {
		t.Fatal(err)
	}
	return r
}

// invoke runs the function as the host does and returns the status.
func (r *rig) invoke(ctx context.Context, body string) int {
	r.t.Helper()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/inviteguest", strings.NewReader(body))
	req.Header.Set("X-Azure-Functions-InvocationId", "1f5d0d0e")
	rec := httptest.NewRecorder()
	r.handler.ServeHTTP(rec, req)
	wantObject(r.t, rec)
	return rec.Code
}

// wantObject fails unless the answer is one that the real host understands.
func wantObject(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &object); err != nil || object == nil {
		t.Errorf("answer %d has body %q, want a JSON object", rec.Code, rec.Body)
	}
	if got := rec.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("answer %d has content type %q", rec.Code, got)
	}
}

// lines returns the log, one map per line.
func (r *rig) lines() []map[string]any {
	r.t.Helper()
	var out []map[string]any
	for dec := json.NewDecoder(bytes.NewReader(r.log.Bytes())); dec.More(); {
		var line map[string]any
		if err := dec.Decode(&line); err != nil {
			r.t.Fatalf("log is not JSON: %v\n%s", err, r.log.String())
		}
		out = append(out, line)
	}
	return out
}

// lastLine returns the line of the invocation's end.
func (r *rig) lastLine() map[string]any {
	r.t.Helper()
	lines := r.lines()
	if len(lines) == 0 {
		r.t.Fatal("nothing was logged")
	}
	return lines[len(lines)-1]
}

// invocation is m as the host hands it over from a trigger with dataType binary.
func invocation(m message.Message, deliveries int) string {
	twice := func(s string) string { return strconv.Quote(s) }
	b, err := json.Marshal(map[string]any{
		"Data": map[string]any{"msg": base64.StdEncoding.EncodeToString(m.Body())},
		"Metadata": map[string]any{"DeliveryCount": strconv.Itoa(deliveries), "LockToken": twice(token),
			"MessageId": twice(m.ID()), "CorrelationId": twice(m.Import), "Subject": twice(string(m.Kind)),
			"EnqueuedTimeUtc": "2026-11-23T10:00:00", "ApplicationProperties": m.Properties()},
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(b)
}
