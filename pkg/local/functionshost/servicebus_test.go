package functionshost_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost"
	"guestlist/pkg/local/servicebus"
)

// busRig is a rig with a function "invite" on queue "q".
// idle waits until the queue holds nothing to do.
// call is what the handler got.
// deliveries is the DeliveryCount of a call.
func TestSuccessCompletesAndTheCallIsTheHosts(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{})
	calls := make(chan call, 1)
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		c, err := readCall(r)
		if err != nil || r.URL.Path != "/invite" || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		calls <- c
		reply(w, 200, "application/json", "{}")
	}
	subject, id, kind := "invite", "row-7", "application/json"
	b.send(&azservicebus.Message{Body: []byte(`{"MessageId":"x"}`), Subject: &subject, MessageID: &id, ContentType: &kind,
		ApplicationProperties: map[string]any{"attempt": int64(2)}})
	h := b.start()
	c := <-calls
	if s := b.idle(); s.Completed != 1 {
		t.Errorf("queue %+v, want one completed", s)
	}
	e := b.await(functionshost.InvocationEnded)
	if e.Err != nil || e.MessageID != "row-7" || e.Function != "invite" || e.Duration <= 0 {
		t.Errorf("event %+v", e)
	}
	for name, want := range map[string]string{"Content-Type": "application/json; charset=utf-8", "X-Transfer": "chunked",
		"X-Azure-Functions-Invocationid": e.Invocation} {
		if got := c.header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if agent := c.header.Get("User-Agent"); agent != "Azure-Functions-Host/"+c.header.Get("X-Azure-Functions-HostVersion") {
		t.Errorf("user agent %q", agent)
	}
	if got := c.Data["msg"]; got != base64.StdEncoding.EncodeToString([]byte(`{"MessageId":"x"}`)) {
		t.Errorf("Data.msg is %s", got)
	}
	want := map[string]string{"MessageId": `"\"row-7\""`, "Subject": `"\"invite\""`, "Label": `"\"invite\""`, "DeliveryCount": `"1"`,
		"ContentType": `"\"application/json\""`, "ApplicationProperties": `{"attempt":2}`, "SequenceNumber": `"1"`}
	for name, text := range want {
		if got := string(c.Metadata[name]); got != text {
			t.Errorf("Metadata.%s is %s, want %s", name, got, text)
		}
	}
	b.must(h.Drain(t.Context())) // the count follows the settlement
	if got := h.Stats().Functions["invite"]; got != (functionshost.Counts{Started: 1, Succeeded: 1, Completed: 1}) {
		t.Errorf("counts %+v", got)
	}
}

func TestTextBodiesAreMergedIntoMetadata(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, strings.Replace(queueJSON, `,"dataType":"binary"`, "", 1), servicebus.Queue{})
	calls := make(chan call, 1)
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		c, _ := readCall(r)
		calls <- c
		reply(w, 200, "application/json", "{}")
	}
	id := "row-7"
	b.send(&azservicebus.Message{Body: []byte(`{"MessageId":"x","row":7}`), MessageID: &id})
	b.start()
	c := <-calls
	got := []string{c.Data["msg"], string(c.Metadata["MessageId"]), string(c.Metadata["row"])}
	if diff := cmp.Diff([]string{`"{\"MessageId\":\"x\",\"row\":7}"`, `"\"x\""`, `"\"7\""`}, got); diff != "" {
		t.Errorf("body and metadata (-want +got):\n%s", diff)
	}
	b.idle()
}

func TestFailureIsAbandonedAtOnceAndDeliveredAgain(t *testing.T) {
	t.Parallel()
	answers := map[string]func(http.ResponseWriter){
		"500":        func(w http.ResponseWriter) { reply(w, 500, "application/json", "{}") },
		"text/plain": func(w http.ResponseWriter) { reply(w, 200, "text/plain", "{}") },
		"empty 200":  func(w http.ResponseWriter) { reply(w, 200, "", "") },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: time.Hour})
			counts := make(chan int, 2)
			b.onCall = func(w http.ResponseWriter, r *http.Request) {
				c, _ := readCall(r)
				n := deliveries(t, c)
				counts <- n
				if n == 1 {
					answer(w)
					return
				}
				reply(w, 200, "application/json", "{}")
			}
			b.send(text("x"))
			h := b.start()
			if first, second := <-counts, <-counts; first != 1 || second != 2 {
				t.Errorf("delivery counts %d, %d; want 1, 2", first, second)
			}
			if s := b.idle(); s.Completed != 1 || s.Abandoned != 1 {
				t.Errorf("queue %+v, want one abandoned and then completed", s)
			}
			if c := h.Stats().Functions["invite"]; c.Failed != 1 || c.Succeeded != 1 || (c.WouldHang == 1) != (name == "empty 200") {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

func TestTheBrokerDeadLettersWhatAlwaysFails(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{MaxDeliveryCount: 3})
	b.onCall = func(w http.ResponseWriter, _ *http.Request) { reply(w, 500, "application/json", "{}") }
	b.send(text("x"))
	b.start()
	if s := b.idle(); s.DeadLettered != 1 || s.Abandoned != 3 {
		t.Errorf("queue %+v, want one dead letter after three", s)
	}
}

func TestKilledHandlerLosesNoMessage(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: time.Hour})
	var killed atomic.Bool
	arrived := make(chan struct{}, 4)
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		if !killed.Load() {
			arrived <- struct{}{}
			<-r.Context().Done() // until the handler is killed
			return
		}
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("1"), text("2"), text("3"), text("4"))
	h := b.start()
	for range 4 {
		<-arrived // the host tells of an invocation before it calls the handler
	}
	killed.Store(true)
	b.must(syscall.Kill(h.HandlerPID(), syscall.SIGKILL))
	s := b.idle()
	if s.Completed != 4 || s.Abandoned < 4 || s.Abandoned > 8 || s.LockExpired != 0 {
		t.Errorf("queue %+v, want four completed, the interrupted ones abandoned", s)
	}
	if c := h.Stats(); c.Crashes != 1 || c.HandlerStarts != 2 {
		t.Errorf("stats %+v", c)
	}
}

// token scans 32 hexadecimal digits.
// gate passes connections on to address, and drops new ones while closed holds. It returns its own address.
// BenchmarkMessages counts whole deliveries: receive, renew, call, complete.
