package functionshost_test

import (
	"encoding/json"
	"fmt"
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

func TestLockIsRenewedWhileTheFunctionRuns(t *testing.T) {
	t.Parallel()
	b := newBusRig(t, hostJSON, queueJSON, servicebus.Queue{LockDuration: 14 * time.Second})
	var calls atomic.Int32
	b.onCall = func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		<-time.After(17 * time.Second) // longer than the lock, which is renewed after half of it
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
	var once sync.Once // where the machine is slow the second delivery's lock ends too, and there is a third
	b.onCall = func(w http.ResponseWriter, r *http.Request) {
		if c, _ := readCall(r); deliveries(t, c) == 1 {
			<-second // the lock has expired
		} else {
			once.Do(func() { close(second) })
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
	if s.LockExpired < 1 || c.LocksLost != int(s.LockExpired) || c.Completed != 1 || c.Abandoned != 0 || c.Succeeded != 1+c.LocksLost {
		t.Errorf("queue %+v, counts %+v; want the first lock lost, one delivery completed, nothing abandoned", s, c)
	}
	if n := strings.Count(b.log.String(), "MessageLockLost"); n != c.LocksLost {
		t.Errorf("%d lines of %d lost locks", n, c.LocksLost)
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
