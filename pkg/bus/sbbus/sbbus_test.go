package sbbus_test

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/bus/bustest"
	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		srv := serve(t, time.Hour)
		h := newHost(t, srv)
		return bustest.Harness{Bus: connect(t, srv), Receive: h.receive, Complete: h.complete, SendRaw: h.sendRaw,
			Now: time.Now, Advance: func(time.Time) {}}
	})
}

// serve starts an emulator with Guestlist's queues.
func serve(t *testing.T, window time.Duration) *servicebus.Server {
	t.Helper()
	var queues []servicebus.Queue
	for _, name := range message.Queues {
		queues = append(queues, servicebus.Queue{Name: name, LockDuration: time.Minute, MaxDeliveryCount: 50, DuplicateWindow: window})
	}
	srv, err := servicebus.Serve(servicebus.Config{Queues: queues})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv
}

func connect(t *testing.T, srv *servicebus.Server) *sbbus.Bus {
	t.Helper()
	b, err := sbbus.FromConnectionString(srv.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	return b
}

// host receives messages over a connection of its own, as the Functions host does.
type host struct {
	client    *azservicebus.Client
	receivers map[string]*azservicebus.Receiver
}

func newHost(t *testing.T, srv *servicebus.Server) *host {
	t.Helper()
	client, err := azservicebus.NewClientFromConnectionString(srv.ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	return &host{client: client, receivers: map[string]*azservicebus.Receiver{}}
}

func (h *host) receiver(t testing.TB, queue string) *azservicebus.Receiver {
	t.Helper()
	if h.receivers[queue] == nil {
		r, err := h.client.NewReceiverForQueue(queue, nil)
		if err != nil {
			t.Fatal(err)
		}
		h.receivers[queue] = r
	}
	return h.receivers[queue]
}

func (h *host) receive(t testing.TB, queue string) bustest.Received {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	msgs, err := h.receiver(t, queue).ReceiveMessages(ctx, 1, nil)
	if err != nil || len(msgs) != 1 {
		t.Fatalf("receive from %s: %d messages, %v", queue, len(msgs), err)
	}
	m := msgs[0]
	got := bustest.Received{MessageID: m.MessageID, CorrelationID: deref(m.CorrelationID), Subject: deref(m.Subject),
		LockToken: guid(m.LockToken), Deliveries: int(m.DeliveryCount)}
	if deref(m.ContentType) != "application/json" && m.MessageID != "raw" {
		t.Errorf("content type is %q", deref(m.ContentType))
	}
	got.Message, _ = message.Decode(m.Body, m.ApplicationProperties)
	return got
}

func (h *host) complete(t testing.TB, queue, token string) {
	t.Helper()
	b, err := hex.DecodeString(token[:8] + token[9:13] + token[14:18] + token[19:23] + token[24:])
	if err != nil {
		t.Fatal(err)
	}
	m := &azservicebus.ReceivedMessage{LockToken: [16]byte(b)}
	if err := h.receiver(t, queue).CompleteMessage(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
}

func (h *host) sendRaw(t testing.TB, queue string, body []byte) {
	t.Helper()
	s, err := h.client.NewSender(queue, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := "raw"
	if err := s.SendMessage(t.Context(), &azservicebus.Message{Body: body, MessageID: &id}, nil); err != nil {
		t.Fatal(err)
	}
}

// guid formats a lock token as .NET prints a Guid.
func guid(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// holdDead locks the oldest dead letter of a queue.
func (h *host) holdDead(t testing.TB, queue string) {
	t.Helper()
	r, err := h.client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if msgs, err := r.ReceiveMessages(ctx, 1, nil); err != nil || len(msgs) != 1 {
		t.Fatalf("hold a dead letter of %s: %d messages, %v", queue, len(msgs), err)
	}
}
