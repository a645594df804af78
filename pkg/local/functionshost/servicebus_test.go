package functionshost_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/functionshost"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

const queueJSON = `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"msg","queueName":"%INVITE_QUEUE%","connection":"Bus","dataType":"binary"}]}`

// busRig is a rig with a function "invite" on queue "q".
type busRig struct {
	*rig
	server *servicebus.Server
	client *azservicebus.Client
}

func newBusRig(t testing.TB, host, function string, q servicebus.Queue) *busRig {
	t.Helper()
	q.Name = "q"
	b := &busRig{rig: newRig(t, host, map[string]string{"invite": function}), server: servicebustest.Start(t, q)}
	b.settings["Bus"], b.settings["INVITE_QUEUE"] = b.server.ConnectionString(), "q"
	client, err := azservicebus.NewClientFromConnectionString(b.server.ConnectionString(), nil)
	b.must(err)
	t.Cleanup(func() { client.Close(context.Background()) })
	b.client = client
	return b
}

func (b *busRig) send(messages ...*azservicebus.Message) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	sender, err := b.client.NewSender("q", nil)
	b.must(err)
	for _, m := range messages {
		b.must(sender.SendMessage(ctx, m, nil))
	}
	b.must(sender.Close(ctx))
}

func text(body string) *azservicebus.Message { return &azservicebus.Message{Body: []byte(body)} }

// idle waits until the queue holds nothing to do.
func (b *busRig) idle() servicebus.QueueStats {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := b.server.WaitIdle(ctx); err != nil {
		b.t.Fatalf("queue is not idle: %+v\n%s", b.server.Stats(), b.log)
	}
	return b.server.Stats()[0]
}

// call is what the handler got.
type call struct {
	header   http.Header
	text     string
	Data     map[string]string
	Metadata map[string]json.RawMessage
}

func readCall(r *http.Request) (c call, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return c, err
	}
	c.header, c.text = r.Header, string(body)
	return c, json.Unmarshal(body, &c)
}

// deliveries is the DeliveryCount of a call.
func deliveries(t *testing.T, c call) int {
	t.Helper()
	var text string
	if err := json.Unmarshal(c.Metadata["DeliveryCount"], &text); err != nil {
		t.Error(err)
	}
	n, _ := strconv.Atoi(text)
	return n
}

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
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		if !killed.Load() {
			<-r.Context().Done() // until the handler is killed
			return
		}
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("1"), text("2"), text("3"), text("4"))
	h := b.start()
	for range 4 {
		b.await(functionshost.InvocationStarted)
	}
	killed.Store(true)
	b.must(syscall.Kill(h.HandlerPID(), syscall.SIGKILL))
	s := b.idle()
	if s.Completed != 4 || s.Abandoned < 4 || s.LockExpired != 0 {
		t.Errorf("queue %+v, want four completed, the interrupted ones abandoned", s)
	}
	if c := h.Stats(); c.Crashes != 1 || c.HandlerStarts != 2 {
		t.Errorf("stats %+v", c)
	}
}

func TestLockIsRenewedWhileTheFunctionRuns(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: 2 * time.Second})
	var calls atomic.Int32
	b.onCall = func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		<-time.After(5 * time.Second) // longer than two locks
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	b.start()
	if s := b.idle(); calls.Load() != 1 || s.LockExpired != 0 || s.Completed != 1 {
		t.Errorf("%d calls, queue %+v; want one call and no expired lock", calls.Load(), s)
	}
}

func TestRenewalEndsAfterItsTime(t *testing.T) {
	t.Parallel()
	host := strings.Replace(hostJSON, `"maxConcurrentCalls":4`, `"maxConcurrentCalls":4,"maxAutoLockRenewalDuration":"00:00:00"`, 1)
	b := newBusRig(t, host, queueJSON, servicebus.Queue{LockDuration: time.Second})
	second := make(chan struct{})
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		if c, _ := readCall(r); deliveries(t, c) == 1 {
			<-second // the lock has expired
		} else {
			close(second)
		}
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	h := b.start()
	s := b.idle()
	b.await(functionshost.InvocationEnded)
	b.await(functionshost.InvocationEnded)
	b.must(h.Drain(t.Context()))
	c := h.Stats().Functions["invite"]
	if s.LockExpired != 1 || c.LocksLost != 1 || c.Completed != 1 || c.Abandoned != 0 || c.Succeeded != 2 {
		t.Errorf("queue %+v, counts %+v; want one lost lock, nothing abandoned", s, c)
	}
	if n := strings.Count(b.log.String(), "MessageLockLost"); n != 1 {
		t.Errorf("%d lines of a lost lock, want 1", n)
	}
}

func TestHandlerMaySettleByLockToken(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{})
	receiver, err := b.client.NewReceiverForQueue("q", nil)
	b.must(err)
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		c, _ := readCall(r)
		var outer, guid string
		json.Unmarshal(c.Metadata["LockToken"], &outer)
		json.Unmarshal([]byte(outer), &guid)
		m := &azservicebus.ReceivedMessage{}
		fmt.Sscanf(strings.ReplaceAll(guid, "-", ""), "%x", &token{&m.LockToken})
		reason := "never"
		if err := receiver.DeadLetterMessage(r.Context(), m, &azservicebus.DeadLetterOptions{Reason: &reason}); err != nil {
			t.Errorf("dead-letter by token %s: %v", guid, err)
		}
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	h := b.start()
	b.await(functionshost.InvocationEnded)
	b.must(h.Drain(t.Context()))
	if s := b.server.Stats()[0]; s.DeadLettered != 1 || s.Completed != 0 {
		t.Errorf("queue %+v, want one dead letter", s)
	}
	if n := strings.Count(b.log.String(), "MessageLockLost"); n != 1 {
		t.Errorf("%d lines of a lost lock, want 1:\n%s", n, b.log)
	}
}

// token scans 32 hexadecimal digits.
type token struct{ to *[16]byte }

func (t *token) Scan(s fmt.ScanState, _ rune) error {
	var bytes []byte
	_, err := fmt.Fscanf(s, "%x", &bytes)
	copy(t.to[:], bytes)
	return err
}

func TestAutoCompleteOffLeavesTheMessageToTheHandler(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, strings.Replace(queueJSON, `"dataType"`, `"autoCompleteMessages":false,"dataType"`, 1), servicebus.Queue{LockDuration: time.Second})
	seen := make(chan int, 10)
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		c, _ := readCall(r)
		seen <- deliveries(t, c)
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	h := b.start()
	if first, second := <-seen, <-seen; first != 1 || second != 2 {
		t.Errorf("delivery counts %d, %d; want 1, and 2 after the lock's end", first, second)
	}
	b.must(h.Drain(t.Context()))
	if s := b.server.Stats()[0]; s.Completed != 0 || s.Abandoned != 0 || s.LockExpired < 1 {
		t.Errorf("queue %+v, want only expired locks", s)
	}
}

func TestConcurrencyIsLimitedPerFunction(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{})
	var mu sync.Mutex
	now, most := 0, 0
	full := make(chan struct{})
	b.onCall = func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); most == 4 && now == 4 {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		mu.Unlock()
		<-full // all four must come before one may go
		mu.Lock()
		now--
		mu.Unlock()
		reply(w, 200, "application/json", "{}")
	}
	for range 5 {
		b.send(text("1"), text("2"), text("3"), text("4"), text("5"), text("6"), text("7"), text("8"))
	}
	b.start()
	if s := b.idle(); s.Completed != 40 || most != 4 {
		t.Errorf("%d completed, at most %d at once; want 40 and 4", s.Completed, most)
	}
}

func TestReceivingSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: 2 * time.Second, MaxDeliveryCount: 100})
	for round := range 3 {
		if round == 0 {
			b.start()
		}
		b.server.DropConnections()
		client, err := azservicebus.NewClientFromConnectionString(b.server.ConnectionString(), nil)
		b.must(err)
		b.client = client
		b.send(text("x"), text("y"))
		b.idle()
		b.must(client.Close(t.Context()))
	}
}

func TestMessageInWorkSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: time.Hour})
	var calls atomic.Int32
	b.onCall = func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		b.server.DropConnections()
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	b.start()
	if s := b.idle(); s.Completed != 1 || calls.Load() != 1 {
		t.Errorf("%d calls, queue %+v; want one call, completed", calls.Load(), s)
	}
}

func TestStopGivesMessagesBackAtOnce(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: time.Hour})
	b.onCall = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	b.send(text("x"))
	h := b.start()
	b.await(functionshost.InvocationStarted)
	b.must(h.Stop())
	if s := b.server.Stats()[0]; s.Abandoned != 1 || s.Active != 1 || s.Locked != 0 {
		t.Errorf("queue %+v, want one message, abandoned", s)
	}
}

func TestReceivingWaitsForABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, strings.Replace(hostJSON, `"delay":"00:00:00.05"`, `"delay":"00:00:00.01","maxRetries":1`, 1), queueJSON, servicebus.Queue{})
	var away atomic.Bool
	away.Store(true)
	b.settings["Bus"] = strings.Replace(b.settings["Bus"], b.server.Addr(), gate(t, b.server.Addr(), &away), 1)
	b.start()
	waitFor(t, b.rig, "the host keeps trying")
	away.Store(false)
	b.send(text("x"))
	if s := b.idle(); s.Completed != 1 {
		t.Errorf("queue %+v, want one completed", s)
	}
	waitFor(t, b.rig, "Receiving works again")
}

// gate passes connections on to address, and drops new ones while closed holds. It returns its own address.
func gate(t *testing.T, address string, closed *atomic.Bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil || closed.Load() {
				in.Close()
				continue
			}
			go func() { io.Copy(in, out); in.Close() }()
			go func() { io.Copy(out, in); out.Close() }()
		}
	}()
	return l.Addr().String()
}

func waitFor(t *testing.T, r *rig, line string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(r.log.String(), line); <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("log lacks %q:\n%s", line, r.log)
		}
	}
}

func TestDrainLetsInvocationsEnd(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{})
	release := make(chan struct{})
	b.onCall = func(w http.ResponseWriter, _ *http.Request) {
		<-release
		reply(w, 200, "application/json", "{}")
	}
	b.send(text("x"))
	h := b.start()
	b.await(functionshost.InvocationStarted)
	if got := getJSON(t, h.URL()+"/admin/host/drain/status")["state"]; got != "Disabled" {
		t.Errorf("drain state %v before", got)
	}
	response, err := http.Post(h.URL()+"/admin/host/drain", "", nil)
	b.must(err)
	response.Body.Close()
	status := getJSON(t, h.URL()+"/admin/host/drain/status")
	if response.StatusCode != http.StatusAccepted || status["state"] != "InProgress" || status["outstandingInvocations"] != 1.0 {
		t.Errorf("drain: %s, %v", response.Status, status)
	}
	close(release)
	b.must(h.Drain(t.Context()))
	b.send(text("after"))
	if got := getJSON(t, h.URL()+"/admin/host/drain/status")["state"]; got != "Completed" {
		t.Errorf("drain state %v after", got)
	}
	if s := b.server.Stats()[0]; s.Completed != 1 || s.Active != 1 {
		t.Errorf("queue %+v, want one completed and one left", s)
	}
}

func getJSON(t *testing.T, url string) map[string]any {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(response.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkMessages counts whole deliveries: receive, renew, call, complete.
func BenchmarkMessages(b *testing.B) {
	host := strings.Replace(hostJSON, `"maxConcurrentCalls":4`, `"maxConcurrentCalls":64`, 1)
	r := newBusRig(b, host, queueJSON, servicebus.Queue{})
	r.settings[fast] = "1"
	sender, err := r.client.NewSender("q", nil)
	r.must(err)
	for sent := 0; sent < b.N; {
		batch, err := sender.NewMessageBatch(b.Context(), nil)
		r.must(err)
		for ; sent < b.N && batch.AddMessage(text(`{"kind":"invite"}`), nil) == nil; sent++ {
		}
		r.must(sender.SendMessageBatch(b.Context(), batch, nil))
	}
	b.ResetTimer()
	r.start()
	r.idle()
}
