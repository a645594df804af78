package customhandler_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus"
	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/customhandler"
	"guestlist/pkg/local/functionshost"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
	"guestlist/pkg/message"
)

// desk is the setting with the address of the test's handler. The test binary is the process that the host starts, and
// passes on to it what the host asks.
const desk = "TEST_DESK"

func TestMain(m *testing.M) {
	if to := os.Getenv(desk); to != "" {
		address, _ := url.Parse(to)
		ln, err := customhandler.Listen(os.Getenv)
		if err == nil {
			err = http.Serve(ln, httputil.NewSingleHostReverseProxy(address))
		}
		os.Stderr.WriteString(err.Error())
		os.Exit(78)
	}
	os.Exit(m.Run())
}

// hosted is the handler below the Functions host, on a Service Bus, both emulated.
type hosted struct {
	*testing.T
	server *servicebus.Server
	bus    *sbbus.Bus
	step   *step
	host   *functionshost.Host

	mu    sync.Mutex
	waits []time.Duration
	died  int // how often the handler failed without a word
}

// rehost starts it: change may alter the options, die says for which deliveries the handler does nothing but fail, hostJSON's
// service bus settings are as given.
func rehost(t *testing.T, lock time.Duration, settings string, die func(inv customhandler.Invocation) bool, change func(*hosted, *customhandler.Options)) *hosted {
	t.Helper()
	h := &hosted{T: t, step: &step{}}
	h.server = servicebustest.Start(t, servicebus.Queue{Name: message.Invitations, LockDuration: lock, MaxDeliveryCount: 50},
		servicebus.Queue{Name: message.Assignments, LockDuration: lock, MaxDeliveryCount: 50})
	b, err := sbbus.FromConnectionString(h.server.ConnectionString())
	h.must(err)
	t.Cleanup(func() { b.Close(context.Background()) })
	h.bus = b
	o := customhandler.Options{
		Functions: []customhandler.Function{{Name: "inviteguest", Queue: message.Invitations, Step: h.step, Limit: 8}},
		Sender:    b, DeadLetterer: b, Log: slog.New(slog.DiscardHandler),
		Wait: func(_ context.Context, d time.Duration) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.waits = append(h.waits, d)
			return nil
		},
	}
	if change != nil {
		change(h, &o)
	}
	handler, err := customhandler.New(o)
	h.must(err)
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if inv, err := customhandler.ParseInvocation(body); r.Method == http.MethodPost && err == nil && die != nil && die(inv) {
			h.mu.Lock()
			h.died++
			h.mu.Unlock()
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(served.Close)
	h.start(served.URL, settings)
	return h
}

func (h *hosted) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *hosted) start(url, settings string) {
	h.Helper()
	dir := h.TempDir()
	for path, text := range map[string]string{
		"host.json": `{"version":"2.0","extensionBundle":{"id":"Microsoft.Azure.Functions.ExtensionBundle","version":"[4.*, 5.0.0)"},
			"customHandler":{"description":{"defaultExecutablePath":"handler"}},
			"extensions":{"serviceBus":{"maxConcurrentCalls":8,"clientRetryOptions":{"delay":"00:00:00.05"}` + settings + `}}}`,
		"inviteguest/function.json": `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"msg","queueName":"invitations","connection":"Bus","dataType":"binary"}]}`,
	} {
		full := filepath.Join(dir, path)
		h.must(os.MkdirAll(filepath.Dir(full), 0o755))
		h.must(os.WriteFile(full, []byte(text), 0o644))
	}
	exe, err := os.Executable()
	h.must(err)
	h.must(os.Symlink(exe, filepath.Join(dir, "handler")))
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	h.host, err = functionshost.Start(ctx, functionshost.Config{Dir: dir, Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Output: io.Discard,
		Settings: map[string]string{desk: url, "Bus": h.server.ConnectionString(), "AzureWebJobsStorage": "UseDevelopmentStorage=true"}})
	h.must(err)
	h.Cleanup(func() { h.host.Stop() })
}

// settled waits until no message is left, and returns the reasons of the dead letters.
func (h *hosted) settled() []string {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	if err := h.server.WaitIdle(ctx); err != nil {
		h.Fatalf("messages are left: %+v", h.server.Stats())
	}
	h.must(h.host.Drain(ctx))
	letters, err := h.bus.Browse(ctx, message.Invitations, 100)
	h.must(err)
	var reasons []string
	for _, l := range letters {
		reasons = append(reasons, l.Reason)
	}
	slices.Sort(reasons)
	return reasons
}

func (h *hosted) stats() servicebus.QueueStats {
	for _, s := range h.server.Stats() {
		if s.Name == message.Invitations {
			return s
		}
	}
	return servicebus.QueueStats{}
}

// TestMessageThatKillsTheHandlerEndsRecorded: the handler dies of it forty times. The next delivery is recorded, then
// dead-lettered, and does nothing else; the broker's own limit is not reached.
func TestMessageThatKillsTheHandlerEndsRecorded(t *testing.T) {
	t.Parallel()
	h := rehost(t, time.Minute, "", func(inv customhandler.Invocation) bool { return inv.DeliveryCount() <= 40 }, nil)
	h.step.failed = func(*message.Failure) error {
		if letters, err := h.bus.Browse(t.Context(), message.Invitations, 1); err != nil || len(letters) > 0 {
			t.Errorf("recorded after the dead letter: %v, %v", letters, err)
		}
		return nil
	}
	h.must(h.bus.Send(t.Context(), invitation))
	if d := cmp.Diff([]string{"delivery.exhausted"}, h.settled()); d != "" {
		t.Errorf("dead letters (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"failed delivery.exhausted"}, h.step.calls); d != "" || h.died != 40 {
		t.Errorf("after %d deaths; calls (-want +got):\n%s", h.died, d)
	}
}

// TestPoisonedMessagesEndOnce: what nobody can read is a dead letter after one delivery, and what lies behind it is done.
func TestPoisonedMessagesEndOnce(t *testing.T) {
	t.Parallel()
	h := rehost(t, time.Minute, "", nil, nil)
	for _, body := range []string{"hello", `{"kind":"invite","version":99}`, `{"kind":"greet","version":1}`, `{"kind":"assign","version":1}`, `{"eventType":"x"}`, `[`} {
		h.must(h.sendRaw(body))
	}
	h.must(h.bus.Send(t.Context(), invitation))
	want := []string{"message.kind", "message.misplaced", "message.misplaced", "message.unreadable", "message.unreadable", "message.version"}
	if d := cmp.Diff(want, h.settled()); d != "" {
		t.Errorf("dead letters (-want +got):\n%s", d)
	}
	if s := h.stats(); s.Completed != 1 || s.Abandoned != 0 || !slices.Equal(h.step.calls, []string{"do"}) {
		t.Errorf("queue %+v, calls %q; want the good message completed and none abandoned", s, h.step.calls)
	}
}

// sendRaw puts a body of nobody's making into the queue.
func (h *hosted) sendRaw(body string) error {
	client, err := azservicebus.NewClientFromConnectionString(h.server.ConnectionString(), nil)
	h.must(err)
	defer client.Close(context.WithoutCancel(h.Context()))
	sender, err := client.NewSender(message.Invitations, nil)
	h.must(err)
	return sender.SendMessage(h.Context(), &azservicebus.Message{Body: []byte(body)}, nil)
}

// refusing is a broker that takes nothing at first.
type refusing struct {
	*sbbus.Bus
	mu    sync.Mutex
	times int
}

func (r *refusing) refuse() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.times--; r.times >= 0 {
		return errBroker
	}
	return nil
}

func (r *refusing) Send(ctx context.Context, msgs ...message.Message) error {
	if err := r.refuse(); err != nil {
		return err
	}
	return r.Bus.Send(ctx, msgs...)
}

func (r *refusing) DeadLetter(ctx context.Context, queue, token, reason, description string) error {
	if err := r.refuse(); err != nil {
		return err
	}
	return r.Bus.DeadLetter(ctx, queue, token, reason, description)
}

// TestRefusedSettlementIsHeldThenAbandoned: the invocation is held longer each time, fails, and the message comes again at
// once. It is lost neither as a copy nor as a dead letter.
func TestRefusedSettlementIsHeldThenAbandoned(t *testing.T) {
	t.Parallel()
	for name, verdict := range map[string]error{"copy": &message.Later{After: time.Millisecond, Why: "busy"}, "dead letter": never} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := rehost(t, time.Minute, "", nil, func(h *hosted, o *customhandler.Options) {
				r := &refusing{Bus: h.bus, times: 3}
				o.Sender, o.DeadLetterer = r, r
			})
			h.step.do = func(_ context.Context, m message.Message) error {
				if m.Delay > invitation.Delay {
					return nil // the copy
				}
				return verdict
			}
			h.must(h.bus.Send(t.Context(), invitation))
			got := h.settled()
			if s := h.stats(); s.Abandoned != 3 || len(got) != map[string]int{"copy": 0, "dead letter": 1}[name] {
				t.Errorf("dead letters %q, queue %+v", got, s)
			}
			if want := []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}; !slices.Equal(h.waits, want) {
				t.Errorf("held %v, want %v", h.waits, want)
			}
		})
	}
}

// TestLostLockIsOneDeadLetter: the lock ends while the step works, so the message is delivered a second time beside it. The
// settlement of the first finds its lock lost and leaves the message to the second.
func TestLostLockIsOneDeadLetter(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	var once sync.Once
	var verdicts []error
	h := rehost(t, time.Second, `,"maxAutoLockRenewalDuration":"00:00:00"`, nil, func(h *hosted, o *customhandler.Options) {
		o.DeadLetterer = noting{h, &verdicts}
	})
	first := true
	h.step.do = func(context.Context, message.Message) error {
		h.mu.Lock()
		was := first
		first = false
		h.mu.Unlock()
		if was {
			<-second // the lock has expired
		} else {
			once.Do(func() { close(second) })
		}
		return never
	}
	h.must(h.bus.Send(t.Context(), invitation))
	if d := cmp.Diff([]string{"group.unknown"}, h.settled()); d != "" {
		t.Errorf("dead letters (-want +got):\n%s", d)
	}
	if n := slices.IndexFunc(verdicts, func(err error) bool { return errors.Is(err, bus.ErrLockLost) }); n < 0 {
		t.Errorf("settlements %v; want one that found its lock lost", verdicts)
	}
}

// noting is a dead-letterer that notes what came of it.
type noting struct {
	h   *hosted
	got *[]error
}

func (n noting) DeadLetter(ctx context.Context, queue, token, reason, description string) error {
	err := n.h.bus.DeadLetter(ctx, queue, token, reason, description)
	n.h.mu.Lock()
	defer n.h.mu.Unlock()
	*n.got = append(*n.got, err)
	return err
}
