package servicebus

import (
	"fmt"
	"slices"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// window is how many transfers a client may have under way in a session, as many as azservicebus allows us.
const window = 5000

// session is one AMQP session: nothing to do with the sessions of Service Bus.
type session struct {
	conn         *conn
	channel      uint16 // both directions use the same number
	links        map[uint32]link
	nextIncoming uint32
	inWindow     uint32

	// Guarded by the outbox.
	remoteWindow uint32
	nextOutgoing uint32
	nextDelivery uint32
	unsettled    map[uint32]unsettled
}

// unsettled is a delivery that the client has yet to settle.
type unsettled struct {
	outlet *outlet
	token  broker.Token
}

// link is one end of a link; the session's reader calls it.
type link interface {
	flow(*amqp.Flow)
	close()
}

func newSession(c *conn, channel uint16, b *amqp.Begin) *session {
	return &session{conn: c, channel: channel, links: map[uint32]link{}, nextIncoming: b.NextOutgoingID, inWindow: window,
		remoteWindow: b.IncomingWindow, unsettled: map[uint32]unsettled{}}
}

func (s *session) push(p amqp.Performative) { s.conn.out.push(item{session: s, frame: p}) }

// end closes the links and lets go of what waits for the window. Locks stay.
func (s *session) end() {
	for _, l := range s.links {
		l.close()
	}
	clear(s.links)
	s.conn.out.push(item{session: s, resume: true})
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
		if p.Receiver {
			s.settle(p)
		}
	case *amqp.Detach:
		if l := s.links[p.Handle]; l != nil {
			l.close()
			delete(s.links, p.Handle)
			s.push(&amqp.Detach{Handle: p.Handle, Closed: true})
		}
	default:
		return &amqp.Error{Condition: "amqp:not-allowed", Description: fmt.Sprintf("%T in a session", p)}
	}
	return nil
}

func (s *session) flow(f *amqp.Flow) {
	s.openWindow(f)
	if f.Handle == nil {
		if f.Echo {
			s.pushFlow(&amqp.Flow{})
		}
		return
	}
	if l := s.links[*f.Handle]; l != nil {
		l.flow(f)
	}
}

// openWindow takes over the client's view of its window and wakes the writer for what waited for it.
func (s *session) openWindow(f *amqp.Flow) {
	o := s.conn.out
	o.mu.Lock()
	var seen uint32 // our first transfer is number 0
	if f.NextIncomingID != nil {
		seen = *f.NextIncomingID
	}
	wasShut := s.remoteWindow == 0
	s.remoteWindow = 0
	if left := int32(seen + f.IncomingWindow - s.nextOutgoing); left > 0 {
		s.remoteWindow = uint32(left)
	}
	wake := wasShut && s.remoteWindow > 0
	o.mu.Unlock()
	if wake {
		o.push(item{session: s, resume: true})
	}
}

// pushFlow sends a flow with the state of the session filled in.
func (s *session) pushFlow(f *amqp.Flow) {
	next := s.nextIncoming
	f.NextIncomingID, f.IncomingWindow, f.OutgoingWindow = &next, s.inWindow, window
	s.push(f)
}

func (s *session) transfer(t *amqp.Transfer, payload []byte) error {
	s.nextIncoming++
	if s.inWindow--; s.inWindow < window/2 {
		s.inWindow = window
		s.pushFlow(&amqp.Flow{})
	}
	l, ok := s.links[t.Handle].(*intake)
	if !ok {
		return &amqp.Error{Condition: "amqp:session:unattached-handle", Description: fmt.Sprintf("a transfer on handle %d", t.Handle)}
	}
	l.transfer(t, payload)
	return nil
}

// settle handles what a client says about deliveries. Each is answered on its own: one lock of a range may be lost.
func (s *session) settle(d *amqp.Disposition) {
	for _, id := range s.settleable(d) {
		o := s.conn.out
		o.mu.Lock()
		u, known := s.unsettled[id]
		delete(s.unsettled, id)
		o.mu.Unlock()
		if !known {
			continue
		}
		state := apply(u, d.State)
		if !d.Settled {
			s.push(&amqp.Disposition{First: id, Last: &id, Settled: true, State: state})
		}
	}
}

// settleable lists the unsettled deliveries of a disposition's range. The range is the client's word, so a huge one is
// not walked through.
func (s *session) settleable(d *amqp.Disposition) []uint32 {
	if d.State == nil || d.Last == nil || *d.Last == d.First {
		if d.State == nil {
			return nil
		}
		return []uint32{d.First}
	}
	o := s.conn.out
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []uint32
	for id := range s.unsettled {
		if id-d.First <= *d.Last-d.First {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return int(int32(a - b)) })
	return ids
}

// apply does to the message what a delivery state says, and returns the state to answer with. A dead-lettered message is
// answered with accepted: clients take an error in the answer for their own.
func apply(u unsettled, state *amqp.State) *amqp.State {
	settlement, ok := settlementOf(state)
	if !ok {
		return rejected("amqp:not-implemented", fmt.Sprintf("delivery state 0x%x", state.Code))
	}
	if err := u.outlet.queue.Settle(u.token, settlement); err != nil {
		return rejected("com.microsoft:message-lock-lost", err.Error())
	}
	return &amqp.State{Code: amqp.Accepted}
}

func rejected(condition amqp.Symbol, why string) *amqp.State {
	return &amqp.State{Code: amqp.Rejected, Error: &amqp.Error{Condition: condition, Description: why}}
}

func settlementOf(state *amqp.State) (broker.Settlement, bool) {
	switch state.Code {
	case amqp.Accepted:
		return broker.Settlement{Outcome: broker.Complete}, true
	case amqp.Released:
		return broker.Settlement{Outcome: broker.Release}, true
	case amqp.Modified:
		if state.UndeliverableHere {
			return broker.Settlement{Outcome: broker.Defer, Modify: asText(state.Annotations)}, true
		}
		return broker.Settlement{Outcome: broker.Abandon, Modify: asText(state.Annotations)}, true
	case amqp.Rejected:
		return deadLetterOf(state.Error), true
	}
	return broker.Settlement{}, false
}

// deadLetterOf reads reason and description from the error's info; what else is there are properties to modify.
func deadLetterOf(e *amqp.Error) broker.Settlement {
	s := broker.Settlement{Outcome: broker.DeadLetter}
	if e == nil {
		return s
	}
	s.Reason, s.Description = string(e.Condition), e.Description
	if e.Condition == "com.microsoft:dead-letter" {
		s.Reason = ""
	}
	for _, p := range asText(e.Info) {
		text, _ := p.Value.(string)
		switch p.Key {
		case broker.ReasonProperty:
			s.Reason = text
		case broker.DescriptionProperty:
			s.Description = text
		default:
			s.Modify = append(s.Modify, p)
		}
	}
	return s
}

// asText makes the keys of a map strings, as application properties have them.
func asText(m amqp.Map) amqp.Map {
	var out amqp.Map
	for _, p := range m {
		if k, ok := p.Key.(amqp.Symbol); ok {
			p.Key = string(k)
		}
		if _, ok := p.Key.(string); ok {
			out = append(out, p)
		}
	}
	return out
}
