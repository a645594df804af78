package functionshost_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/servicebustest"
)

const queueJSON = `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"msg","queueName":"%INVITE_QUEUE%","connection":"Bus","dataType":"binary"}]}`

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

func (b *busRig) idle() servicebus.QueueStats {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := b.server.WaitIdle(ctx); err != nil {
		b.t.Fatalf("queue is not idle: %+v\n%s", b.server.Stats(), b.log)
	}
	return b.server.Stats()[0]
}

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

func deliveries(t *testing.T, c call) int {
	t.Helper()
	var text string
	if err := json.Unmarshal(c.Metadata["DeliveryCount"], &text); err != nil {
		t.Error(err)
	}
	n, _ := strconv.Atoi(text)
	return n
}

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
