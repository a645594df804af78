package servicebus

import (
	"net"
	"sync"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

const (
	// outboxRoom is how many items may wait before the connection stops reading: a client that sends and never reads must
	// not fill the memory. Deliveries are bounded by the credit that the client gave.
	outboxRoom   = 16384
	flushAt      = 128 << 10
	writeTimeout = 30 * time.Second // a client that takes nothing for so long is gone
)

// item is something to write: a frame, a delivery, or news that a session's window opened. The zero item is a keep-alive.
type item struct {
	session  *session
	frame    amqp.Performative
	delivery *delivery
	resume   bool
}

// delivery is a message on its way to a client. The writer gives it its number and splits it into frames.
type delivery struct {
	to      *outlet
	message broker.Message
	payload []byte // what is not yet sent; nil until the message is encoded
	id      uint32
	begun   bool
}

// outlet is the end of a link from which deliveries go out. closed is guarded by the outbox.
type outlet struct {
	session *session
	handle  uint32
	settled bool
	queue   *broker.Queue // nil for replies
	closed  bool
}

// outbox is the one way out of a connection. push never blocks; one goroutine, run, writes in the order of pushing, but
// holds back the deliveries of a session whose window is shut, and the flows behind them: a flow that ends a drain must
// not overtake what was delivered.
type outbox struct {
	net       net.Conn
	frameSize uint32
	buf       []byte

	mu       sync.Mutex
	changed  sync.Cond
	items    []item
	finished bool
	failed   bool
}

func newOutbox(nc net.Conn) *outbox {
	o := &outbox{net: nc}
	o.changed.L = &o.mu
	return o
}

// push adds an item and tells whether it has a chance of being written.
func (o *outbox) push(it item) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished || o.failed {
		return false
	}
	o.items = append(o.items, it)
	if len(o.items) == 1 {
		o.changed.Broadcast()
	}
	return true
}

// finish makes run return once everything is written.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	o.changed.Broadcast()
}

func (o *outbox) waitForRoom() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.items) > outboxRoom && !o.failed {
		o.changed.Wait()
	}
}

// take waits for items and takes them all; false at the end.
func (o *outbox) take(reuse []item) ([]item, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.items) == 0 && !o.finished {
		o.changed.Wait()
	}
	items := o.items
	clear(reuse)
	o.items = reuse[:0]
	o.changed.Broadcast()
	return items, len(items) > 0
}

// run writes until finish or until the connection fails. Deliveries that no byte went out of are released.
func (o *outbox) run() {
	var items []item
	held := map[*session][]item{} // behind shut windows
	for ok := true; ok; {
		if items, ok = o.take(items); !ok {
			break
		}
		for _, it := range items {
			o.process(it, held)
		}
		o.flush()
	}
	for _, items := range held {
		for _, it := range items {
			it.giveBack()
		}
	}
}

// process writes an item or holds it back behind those of its session that wait.
func (o *outbox) process(it item, held map[*session][]item) {
	switch {
	case it.resume:
		waiting := held[it.session]
		delete(held, it.session)
		for _, w := range waiting {
			o.process(w, held)
		}
	case it.waits() && len(held[it.session]) > 0 || !o.write(it):
		held[it.session] = append(held[it.session], it)
	}
}

func (it item) waits() bool {
	_, flow := it.frame.(*amqp.Flow)
	return flow || it.delivery != nil
}

// write writes an item; false if its session's window is shut.
func (o *outbox) write(it item) bool {
	switch {
	case it.delivery != nil:
		return o.writeDelivery(it)
	case it.frame == nil:
		o.buf = amqp.AppendEmpty(o.buf)
	default:
		f := amqp.Frame{}
		if it.session != nil {
			f.Channel = it.session.channel
		}
		if flow, ok := it.frame.(*amqp.Flow); ok {
			flow.NextOutgoingID = o.nextID(it.session)
		}
		o.buf = amqp.AppendFrame(o.buf, f, it.frame)
	}
	o.flushIfFull()
	return true
}

func (o *outbox) nextID(s *session) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return s.nextOutgoing
}

// transferOverhead is more than a transfer frame has besides its payload.
const transferOverhead = 96

func (o *outbox) writeDelivery(it item) bool {
	d := it.delivery
	if d.payload == nil {
		d.payload = encode(d.message)
	}
	for first := true; first || len(d.payload) > 0; first = false {
		n := min(len(d.payload), int(o.frameSize)-transferOverhead)
		switch o.admit(d, it.session) {
		case shut:
			return false
		case dropped:
			it.giveBack()
			return true
		}
		t := &amqp.Transfer{Handle: d.to.handle, Settled: d.to.settled, More: n < len(d.payload)}
		if !d.begun {
			d.begun = true
			t.DeliveryID, t.MessageFormat, t.DeliveryTag = &d.id, new(uint32), tag(d)
		}
		o.buf = amqp.AppendFrame(o.buf, amqp.Frame{Channel: it.session.channel, Body: d.payload[:n]}, t)
		d.payload = d.payload[n:]
		o.flushIfFull()
	}
	return true
}

// admission says whether a transfer may go out now.
type admission int

const (
	open admission = iota
	shut
	dropped // its link is closed
)

// admit counts a transfer against the session's window and, with its first one, numbers the delivery.
func (o *outbox) admit(d *delivery, s *session) admission {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case d.to.closed || o.failed:
		return dropped
	case s.remoteWindow == 0:
		return shut
	}
	s.remoteWindow--
	s.nextOutgoing++
	if !d.begun {
		d.id = s.nextDelivery
		s.nextDelivery++
		if !d.to.settled && d.to.queue != nil {
			s.unsettled[d.id] = unsettled{d.to, d.message.Token}
		}
	}
	return open
}

// giveBack releases the message of a delivery that never left.
func (it item) giveBack() {
	if d := it.delivery; d != nil && !d.begun && d.to.queue != nil && !d.to.settled {
		d.to.queue.Settle(d.message.Token, broker.Settlement{Outcome: broker.Release}) // an expired lock is as good
	}
}

func (o *outbox) flushIfFull() {
	if len(o.buf) >= flushAt {
		o.flush()
	}
}

// flush writes the buffer. After a failure it closes the connection, so that the reader ends too, and drops what comes.
func (o *outbox) flush() {
	if len(o.buf) == 0 {
		return
	}
	o.net.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := o.net.Write(o.buf)
	if o.buf = o.buf[:0]; err == nil || o.failed {
		return
	}
	o.net.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = true
	o.changed.Broadcast()
}
