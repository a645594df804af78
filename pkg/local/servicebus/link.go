package servicebus

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// link is our end of a link. It either sends what a queue holds or receives for its node.
type link struct {
	session *session
	handle  uint32
	node    node
	sends   bool
	gone    bool   // detached by us: what comes until the client's detach is ignored
	credit  uint32 // how many deliveries may still go over the link
	count   uint32 // how many have

	// An end that sends.
	queue    *broker.Queue // the node's, or that of the answers to requests
	consumer *broker.Consumer
	settled  bool // deliveries need no settlement: they leave the queue at once
	drain    bool
	delivery outgoing

	// An end that receives.
	limit    int            // of a message's bytes; changing a queue detaches its links
	first    *amqp.Transfer // of the delivery that is coming in
	payload  []byte
	tooLarge bool
}

// attach answers an attach with our end of the link, or with an end that is detached at once.
func (s *session) attach(a *amqp.Attach) error {
	if l := s.links[a.Handle]; l != nil && !l.gone || a.Handle > handleMax {
		return &amqp.Error{Condition: "amqp:session:handle-in-use", Description: fmt.Sprintf("handle %d is in use or too high", a.Handle)}
	}
	own := a.Target // of a client that sends
	if a.Receiver {
		own = a.Source
	}
	n, refusal := s.conn.nodeFor(a, amqp.Address(own))
	l := &link{session: s, handle: a.Handle, sends: a.Receiver, node: n}
	s.links[a.Handle] = l
	reply := *a // with the settle modes that the client asked for
	reply.Receiver, reply.InitialDeliveryCount, reply.MaxMessageSize, reply.Properties, reply.Desired = !a.Receiver, nil, 0, nil, nil
	if l.sends {
		reply.InitialDeliveryCount = &l.count
	}
	switch {
	case refusal != nil:
		s.conn.server.log.Warn("link refused", "link", a.Name, "why", refusal)
		reply.Source, reply.Target = nil, nil // as the protocol asks: an attach without the node, then a detach that says why
		s.push(&reply)
		l.detach(refusal)
	case l.sends:
		s.push(&reply)
		l.supply(a)
	default:
		l.limit = s.conn.server.maxMessage(n.queue)
		reply.MaxMessageSize = uint64(l.limit)
		s.push(&reply)
		if a.InitialDeliveryCount != nil {
			l.count = *a.InitialDeliveryCount
		}
		l.grant()
	}
	return nil
}

// nodeFor finds the node that a link is for, and tells why the client may not use it.
func (c *conn) nodeFor(a *amqp.Attach, address string) (node, *amqp.Error) {
	n, ok := c.server.resolve(address)
	need, off, scope := Send, broker.StatusSendDisabled, n.path
	if a.Receiver {
		need, off = Listen, broker.StatusReceiveDisabled
	}
	switch {
	case !ok:
		return n, notFound(address)
	case n.queue == nil:
		return n, c.soleToCBS(a)
	case n.serve != nil: // management takes any claim for the link, and one for each operation
		need, off, scope = "", "", n.path+managementSuffix
	case amqp.Filter(a.Source, "com.microsoft:session-filter") != nil:
		return n, &amqp.Error{Condition: "amqp:not-allowed",
			Description: "A sessionful message receiver cannot be created on an entity that does not require sessions. This emulator serves no sessions."}
	case n.queue.IsDeadLetter() && !a.Receiver:
		return n, &amqp.Error{Condition: "amqp:not-allowed", Description: "A dead-letter queue cannot be sent to."}
	}
	if !c.allows(scope, need) {
		return n, unauthorized(cmp.Or(need, Listen), address)
	}
	if status := n.queue.Settings().Status; off != "" && (status == broker.StatusDisabled || status == off) {
		return n, &amqp.Error{Condition: "com.microsoft:entity-disabled", Description: fmt.Sprintf("Messaging entity '%s' is currently disabled.", address)}
	}
	return n, nil
}

// soleToCBS refuses a second link in one direction to the token service, as the service does on one connection: clients
// that lost track of the first take a new connection then.
func (c *conn) soleToCBS(a *amqp.Attach) *amqp.Error {
	for _, s := range c.sessions {
		for _, l := range s.links {
			if !l.gone && l.node.serve != nil && l.node.queue == nil && l.sends == a.Receiver {
				return &amqp.Error{Condition: "amqp:not-allowed", Description: "The connection has a link to $cbs already."}
			}
		}
	}
	return nil
}

// supply makes our end bring a queue's messages to a client: the node's, or the answers to its requests, which go the same
// way from a queue of their own.
func (l *link) supply(a *amqp.Attach) {
	c := l.session.conn
	l.settled, l.queue = a.SenderMode == 1, l.node.queue
	if l.node.serve != nil {
		l.queue = broker.NewQueue()
		for _, name := range []string{a.Name, amqp.Address(a.Target)} {
			if name != "" {
				c.replies[name] = l
			}
		}
	}
	c.senders = append(c.senders, l)
	l.consumer = l.queue.Subscribe(c.signal)
}

func (l *link) flow(f *amqp.Flow) {
	if !l.sends {
		if f.Echo {
			l.grant()
		}
		return
	}
	if f.LinkCredit != nil && *f.LinkCredit > 0 {
		if fault := l.fault(receiving); fault != nil {
			l.hinder(fault, nil, nil)
			return
		}
	}
	if f.LinkCredit != nil {
		var seen uint32
		if f.DeliveryCount != nil {
			seen = *f.DeliveryCount
		}
		l.credit = uint32(max(0, int32(seen+*f.LinkCredit-l.count))) // serial numbers wrap
	}
	l.drain = f.Drain
	if f.Echo && !f.Drain {
		l.pushState(false)
	}
	l.session.conn.signal()
}

// pushState tells the client the link's state.
func (l *link) pushState(drained bool) {
	credit, count := l.credit, l.count
	l.session.pushFlow(&amqp.Flow{Handle: &l.handle, LinkCredit: &credit, DeliveryCount: &count, Drain: drained})
}

// detach ends the link from our side.
func (l *link) detach(why *amqp.Error) {
	l.close()
	l.session.push(&amqp.Detach{Handle: l.handle, Closed: true, Error: why})
}

// close ends the deliveries. What was delivered stays locked and can be settled by lock token.
func (l *link) close() {
	l.gone = true
	if l.consumer == nil {
		return
	}
	l.consumer.Close()
	c := l.session.conn
	c.senders = slices.DeleteFunc(c.senders, func(o *link) bool { return o == l })
	maps.DeleteFunc(c.replies, func(_ string, o *link) bool { return o == l })
	maps.DeleteFunc(l.session.unsettled, func(_ uint32, u unsettled) bool { return u.link == l })
}

// managementSuffix follows a queue's path in the address of its management. Clients put tokens for either.
const managementSuffix = "/$management"

// node is what a link can attach to: a queue, a queue's management or the token service.
type node struct {
	path  string // the queue's, in lower case
	queue *broker.Queue
	serve func(*conn, request) response // of the two that answer requests
}

// resolve finds the node of an address, which may be a URL. Entity names are case-insensitive.
func (s *Server) resolve(address string) (node, bool) {
	path := strings.ToLower(pathOf(address))
	if path == "$cbs" {
		return node{serve: serveCBS}, true
	}
	path, managed := strings.CutSuffix(path, managementSuffix)
	n := node{path: path, queue: s.broker.Lookup(path)}
	if managed {
		n.serve = n.manage
	}
	return n, n.queue != nil
}

func pathOf(address string) string {
	if _, rest, isURL := strings.Cut(address, "://"); isURL {
		_, address, _ = strings.Cut(rest, "/")
	}
	return strings.Trim(address, "/")
}

func notFound(address string) *amqp.Error {
	text := fmt.Sprintf("The messaging entity '%s' could not be found.", address)
	if strings.Contains(strings.ToLower(address), "/subscriptions/") {
		text += " This emulator serves queues only: no topics and subscriptions."
	}
	return &amqp.Error{Condition: "amqp:not-found", Description: text}
}
