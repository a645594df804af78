package servicebus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

// fixture is one emulator with one queue "q", and a client of the real SDK.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	server *servicebus.Server
	client *azservicebus.Client
	sender *azservicebus.Sender
}

func start(t *testing.T, q servicebus.Queue) *fixture {
	t.Helper()
	if q.Name == "" {
		q.Name = "q"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	f := &fixture{t: t, ctx: ctx, server: servicebustest.Start(t, q)}
	f.client = f.connect()
	s, err := f.client.NewSender(q.Name, nil)
	f.must(err)
	f.sender = s
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// connect returns a client with a connection of its own.
func (f *fixture) connect() *azservicebus.Client {
	f.t.Helper()
	c, err := azservicebus.NewClientFromConnectionString(f.server.ConnectionString(), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{RetryDelay: 10 * time.Millisecond, MaxRetryDelay: 50 * time.Millisecond}})
	f.must(err)
	f.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		c.Close(ctx)
	})
	return c
}

func (f *fixture) receiver(o *azservicebus.ReceiverOptions) *azservicebus.Receiver {
	f.t.Helper()
	return f.receiverOf(f.client, o)
}

func (f *fixture) receiverOf(c *azservicebus.Client, o *azservicebus.ReceiverOptions) *azservicebus.Receiver {
	f.t.Helper()
	r, err := c.NewReceiverForQueue("q", o)
	f.must(err)
	return r
}

func (f *fixture) deadLetters() *azservicebus.Receiver {
	return f.receiver(&azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
}

func (f *fixture) send(bodies ...string) {
	f.t.Helper()
	for _, b := range bodies {
		f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: []byte(b)}, nil))
	}
}

func (f *fixture) sendID(id string) {
	f.t.Helper()
	f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{MessageID: &id, Body: []byte(id)}, nil))
}

// one receives one message.
func (f *fixture) one(r *azservicebus.Receiver) *azservicebus.ReceivedMessage {
	f.t.Helper()
	return f.many(r, 1)[0]
}

// many receives exactly n messages.
func (f *fixture) many(r *azservicebus.Receiver, n int) []*azservicebus.ReceivedMessage {
	f.t.Helper()
	var all []*azservicebus.ReceivedMessage
	for len(all) < n {
		got, err := r.ReceiveMessages(f.ctx, n-len(all), nil)
		f.must(err)
		all = append(all, got...)
	}
	return all
}

// finish completes a received message. Where the machine is so slow that its lock has ended by then, it completes what is
// delivered next, and wants the deliveries counted.
func (f *fixture) finish(r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) {
	f.t.Helper()
	for {
		err := r.CompleteMessage(f.ctx, m, nil)
		if err == nil {
			return
		}
		wantCode(f.t, err, azservicebus.CodeLockLost)
		again := f.one(r)
		if *again.SequenceNumber == *m.SequenceNumber && again.DeliveryCount != m.DeliveryCount+1 {
			f.t.Errorf("%s: count %d after %d", again.Body, again.DeliveryCount, m.DeliveryCount)
		}
		m = again
	}
}

// stats returns the numbers of queue "q".
func (f *fixture) stats() servicebus.QueueStats { return f.server.Stats()[0] }

// until polls a condition of the real server.
func (f *fixture) until(what string, holds func() bool) {
	f.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			f.t.Fatalf("waited in vain for: %s; %+v", what, f.stats())
		}
	}
}

func wantCode(t *testing.T, err error, code azservicebus.Code) {
	t.Helper()
	var e *azservicebus.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
