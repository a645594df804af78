package servicebus_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

// A client that gives all the credit there is and then reads nothing may take what fits into the sockets. The rest must
// stay where others find it.
func TestStalledConsumerBlocksNobody(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 1<<31-1)
	r.attachReceiver(1, "q")
	r.credit(1, 0, 1<<30, false)
	f := &fixture{t: t, ctx: t.Context(), server: s}
	f.client = f.connect()
	var err error
	f.sender, err = f.client.NewSender("q", nil)
	must(t, err)
	const n = 300
	for range n { // 60 MB, many times what sockets hold
		must(t, f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: make([]byte, 200_000)}, nil))
	}
	receiver := f.receiver(nil)
	for range n / 2 {
		m := f.one(receiver)
		must(t, receiver.CompleteMessage(f.ctx, m, nil))
	}
	if st := f.stats(); st.Locked > n/2 {
		t.Errorf("the stalled client holds %d messages", st.Locked)
	}
}

// A client that asks and sends without ever reading must be stopped, not remembered.
func TestClientThatNeverReadsIsNotReadFor(t *testing.T) {
	t.Parallel()
	r, _ := dial(t, 1<<31-1)
	r.nc.SetWriteDeadline(time.Now().Add(3 * time.Second))
	echo := amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Flow{NextIncomingID: new(uint32), IncomingWindow: 1, Echo: true})
	var block []byte
	for len(block) < 1<<20 {
		block = append(block, echo...)
	}
	for range 200 {
		if _, err := r.nc.Write(block); err != nil {
			return // stopped by the server's backlog, as it should be
		}
	}
	t.Error("the server took 200 MB of requests whose answers nobody read")
}
