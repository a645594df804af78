package servicebus_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/servicebustest"
)

// raw is a client that says exactly what a test wants, for what azservicebus never does.
type raw struct {
	t  *testing.T
	nc net.Conn
}

// dial connects to a new server with a queue "q" and opens a session on channel 0.
func dial(t *testing.T, incomingWindow uint32) (*raw, *servicebus.Server) {
	t.Helper()
	s := servicebustest.Start(t, servicebus.Queue{Name: "q"})
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(2 * time.Minute))
	r := &raw{t, nc}
	r.handshake(&amqp.Open{ContainerID: "raw", MaxFrameSize: 512})
	r.write(&amqp.Begin{IncomingWindow: incomingWindow, OutgoingWindow: 100})
	read[*amqp.Begin](r)
	return r, s
}

func (r *raw) handshake(o *amqp.Open) {
	r.t.Helper()
	r.logIn(&amqp.SASLInit{Mechanism: "ANONYMOUS"})
	r.open(o)
}

func (r *raw) logIn(init *amqp.SASLInit) (outcome uint8) {
	r.t.Helper()
	r.bytes([]byte(amqp.HeaderSASL))
	r.header(amqp.HeaderSASL)
	read[*amqp.SASLMechanisms](r)
	r.bytes(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, init))
	return read[*amqp.SASLOutcome](r).Outcome
}

func (r *raw) open(o *amqp.Open) {
	r.t.Helper()
	r.bytes([]byte(amqp.HeaderAMQP))
	r.header(amqp.HeaderAMQP)
	r.write(o)
	read[*amqp.Open](r)
}

// ask sends a request over links of its own and returns the answer.
func (r *raw) ask(node, operation string, body any) *amqp.Message {
	r.t.Helper()
	r.attachReceiver(21, node)
	r.credit(21, 0, 5, false)
	r.attachSender(22, node)
	r.send(22, 0, &amqp.Message{Properties: amqp.Pack("request-1", nil, nil, nil, "in-"+node),
		Application: amqp.PackMap(amqp.Map{{Key: "operation", Value: operation}}), Body: amqp.AppendValue(nil, body)})
	defer func() {
		for _, handle := range []uint32{21, 22} {
			r.write(&amqp.Detach{Handle: handle, Closed: true})
			read[*amqp.Detach](r)
		}
	}()
	read[*amqp.Disposition](r) // of the request
	var whole []byte
	for more := true; more; {
		p, payload := r.next()
		whole, more = append(whole, payload...), p.(*amqp.Transfer).More
	}
	m, err := amqp.ParseMessage(whole)
	must(r.t, err)
	return m
}

func (r *raw) bytes(b []byte) {
	r.t.Helper()
	if _, err := r.nc.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) write(p amqp.Performative) {
	r.t.Helper()
	r.bytes(amqp.AppendFrame(nil, amqp.Frame{}, p))
}

func (r *raw) header(want string) {
	r.t.Helper()
	got := make([]byte, 8)
	if _, err := io.ReadFull(r.nc, got); err != nil || string(got) != want {
		r.t.Fatalf("header %q, %v", got, err)
	}
}

// next reads a frame; nil is a keep-alive.
func (r *raw) next() (amqp.Performative, []byte) {
	r.t.Helper()
	f, err := amqp.ReadFrame(r.nc, 65536, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	p, payload, err := f.Performative()
	if err != nil {
		r.t.Fatal(err)
	}
	return p, payload
}

// read reads the one kind of frame that must come next.
func read[P amqp.Performative](r *raw) P {
	r.t.Helper()
	got, _ := r.next()
	p, ok := got.(P)
	if !ok {
		r.t.Fatalf("%T %+v where %T is due", got, got, p)
	}
	return p
}

func terminus(code byte, address string) any {
	return amqp.Raw(amqp.Append([]byte{0x00, 0x53, code}, amqp.List{address}))
}

func (r *raw) attachReceiver(handle uint32, address string) *amqp.Attach {
	r.t.Helper()
	r.write(&amqp.Attach{Name: "in-" + address, Handle: handle, Receiver: true, ReceiverMode: 1, Source: terminus(0x28, address)})
	return read[*amqp.Attach](r)
}

func (r *raw) attachSender(handle uint32, address string) {
	r.t.Helper()
	r.write(&amqp.Attach{Name: "out-" + address, Handle: handle, SenderMode: 2, Target: terminus(0x29, address), InitialDeliveryCount: new(uint32)})
	read[*amqp.Attach](r)
	read[*amqp.Flow](r)
}

func (r *raw) send(handle, id uint32, m *amqp.Message) {
	r.t.Helper()
	r.bytes(amqp.AppendFrame(nil, amqp.Frame{Body: m.Append(nil)}, &amqp.Transfer{Handle: handle, DeliveryID: &id, DeliveryTag: []byte{1}, MessageFormat: new(uint32)}))
}

func accepted(d *amqp.Disposition) bool {
	_, is := d.State.(*amqp.Accepted)
	return is
}

// refusal is the condition of a rejected state, empty for others.
func refusal(d *amqp.Disposition) amqp.Symbol {
	if s, is := d.State.(*amqp.Rejected); is {
		return s.Error.Condition
	}
	return ""
}

func (r *raw) sendAll(ids ...string) {
	r.t.Helper()
	r.attachSender(9, "q")
	for i, id := range ids {
		r.send(9, uint32(i), &amqp.Message{Properties: amqp.Pack(id), Body: amqp.AppendValue(nil, id)})
		if d := read[*amqp.Disposition](r); !accepted(d) || !d.Settled {
			r.t.Fatalf("%+v", d)
		}
	}
}

func (r *raw) credit(handle, count, n uint32, drain bool) {
	r.t.Helper()
	r.write(&amqp.Flow{NextIncomingID: new(uint32), IncomingWindow: 1000, OutgoingWindow: 100, Handle: &handle, DeliveryCount: &count, LinkCredit: &n, Drain: drain})
}

func TestDrainIsAnsweredAfterTheDeliveries(t *testing.T) {
	t.Parallel()
	r, _ := dial(t, 1000)
	r.sendAll("a", "b")
	r.attachReceiver(1, "q")
	r.credit(1, 0, 10, true)
	read[*amqp.Transfer](r)
	read[*amqp.Transfer](r)
	if f := read[*amqp.Flow](r); *f.LinkCredit != 0 || *f.DeliveryCount != 10 || !f.Drain || f.NextOutgoingID != 2 {
		t.Errorf("credit %d, count %d, drain %v, next %d", *f.LinkCredit, *f.DeliveryCount, f.Drain, f.NextOutgoingID)
	}
}

func TestOneDispositionSettlesARange(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 1000)
	r.sendAll("a", "b", "c")
	r.attachReceiver(1, "q")
	r.credit(1, 0, 10, false)
	for range 3 {
		read[*amqp.Transfer](r)
	}
	last := uint32(1<<31 - 1) // beyond what was delivered
	r.write(&amqp.Disposition{Receiver: true, First: 1, Last: &last, State: &amqp.Accepted{}})
	for _, want := range []uint32{1, 2} {
		if d := read[*amqp.Disposition](r); d.First != want || !d.Settled || d.Receiver || !accepted(d) {
			t.Errorf("%+v", d)
		}
	}
	if st := s.Stats()[0]; st.Completed != 2 || st.Locked != 1 {
		t.Errorf("%+v", st)
	}
}

// A message of several frames must wait in the middle when the session's window shuts, and detaching must be answered
// meanwhile.
func TestShutWindowHoldsDeliveriesBackButNotAnswers(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 1)
	r.attachSender(9, "q")
	body := strings.Repeat("x", 200)
	r.send(9, 0, &amqp.Message{Application: amqp.PackMap(amqp.Map{{Key: "k", Value: body}}), Body: amqp.AppendValue(nil, body)})
	read[*amqp.Disposition](r)
	r.attachReceiver(1, "q")
	seen := uint32(0)
	flow := func(next, window uint32) {
		h, c, n := uint32(1), uint32(0), uint32(5)
		r.write(&amqp.Flow{NextIncomingID: &next, IncomingWindow: window, OutgoingWindow: 100, Handle: &h, DeliveryCount: &c, LinkCredit: &n})
	}
	flow(0, 1)
	if p := read[*amqp.Transfer](r); !p.More || p.DeliveryID == nil {
		t.Fatalf("%+v", p)
	}
	seen++
	r.write(&amqp.Attach{Name: "late", Handle: 5, Receiver: true, ReceiverMode: 1, Source: terminus(0x28, "q")})
	read[*amqp.Attach](r)
	flow(seen, 1)
	if p := read[*amqp.Transfer](r); p.More || p.DeliveryID != nil {
		t.Errorf("%+v", p)
	}
	r.send(9, 1, &amqp.Message{Body: amqp.AppendValue(nil, "held")})
	read[*amqp.Disposition](r)
	r.write(&amqp.Detach{Handle: 1, Closed: true})
	if d := read[*amqp.Detach](r); d.Handle != 1 || !d.Closed {
		t.Errorf("%+v", d)
	}
	flow(2, 100)
	r.write(&amqp.End{})
	read[*amqp.End](r)
	for deadline := time.Now().Add(time.Minute); s.Stats()[0].Locked != 1; { // "held" never left: it is free again
		if time.Now().After(deadline) {
			t.Fatalf("%+v", s.Stats()[0])
		}
		<-time.After(time.Millisecond)
	}
}

func TestOversizedAndAbortedDeliveriesLeaveTheLinkUsable(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 100)
	r.attachSender(1, "q")
	part := make([]byte, 60_000)
	for i := range 5 {
		tr := &amqp.Transfer{Handle: 1, More: i < 4}
		if i == 0 {
			tr.DeliveryID, tr.DeliveryTag, tr.MessageFormat = new(uint32), []byte{1}, new(uint32)
		}
		r.bytes(amqp.AppendFrame(nil, amqp.Frame{Body: part}, tr))
	}
	if d := read[*amqp.Disposition](r); refusal(d) != "amqp:link:message-size-exceeded" {
		t.Errorf("%+v", d.State)
	}
	one, two := uint32(1), uint32(2)
	r.bytes(amqp.AppendFrame(nil, amqp.Frame{Body: part}, &amqp.Transfer{Handle: 1, DeliveryID: &one, DeliveryTag: []byte{1}, More: true}))
	r.write(&amqp.Transfer{Handle: 1, Aborted: true})
	r.send(1, two, &amqp.Message{Body: amqp.AppendValue(nil, "fine")})
	if d := read[*amqp.Disposition](r); d.First != two || !accepted(d) {
		t.Errorf("%+v", d)
	}
	if st := s.Stats()[0]; st.Active != 1 {
		t.Errorf("%+v", st)
	}
}

func TestUnknownNodeIsRefusedWithAttachAndDetach(t *testing.T) {
	t.Parallel()
	r, _ := dial(t, 100)
	if a := r.attachReceiver(1, "nowhere"); a.Source != nil || a.Receiver {
		t.Errorf("%+v", a)
	}
	if d := read[*amqp.Detach](r); !d.Closed || d.Error.Condition != "amqp:not-found" {
		t.Errorf("%+v", d)
	}
}

func TestReplyGoesToTheLinkNamedInTheRequest(t *testing.T) {
	t.Parallel()
	r, _ := dial(t, 100)
	m := r.ask("q/$management", "com.microsoft:no-such", amqp.Map{})
	if m.Correlation() != "request-1" || m.Application.Get("statusCode") != int32(501) {
		t.Errorf("%+v", m.Application.Map())
	}
}

func TestProtocolErrorsCloseTheConnectionWithAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		frame []byte
		want  amqp.Symbol
	}{
		"garbage":             {[]byte{0, 0, 0, 10, 2, 0, 0, 0, 0xff, 0xff}, "amqp:decode-error"},
		"frame too large":     {[]byte{0xff, 0, 0, 0, 2, 0, 0, 0}, "amqp:decode-error"},
		"no such session":     {amqp.AppendFrame(nil, amqp.Frame{Channel: 7}, &amqp.End{}), "amqp:not-allowed"},
		"channel twice":       {amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Begin{}), "amqp:not-allowed"},
		"transfer to no link": {amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Transfer{Handle: 3}), "amqp:session:unattached-handle"},
		"wrong field type":    {amqp.AppendFrame(nil, amqp.Frame{}, &amqp.Attach{Properties: amqp.Map{}, Desired: nil, OfferedCapabilities: nil, Name: "\xff"}), "amqp:decode-error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := dial(t, 100)
			r.bytes(c.frame)
			if p := read[*amqp.Close](r); p.Error == nil || p.Error.Condition != c.want {
				t.Errorf("%+v", p.Error)
			}
		})
	}
}

// Whoever speaks something else is told what is spoken here, and the connection ends.
func TestOtherProtocolsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ say, want string }{
		"WebSockets":        {"GET /$servicebus/websocket HTTP/1.1\r\n\r\n", "WebSockets are not served by this emulator."},
		"AMQP without SASL": {amqp.HeaderAMQP, amqp.HeaderSASL},
		"AMQP 0.9.1":        {"AMQP\x00\x00\x09\x01", amqp.HeaderSASL},
		"an unknown mechanism": {amqp.HeaderSASL + string(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, &amqp.SASLInit{Mechanism: "SCRAM"})),
			string(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, &amqp.SASLOutcome{Outcome: 1}))},
		"a frame out of turn": {amqp.HeaderSASL + string(amqp.AppendFrame(nil, amqp.Frame{Type: amqp.TypeSASL}, &amqp.End{})), amqp.HeaderSASL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := servicebustest.Start(t, servicebus.Queue{Name: "q"})
			nc, err := net.Dial("tcp", s.Addr())
			must(t, err)
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(2 * time.Minute))
			_, err = io.WriteString(nc, c.say)
			must(t, err)
			got, _ := io.ReadAll(nc) // some of what was said may be unread when the server closes: that is a reset
			if !strings.Contains(string(got), c.want) {
				t.Errorf("answered %q, want %q", got, c.want)
			}
		})
	}
}

func TestCloseIsAnswered(t *testing.T) {
	t.Parallel()
	r, _ := dial(t, 100)
	r.write(&amqp.Close{})
	read[*amqp.Close](r)
	if _, err := r.nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after close: %v", err)
	}
}

func TestKeepAlivesGoOutAndSilentClientsAreDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := servicebus.Unlistened(servicebus.Queue{Name: "q"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		ours, theirs := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- s.ServeConn(theirs) }()
		r := &raw{t, ours}
		r.handshake(&amqp.Open{ContainerID: "raw", IdleTimeout: 30_000})
		start := time.Now()
		for i := 1; i <= 7; i++ {
			if p, _ := r.next(); p != nil || time.Since(start) != time.Duration(i)*15*time.Second {
				t.Errorf("%v after %s", p, time.Since(start))
			}
		}
		go io.Copy(io.Discard, ours)
		if err := <-ended; !isTimeout(err) || time.Since(start) != 2*time.Minute {
			t.Errorf("ended after %s with %v", time.Since(start), err)
		}
	})
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
