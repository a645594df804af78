package servicebus

import (
	"fmt"
	"slices"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// window is how many transfers a client may have under way in a session, as many as azservicebus allows us.
const window = 5000

// session is one AMQP session: nothing to do with the sessions of Service Bus. The connection's mutex guards it.
type session struct {
	conn         *conn
	channel      uint16 // both directions use the same number
	links        map[uint32]*link
	nextIncoming uint32
	inWindow     uint32
	remoteWindow uint32
	nextOutgoing uint32
	nextDelivery uint32
	unsettled    map[uint32]unsettled
}

// unsettled is a delivery that the client has yet to settle.
type unsettled struct {
	link  *link
	token broker.Token
}

func newSession(c *conn, channel uint16, b *amqp.Begin) *session {
	return &session{conn: c, channel: channel, links: map[uint32]*link{}, nextIncoming: b.NextOutgoingID, inWindow: window,
		remoteWindow: b.IncomingWindow, unsettled: map[uint32]unsettled{}}
}

func (s *session) push(p amqp.Performative) { s.conn.push(s.channel, p) }

// end closes the links. Locks stay.
func (s *session) end() {
	for _, l := range s.links {
		l.close()
	}
	clear(s.links)
}

func (s *session) handle(p amqp.Performative, payload []byte) error {
	switch p := p.(type) {
	case *amqp.Attach:
		return s.attach(p)
	case *amqp.Flow:
		s.flow(p)
	case *amqp.Transfer:
		return s.transfer(p, payload)
	case *amqp.Disposition:
		if p.Receiver && p.State != nil {
			s.settle(p)
		}
	case *amqp.Detach:
		if l := s.links[p.Handle]; l != nil {
			delete(s.links, p.Handle)
			if !l.gone {
				l.close()
				s.push(&amqp.Detach{Handle: p.Handle, Closed: true})
			}
		}
	default:
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("%T in a session", p)}
	}
	return nil
}

// flow takes over the client's view of its window, and of a link's credit.
func (s *session) flow(f *amqp.Flow) {
	var seen uint32 // our first transfer is number 0
	if f.NextIncomingID != nil {
		seen = *f.NextIncomingID
	}
	s.remoteWindow = uint32(max(0, int32(seen+f.IncomingWindow-s.nextOutgoing)))
	s.conn.signal()
	if f.Handle == nil {
		if f.Echo {
			s.pushFlow(&amqp.Flow{})
		}
		return
	}
	if l := s.links[*f.Handle]; l != nil && !l.gone {
		l.flow(f)
	}
}

// pushFlow sends a flow with the state of the session filled in.
func (s *session) pushFlow(f *amqp.Flow) {
	next := s.nextIncoming
	f.NextIncomingID, f.IncomingWindow, f.NextOutgoingID, f.OutgoingWindow = &next, s.inWindow, s.nextOutgoing, window
	s.push(f)
}

func (s *session) transfer(t *amqp.Transfer, payload []byte) error {
	s.nextIncoming++
	if s.inWindow--; s.inWindow < window/2 {
		s.inWindow = window
		s.pushFlow(&amqp.Flow{})
	}
	l := s.links[t.Handle]
	if l == nil || l.sends {
		return &amqp.Error{Condition: "amqp:session:unattached-handle", Description: fmt.Sprintf("a transfer on handle %d", t.Handle)}
	}
	if !l.gone {
		l.receive(t, payload)
	}
	return nil
}

// settle handles what a client says about deliveries. Each is answered on its own: one lock of a range may be lost.
func (s *session) settle(d *amqp.Disposition) {
	for _, id := range s.settleable(d) {
		u, known := s.unsettled[id]
		if !known {
			continue
		}
		delete(s.unsettled, id)
		answer := func(state any) {
			if _, gone := d.State.(*amqp.Accepted); !gone {
				// What was given back goes out again before the answer: a client that closes its link once it has the answer
				// can still give it back.
				s.conn.fill()
			}
			if !d.Settled {
				s.push(&amqp.Disposition{First: id, Last: &id, Settled: true, State: state})
			}
		}
		if f := u.link.fault(settling); f != nil {
			u.link.hinder(f, func() { answer(u.apply(d.State, f.Kind == DeliverTwice)) },
				func(why *amqp.Error) { answer(&amqp.Rejected{Error: why}) })
			continue
		}
		answer(u.apply(d.State, false))
	}
}

// settleable lists the unsettled deliveries of a disposition's range. The range is the client's word, so a huge one is
// not walked through.
func (s *session) settleable(d *amqp.Disposition) []uint32 {
	if d.Last == nil || *d.Last == d.First {
		return []uint32{d.First}
	}
	var ids []uint32
	for id := range s.unsettled {
		if id-d.First <= *d.Last-d.First {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return int(int32(a - b)) })
	return ids
}
