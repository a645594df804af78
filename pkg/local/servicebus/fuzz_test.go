package servicebus_test

import (
	"io"
	"net"
	"testing"
	"time"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
)

// frames are what a client sends after the handshake: a session, two links, credit, a message and its settlement, requests.
func frames() []byte {
	zero, ten := uint32(0), uint32(10)
	message := &amqp.Message{Properties: amqp.Pack("id", nil, nil, nil, "in"), Body: amqp.AppendValue(nil, amqp.Map{}),
		Application: amqp.PackMap(amqp.Map{{Key: "operation", Value: "com.microsoft:peek-message"}})}
	var b []byte
	for _, p := range []amqp.Performative{
		&amqp.Begin{IncomingWindow: 100, OutgoingWindow: 100},
		&amqp.Attach{Name: "out", Handle: 0, SenderMode: 2, Target: terminus(0x29, "q"), InitialDeliveryCount: &zero},
		&amqp.Attach{Name: "in", Handle: 1, Receiver: true, ReceiverMode: 1, Source: terminus(0x28, "q/$management")},
		&amqp.Attach{Name: "ask", Handle: 2, SenderMode: 2, Target: terminus(0x29, "q/$management"), InitialDeliveryCount: &zero},
		&amqp.Attach{Name: "take", Handle: 3, Receiver: true, ReceiverMode: 1, Source: terminus(0x28, "q")},
		&amqp.Flow{NextIncomingID: &zero, IncomingWindow: 100, Handle: &zero, DeliveryCount: &zero, LinkCredit: &ten, Drain: true, Echo: true},
		&amqp.Disposition{Receiver: true, First: 0, Last: &ten, State: &amqp.Modified{UndeliverableHere: true}},
		&amqp.Detach{Handle: 1, Closed: true},
	} {
		b = amqp.AppendFrame(b, amqp.Frame{}, p)
		for _, handle := range []uint32{0, 2} {
			if _, isFlow := p.(*amqp.Flow); isFlow {
				b = amqp.AppendFrame(b, amqp.Frame{Body: message.Append(nil)}, &amqp.Transfer{Handle: handle, DeliveryID: &handle, DeliveryTag: []byte{1}, MessageFormat: &zero})
			}
		}
	}
	return b
}

// Whatever a client sends, the server must neither panic nor hang, and serve the next one.
func FuzzConnection(f *testing.F) {
	f.Add(frames())
	f.Add(amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Close{}))
	f.Add([]byte(amqp.Empty))
	s, err := servicebus.Unlistened(servicebus.Queue{Name: "q", DuplicateWindow: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Stop)
	hello := []byte(amqp.HeaderSASL)
	hello = amqp.AppendFrame(hello, amqp.Frame{Type: amqp.TypeSASL}, &amqp.SASLInit{Mechanism: "ANONYMOUS"})
	hello = append(hello, amqp.HeaderAMQP...)
	hello = amqp.AppendFrame(hello, amqp.Frame{}, &amqp.Open{ContainerID: "fuzz", MaxFrameSize: 512})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- s.ServeConn(theirs) }()
		go io.Copy(io.Discard, ours)
		ours.SetWriteDeadline(time.Now().Add(2 * time.Minute))
		ours.Write(hello)
		ours.Write(b) // fails where the server has ended the connection
		ours.Close()
		select {
		case <-ended:
		case <-time.After(2 * time.Minute):
			t.Fatalf("%x: the connection did not end", b)
		}
	})
}
