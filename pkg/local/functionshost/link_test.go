package functionshost_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/functionshost"
	"guestlist/pkg/local/servicebus"
)

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

// TestReceivingSurvivesABusyBroker: the receiver's link is detached as 50009 whenever it asks, while nothing is in hand whose
// settlement would have the client look at the link.
func TestReceivingSurvivesABusyBroker(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{})
	b.onCall = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, "application/json", "{}") }
	b.must(b.server.SetFaults(1, servicebus.Fault{Kind: servicebus.BusyReceiver, Times: 3}))
	b.start()
	b.send(text("1"), text("2"), text("3"))
	if s := b.idle(); s.Completed != 3 || s.LockExpired != 0 {
		t.Errorf("queue %+v; want three completed", s)
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
	if s := b.server.Stats()[0]; s.Abandoned < 1 || s.Active != 1 || s.Locked != 0 {
		t.Errorf("queue %+v, want one message, abandoned", s) // twice if it came back before the triggers had stopped
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
