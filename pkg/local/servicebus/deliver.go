package servicebus

import (
	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// outgoing is the delivery that is on its way over a link. It stays when the session's window shuts in the middle of it.
type outgoing struct {
	buf   []byte // reused
	rest  []byte // what is not yet sent; nil: nothing is on its way
	token broker.Token
	begun bool
}

// deliver sends one message, or the rest of one, if there is credit and room, and tells whether there may be more. A drain
// is answered behind the last delivery.
func (l *link) deliver() bool {
	if l.delivery.rest == nil && !l.next() {
		if l.drain && (l.credit == 0 || l.session.remoteWindow > 0) {
			l.count += l.credit
			l.credit, l.drain = 0, false
			l.pushState(true)
		}
		return false
	}
	return l.transfer()
}

// next takes the next message from the queue.
func (l *link) next() bool {
	if l.credit == 0 || l.session.remoteWindow == 0 {
		return false
	}
	m, ok := l.queue.Take(l.settled || l.node.serve != nil)
	if !ok {
		return false
	}
	l.credit--
	l.count++
	d := &l.delivery
	d.begun, d.token = false, m.Token
	if l.node.serve != nil {
		d.buf = m.Content.Append(d.buf[:0])
	} else {
		d.buf = appendMessage(d.buf[:0], m)
	}
	d.rest = d.buf
	return true
}

// transferOverhead is more than a transfer frame has besides its payload.
const transferOverhead = 96

// transfer sends the delivery in as many frames as it takes; false if the window shuts before its end.
func (l *link) transfer() bool {
	s, d := l.session, &l.delivery
	for s.remoteWindow > 0 {
		n := min(len(d.rest), s.conn.frameSize-transferOverhead)
		t := amqp.Transfer{Handle: l.handle, Settled: l.settled, More: n < len(d.rest)}
		if !d.begun {
			d.begun = true
			id := s.nextDelivery
			s.nextDelivery++
			t.DeliveryID, t.MessageFormat, t.DeliveryTag = &id, new(uint32), tag(d.token)
			if !l.settled && l.node.serve == nil {
				s.unsettled[id] = unsettled{l, d.token}
			}
		}
		s.remoteWindow--
		s.nextOutgoing++
		s.conn.out = amqp.AppendFrame(s.conn.out, amqp.Frame{Channel: s.channel, Body: d.rest[:n]}, &t)
		if d.rest = d.rest[n:]; len(d.rest) == 0 {
			d.rest = nil
			if cap(d.buf) > maxFrame {
				d.buf = nil
			}
			return true
		}
	}
	return false
}

// The annotations that the server sets. Clients that send a received message again may send them along.
const (
	annLockToken   amqp.Symbol = "x-opt-lock-token"
	annEnqueued    amqp.Symbol = "x-opt-enqueued-time"
	annSequence    amqp.Symbol = "x-opt-sequence-number"
	annLockedUntil amqp.Symbol = "x-opt-locked-until"
	annState       amqp.Symbol = "x-opt-message-state"
)

// appendMessage appends a message as clients receive it: what was sent, and the server's annotations. Clients check none of
// the types here, so they must be exactly these.
func appendMessage(b []byte, m broker.Message) []byte {
	out := *m.Content
	out.DeliveryCount = m.DeliveryCount
	own := append(make(amqp.Map, 0, 4), amqp.Pair{Key: annEnqueued, Value: amqp.TimestampOf(m.Enqueued)}, amqp.Pair{Key: annSequence, Value: m.Sequence})
	if m.Token != (broker.Token{}) {
		own = append(own, amqp.Pair{Key: annLockedUntil, Value: amqp.TimestampOf(m.LockedUntil)})
		out.DeliveryAnnotations = out.DeliveryAnnotations.With(annLockToken, m.Token)
	}
	if m.State != broker.Active {
		own = append(own, amqp.Pair{Key: annState, Value: int32(m.State)})
	}
	out.Annotations = out.Annotations.Add(own...)
	return out.Append(b)
}

func withoutOurs(annotations amqp.Packed) amqp.Packed {
	return annotations.Without(string(annLockToken), string(annEnqueued), string(annSequence), string(annLockedUntil), string(annState))
}

// tag is the delivery tag: the lock token in the byte order of .NET, where clients look for it.
func tag(t broker.Token) []byte {
	t[0], t[1], t[2], t[3] = t[3], t[2], t[1], t[0]
	t[4], t[5], t[6], t[7] = t[5], t[4], t[7], t[6]
	return t[:]
}
