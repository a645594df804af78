package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/lambda"
)

// random returns bytes that no compression and no confusion of blocks would leave as they are.
func random(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

// TestFileArrives drops files of one block and of several, in a bucket with versions and one without, and delivers each
// event twice.
func TestFileArrives(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string]bool{"with_versions": true, "without_versions": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, versions, func(c *lambda.Config) { c.Concurrency = 2 })
			q := w.queue(lambda.QueueConfig{Deliver: 2})
			files := map[string][]byte{"users/one.csv": []byte("Email\nana@partner.example\n"), "users/2026/neue Gäste+1 100%.csv": random(9<<20 + 5), "users/empty.csv": nil}
			for key, data := range files {
				q.Send(string(w.put(key, data)))
			}
			w.drained(q)
			for key, data := range files {
				got, _, p := w.blob(key)
				if !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes arrived, not the %d that were put", key, len(got), len(data))
				}
				m := p.Metadata
				if p.ContentType != "text/csv" || m["s3bucket"] != w.bucket || m["s3etag"] == "" || m["s3sequencer"] == "" || m["s3checksum"] == "" || (m["s3version"] != "") != versions {
					t.Errorf("%s: %s, %v", key, p.ContentType, m)
				}
			}
			if _, commits := w.gate.counts(); commits != len(files) {
				t.Errorf("%d versions of %d files", commits, len(files))
			}
			if dead, refused := q.Dead(), w.failures.Bodies(); len(dead)+len(refused) > 0 {
				t.Errorf("dead letters %v, failures %v", dead, refused)
			}
		})
	}
}

// TestNewestVersionStands delivers the events of two versions of a file in the wrong order; and in the right one where the
// bucket keeps no versions, so that what the first event names is gone.
func TestNewestVersionStands(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		versions bool
		order    []int
	}{"late_event": {true, []int{1, 0, 1, 0}}, "replaced_before_it_was_read": {false, []int{0, 1, 0}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tc.versions, nil)
			events := [][]byte{w.put("users/a.csv", []byte("first")), w.put("users/a.csv", []byte("second"))}
			for _, i := range tc.order {
				if r := w.invoke(events[i]); r.Failed() || string(r.Payload) != "{}" {
					t.Errorf("answer %s, error %s %s", r.Payload, r.ErrorType, r.ErrorMessage)
				}
			}
			got, _, _ := w.blob("users/a.csv")
			if _, commits := w.gate.counts(); commits != 1 || string(got) != "second" {
				t.Errorf("%d versions, %q stands", commits, got)
			}
		})
	}
}

// TestTwoEnvironmentsOneFile has two environments relay the same file at the same time.
func TestTwoEnvironmentsOneFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, func(c *lambda.Config) { c.Concurrency = 2 })
	e := w.put("users/a.csv", random(9<<20))
	both := make(chan struct{})
	w.gate.set(func(n int, _ *http.Request) int { // the first write of each waits for that of the other
		switch n {
		case 0:
			<-both
		case 1:
			close(both)
		}
		return 0
	}, nil)
	results := make(chan lambda.Result)
	for range 2 {
		go func() {
			r, err := w.function.Invoke(t.Context(), e)
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	for range 2 {
		if r := <-results; r.Failed() {
			t.Errorf("error %s %s", r.ErrorType, r.ErrorMessage)
		}
	}
	got, _, _ := w.blob("users/a.csv")
	if _, commits := w.gate.counts(); commits != 1 || !bytes.Equal(got, random(9<<20)) {
		t.Errorf("%d versions, %d bytes", commits, len(got))
	}
}

// TestRefusedFileGoesToTheFailuresQueue and nowhere else: the message is done.
func TestRefusedFileGoesToTheFailuresQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, nil)
	q := w.queue(lambda.QueueConfig{})
	q.Send(string(w.put("invoices/1.pdf", []byte("%PDF"))))
	w.drained(q)
	bodies := w.failures.Bodies()
	if len(bodies) != 1 || len(q.Dead()) != 0 {
		t.Fatalf("failures %v, dead letters %v", bodies, q.Dead())
	}
	var f struct {
		RequestContext  struct{ RequestID, FunctionArn, Condition string }
		RequestPayload  json.RawMessage
		ResponsePayload struct{ ErrorType, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(bodies[0]), &f); err != nil {
		t.Fatal(err)
	}
	if f.ResponsePayload.ErrorType != "source.unmapped" || f.RequestContext.FunctionArn != lambda.ARN || f.RequestContext.RequestID == "" || f.RequestContext.Condition != "Permanent" {
		t.Errorf("failure: %s", bodies[0])
	}
	if r := w.invoke(f.RequestPayload); r.Failed() || len(w.failures.Bodies()) != 2 {
		t.Errorf("sent again: %+v, %d failures", r, len(w.failures.Bodies()))
	}
}

// TestWhatMaySucceedLaterIsDeliveredAgain refuses the inbox for two deliveries, as with a role that is not there yet.
func TestWhatMaySucceedLaterIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, nil)
	refuse := func(times int) func(int, *http.Request) int {
		return func(n int, _ *http.Request) int {
			if n < times {
				return http.StatusForbidden
			}
			return 0
		}
	}
	q := w.queue(lambda.QueueConfig{Receives: 3, Visibility: 50 * time.Millisecond})
	e := string(w.put("users/a.csv", []byte("Email\n")))
	w.gate.set(refuse(2), nil)
	q.Send(e)
	w.drained(q)
	if got, _, _ := w.blob("users/a.csv"); string(got) != "Email\n" || len(q.Dead()) != 0 {
		t.Errorf("%q, dead letters %v", got, q.Dead())
	}
	w.gate.set(refuse(1000), nil)
	q.Send(string(w.put("users/b.csv", []byte("Email\n"))))
	w.drained(q)
	if dead := q.Dead(); len(dead) != 1 || dead[0].Receives != 3 || len(w.failures.Bodies()) != 0 {
		t.Errorf("dead letters %v, failures %v", dead, w.failures.Bodies())
	}
	r := w.invoke([]byte(q.Dead()[0].Body)) // as an event that came directly
	if r.ErrorType != "Retryable" || !strings.Contains(r.ErrorMessage, "status 403") {
		t.Errorf("error %s: %s", r.ErrorType, r.ErrorMessage)
	}
	w.gate.set(nil, nil)
	if r := w.invoke([]byte(q.Dead()[0].Body)); r.Failed() {
		t.Errorf("after the cause is mended: %s %s", r.ErrorType, r.ErrorMessage)
	}
}

// TestDeadlineIsRespected has storage stand still: the function says so before it is killed, and goes on living.
func TestDeadlineIsRespected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, func(c *lambda.Config) { c.Timeout = 20 * time.Second }) // a fifth of it is left to say so
	e := w.put("users/a.csv", random(5<<20))
	w.gate.set(func(_ int, req *http.Request) int {
		_, _ = io.Copy(io.Discard, req.Body) // the server notices the end of a client only after its last byte
		<-req.Context().Done()
		return http.StatusGatewayTimeout
	}, nil)
	r := w.invoke(e)
	if r.ErrorType != "Retryable" || !strings.Contains(r.ErrorMessage, "the time of this invocation ran out") {
		t.Errorf("error %s: %s", r.ErrorType, r.ErrorMessage)
	}
	if _, err := w.blobs.Stat(t.Context(), w.container(), w.bucket+"/users/a.csv"); err == nil {
		t.Error("part of a file is visible")
	}
	w.gate.set(nil, nil)
	if again := w.invoke(e); again.Failed() || again.Cold {
		t.Errorf("the same process again: %+v", again)
	}
}

// TestKillAtEveryAct kills the process with SIGKILL before and after each write to storage: each time the queue delivers
// again, and one version of the file is there, never two, never a part of it, never none.
func TestKillAtEveryAct(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, nil)
	q := w.queue(lambda.QueueConfig{Visibility: 50 * time.Millisecond})
	for key, size := range map[string]int{"users/small.csv": 1000, "users/large.csv": 4<<20 + 5} {
		for point := 0; ; point++ {
			killed := 0
			kill := func(n int) (status int) {
				if killed == 0 && n == point {
					killed, status = w.function.Kill(), http.StatusServiceUnavailable
				}
				return status
			}
			w.gate.set(func(n int, _ *http.Request) int { return kill(2 * n) }, func(n int) { kill(2*n + 1) })
			data := random(size + point)
			q.Send(string(w.put(key, data)))
			w.drained(q)
			got, _, _ := w.blob(key)
			if _, commits := w.gate.counts(); commits != 1 || !bytes.Equal(got, data) {
				t.Errorf("%s, killed at point %d: %d versions, %d bytes of %d", key, point, commits, len(got), len(data))
			}
			if killed > 0 {
				continue
			}
			if least := map[bool]int{true: 2, false: 6}[size < 4<<20]; point < least {
				t.Errorf("%s: only %d points where it can die, want %d", key, point, least)
			}
			break
		}
	}
	if diff := cmp.Diff([]lambda.Message(nil), q.Dead()); diff != "" || len(w.failures.Bodies()) != 0 {
		t.Errorf("dead letters %s, failures %v", diff, w.failures.Bodies())
	}
}
