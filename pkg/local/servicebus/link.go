package servicebus

import (
	"fmt"
	"net/url"
	"strings"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

const (
	managementSuffix = "/$management"
	cbsAddress       = "$cbs"
)

// node is what a link can attach to: a queue, a queue's management or the token service.
type node struct {
	queue *broker.Queue
	serve func(request) response // of the two that answer requests
}

// resolve finds the node of an address, which may be a URL. Entity names are case-insensitive.
func (s *Server) resolve(address string) (node, bool) {
	path := pathOf(address)
	if strings.EqualFold(path, cbsAddress) {
		return node{serve: s.serveCBS}, true
	}
	path, managed := cutSuffixFold(path, managementSuffix)
	q := s.broker.Lookup(path)
	if q == nil {
		return node{}, false
	}
	if managed {
		return node{queue: q, serve: func(r request) response { return manage(q, r) }}, true
	}
	return node{queue: q}, true
}

func pathOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		address = u.Path
	}
	return strings.Trim(address, "/")
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if n := len(s) - len(suffix); n >= 0 && strings.EqualFold(s[n:], suffix) {
		return s[:n], true
	}
	return s, false
}

func notFound(address string) *amqp.Error {
	return &amqp.Error{Condition: "amqp:not-found", Description: fmt.Sprintf("The messaging entity '%s' could not be found.", address)}
}

// attach answers an attach with our end of the link, or with an end that is detached at once.
func (s *session) attach(a *amqp.Attach) error {
	if s.links[a.Handle] != nil {
		return &amqp.Error{Condition: "amqp:session:handle-in-use", Description: fmt.Sprintf("handle %d", a.Handle)}
	}
	own := a.Target // of a client that sends
	if a.Receiver {
		own = a.Source
	}
	n, refusal := s.nodeFor(a, own)
	if refusal != nil {
		s.refuse(a, refusal)
		return nil
	}
	reply := *a
	reply.Receiver, reply.InitialDeliveryCount, reply.MaxMessageSize, reply.Properties, reply.Desired = !a.Receiver, nil, 0, nil, nil
	if a.Receiver {
		reply.InitialDeliveryCount = new(uint32)
		s.push(&reply)
		s.links[a.Handle] = s.supply(a, n)
		return nil
	}
	reply.MaxMessageSize = maxMessage
	s.push(&reply)
	in := &intake{session: s, handle: a.Handle, node: n}
	if a.InitialDeliveryCount != nil {
		in.count = *a.InitialDeliveryCount
	}
	s.links[a.Handle] = in
	in.grant()
	return nil
}

func (s *session) nodeFor(a *amqp.Attach, own *amqp.Terminus) (node, *amqp.Error) {
	if own == nil {
		return node{}, &amqp.Error{Condition: "amqp:invalid-field", Description: "the attach names no node"}
	}
	n, ok := s.conn.server.resolve(own.Address())
	_, dead := cutSuffixFold(pathOf(own.Address()), broker.DeadLetterSuffix)
	switch {
	case !ok:
		return n, notFound(own.Address())
	case own.Filter("com.microsoft:session-filter") != nil:
		return n, &amqp.Error{Condition: "amqp:not-allowed",
			Description: "A sessionful message receiver cannot be created on an entity that does not require sessions."}
	case dead && !a.Receiver && n.serve == nil:
		return n, &amqp.Error{Condition: "amqp:not-allowed", Description: "A dead-letter queue cannot be sent to."}
	}
	return n, nil
}

// refuse answers as the protocol asks: an attach without the node, then a detach that says why.
func (s *session) refuse(a *amqp.Attach, why *amqp.Error) {
	s.conn.server.log.Warn("link refused", "link", a.Name, "why", why)
	reply := *a
	reply.Receiver, reply.Source, reply.Target, reply.InitialDeliveryCount = !a.Receiver, nil, nil, nil
	if a.Receiver {
		reply.InitialDeliveryCount = new(uint32)
	}
	s.push(&reply)
	s.push(&amqp.Detach{Handle: a.Handle, Closed: true, Error: why})
}

// supply makes our end of a link to a receiving client.
func (s *session) supply(a *amqp.Attach, n node) link {
	out := &outlet{session: s, handle: a.Handle, settled: a.SenderMode == 1, queue: n.queue}
	if n.serve != nil {
		out.queue = nil
		l := &replyLink{outlet: out, names: []string{a.Name}}
		if a.Target != nil && a.Target.Address() != "" {
			l.names = append(l.names, a.Target.Address())
		}
		for _, name := range l.names {
			s.conn.replies[name] = l
		}
		return l
	}
	l := &queueLink{outlet: out}
	l.subscription = n.queue.Subscribe(l, out.settled)
	return l
}

// queueLink delivers a queue's messages to a client.
type queueLink struct {
	*outlet
	subscription *broker.Subscription
}

// Deliver implements broker.Consumer.
func (l *queueLink) Deliver(m broker.Message) {
	it := item{session: l.session, delivery: &delivery{to: l.outlet, message: m}}
	if !l.session.conn.out.push(it) {
		go it.giveBack() // the queue is locked now
	}
}

func (l *queueLink) flow(f *amqp.Flow) {
	c := broker.Credit{Drain: f.Drain}
	if f.DeliveryCount != nil {
		c.DeliveryCount = *f.DeliveryCount
	}
	if f.LinkCredit != nil {
		c.Credit = *f.LinkCredit
	}
	delivered, credit := l.subscription.SetCredit(c)
	if f.Drain || f.Echo {
		l.session.pushFlow(&amqp.Flow{Handle: &l.handle, DeliveryCount: &delivered, LinkCredit: &credit, Drain: f.Drain})
	}
}

// close ends the deliveries. What was delivered stays locked and can be settled by lock token.
func (l *queueLink) close() {
	l.subscription.Close()
	l.outlet.close()
}

// close makes the writer drop what waits for this link and forgets the client's unsettled deliveries.
func (out *outlet) close() {
	o := out.session.conn.out
	o.mu.Lock()
	defer o.mu.Unlock()
	out.closed = true
	for id, u := range out.session.unsettled {
		if u.outlet == out {
			delete(out.session.unsettled, id)
		}
	}
}
