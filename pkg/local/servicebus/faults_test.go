package servicebus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
)

func TestClientsReconnectAfterDroppedConnections(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	f.server.DropConnections()
	f.send("b")
	if b := f.one(r); string(b.Body) != "b" { // the receiver is connected again: the next line would retry after 4 s only
		t.Errorf("received %q", b.Body)
	}
	f.must(r.CompleteMessage(f.ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil))
}

// The client gives no credit back: late messages reach an idle receiver, which releases them. They must be there at once
// for whoever asks next.
func TestReleasedMessagesAreAvailableAtOnce(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	idle := f.receiver(nil)
	short, cancel := context.WithTimeout(f.ctx, 50*time.Millisecond)
	defer cancel()
	if got, err := idle.ReceiveMessages(short, 100, nil); err == nil {
		t.Fatalf("received %d from an empty queue", len(got))
	}
	for i := range 50 {
		f.send(fmt.Sprint(i))
	}
	other := f.receiverOf(f.connect(), nil)
	for _, m := range f.many(other, 50) {
		if m.DeliveryCount != 1 {
			t.Errorf("%s: count %d, want 1: a release is no failed delivery", m.Body, m.DeliveryCount)
		}
		f.must(other.CompleteMessage(f.ctx, m, nil))
	}
	f.must(f.server.WaitIdle(f.ctx))
}

func TestCompetingReceiversTakeEveryMessageOnce(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	const messages, receivers = 400, 4
	ctx, stop := context.WithCancel(f.ctx)
	defer stop()
	var mu sync.Mutex
	seen := map[string]int{}
	var running sync.WaitGroup
	for range receivers {
		r := f.receiverOf(f.connect(), nil)
		running.Go(func() {
			for {
				got, err := r.ReceiveMessages(ctx, 10, nil)
				if err != nil {
					return
				}
				for _, m := range got {
					mu.Lock()
					seen[string(m.Body)]++
					mu.Unlock()
					if err := r.CompleteMessage(f.ctx, m, nil); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range messages {
		f.send(fmt.Sprint(i))
	}
	f.until("all to be completed", func() bool { return f.stats().Completed == messages })
	stop()
	running.Wait()
	for body, n := range seen {
		if n != 1 {
			t.Errorf("%s was received %d times", body, n)
		}
	}
	if len(seen) != messages {
		t.Errorf("%d of %d received", len(seen), messages)
	}
}

// More than a session's window of 5000 transfers must pass in both directions.
func TestSessionWindowsReopen(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	const batches, each = 12, 1000
	for range batches {
		b, err := f.sender.NewMessageBatch(f.ctx, nil)
		f.must(err)
		for range each {
			f.must(b.AddMessage(&azservicebus.Message{Body: []byte("x")}, nil))
		}
		f.must(f.sender.SendMessageBatch(f.ctx, b, nil))
	}
	r := f.receiver(&azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	f.many(r, 4000)
	f.many(r, 4000)
	f.many(r, 4000)
	if s := f.stats(); s.Completed != batches*each {
		t.Errorf("%+v", s)
	}
}

func TestCloseEndsEverythingAndTwiceIsFine(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	f.must(f.server.Close())
	f.must(f.server.Close())
	ctx, cancel := context.WithTimeout(f.ctx, 200*time.Millisecond)
	defer cancel()
	if err := f.sender.SendMessage(ctx, &azservicebus.Message{}, nil); err == nil {
		t.Error("a closed server took a message")
	}
}

// Connections fall while messages are sent and settled: with retries by sender and broker nothing may be lost, and with
// duplicate detection nothing may be there twice.
func TestNothingIsLostWhileConnectionsFall(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{LockDuration: 300 * time.Millisecond, MaxDeliveryCount: 1000, DuplicateWindow: time.Hour})
	const messages, drops = 150, 8
	ctx, stop := context.WithCancel(f.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for range 2 {
		r := f.receiverOf(f.connect(), nil)
		running.Go(func() { consume(ctx, r) })
	}
	for i := range messages {
		if i%(messages/drops) == 0 {
			f.server.DropConnections()
		}
		f.sendID(fmt.Sprint(i))
	}
	f.must(f.server.WaitIdle(f.ctx))
	if s := f.stats(); s.Completed != messages || s.DeadLettered != 0 {
		t.Errorf("%+v", s)
	}
}

// consume completes what it can and leaves the rest to the locks.
func consume(ctx context.Context, r *azservicebus.Receiver) {
	for ctx.Err() == nil {
		got, err := r.ReceiveMessages(ctx, 10, nil)
		if err != nil {
			continue
		}
		for _, m := range got {
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			r.CompleteMessage(short, m, nil) // after an error the lock expires and the message comes again
			cancel()
		}
	}
}
