package servicebus

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// request is a message to a node that answers.
type request struct {
	operation string
	name      string // the audience of a token
	body      amqp.Map
}

// response is its answer. A Status of 200 to 299 is success; others come with a condition and a text.
type response struct {
	status    int32
	body      any
	condition amqp.Symbol
	text      string
}

func failure(status int32, condition amqp.Symbol, text string) response {
	return response{status: status, condition: condition, text: text}
}

// failed answers with what a queue's error means.
func failed(err error) response {
	if errors.Is(err, broker.ErrLockLost) {
		return failure(410, "com.microsoft:message-lock-lost", err.Error())
	}
	return failure(404, "com.microsoft:message-not-found", err.Error())
}

// replyLink is our end of a link that brings answers to a client. Only the reader uses it.
type replyLink struct {
	*outlet
	names     []string
	delivered uint32
	credit    uint32
	waiting   [][]byte // for credit
}

func (l *replyLink) flow(f *amqp.Flow) {
	if f.LinkCredit == nil {
		return
	}
	var seen uint32
	if f.DeliveryCount != nil {
		seen = *f.DeliveryCount
	}
	l.credit = uint32(max(0, int32(seen+*f.LinkCredit-l.delivered)))
	waiting := l.waiting
	l.waiting = nil
	for _, b := range waiting {
		l.send(b)
	}
	if f.Drain {
		l.delivered, l.credit = l.delivered+l.credit, 0
	}
	if f.Drain || f.Echo {
		l.session.pushFlow(&amqp.Flow{Handle: &l.handle, DeliveryCount: &l.delivered, LinkCredit: &l.credit, Drain: f.Drain})
	}
}

// maxWaiting bounds the answers kept for a client that asks and gives no credit to answer.
const maxWaiting = 1000

func (l *replyLink) send(b []byte) {
	if l.credit == 0 {
		if len(l.waiting) < maxWaiting {
			l.waiting = append(l.waiting, b)
		}
		return
	}
	l.credit--
	l.delivered++
	l.session.conn.out.push(item{session: l.session, delivery: &delivery{to: l.outlet, payload: b}})
}

func (l *replyLink) close() {
	replies := l.session.conn.replies
	for _, name := range l.names {
		if replies[name] == l {
			delete(replies, name)
		}
	}
	l.outlet.close()
}

// request answers a request on the link that its reply-to names: by target address or, as the JavaScript client does, by
// link name. Without such a link there is nobody to answer.
func (c *conn) request(n node, m *amqp.Message) {
	to := c.replies[m.ReplyTo()]
	if to == nil {
		c.server.log.Warn("request without a way to answer", "reply-to", m.ReplyTo())
		return
	}
	r := request{}
	r.operation, _ = m.Application.Get("operation").(string)
	r.name, _ = m.Application.Get("name").(string)
	r.body, _ = m.Value().(amqp.Map)
	answer := n.serve(r)
	c.server.log.Debug("request", "operation", r.operation, "status", answer.status, "text", answer.text)
	to.send(answer.encode(m))
}

// encode writes the answer to a request. The status must be an int32 and appears under both names in use.
func (r response) encode(to *amqp.Message) []byte {
	app := amqp.Map{{Key: "statusCode", Value: r.status}, {Key: "status-code", Value: r.status},
		{Key: "statusDescription", Value: r.text}, {Key: "status-description", Value: r.text}}
	if r.condition != "" {
		app = append(app, amqp.Pair{Key: "errorCondition", Value: r.condition}, amqp.Pair{Key: "error-condition", Value: r.condition})
	}
	m := amqp.Message{Properties: amqp.List{nil, nil, nil, nil, nil, to.ID()}, Application: app}
	m.Body = amqp.AppendValue(nil, r.body)
	return m.Append(nil)
}

// serveCBS takes any token for a queue that exists. Clients learn here, not from attaching, that one does not.
func (s *Server) serveCBS(r request) response {
	if r.operation != "put-token" {
		return failure(400, "amqp:not-implemented", fmt.Sprintf("operation %q", r.operation))
	}
	path := pathOf(r.name)
	if _, ok := s.resolve(path); !ok && path != "" {
		e := notFound(r.name)
		return failure(404, e.Condition, e.Description)
	}
	return response{status: 202, text: "Accepted"}
}

// manage answers a request about a queue.
func manage(q *broker.Queue, r request) response {
	name, ours := strings.CutPrefix(r.operation, "com.microsoft:")
	operation := operations[name]
	if !ours || operation == nil {
		return failure(501, "amqp:not-implemented", fmt.Sprintf("operation %q", r.operation))
	}
	return operation(q, r.body)
}

// ok answers with one named value.
func ok(name string, value any) response {
	return response{status: 200, text: "OK", body: amqp.Map{{Key: name, Value: value}}}
}

func badRequest(what string) response { return failure(400, "amqp:invalid-field", what) }

// encodeAll encodes messages for an answer, up to a size that clients can take at once, but one at least.
func encodeAll(messages []broker.Message) amqp.List {
	var list amqp.List
	size := 0
	for _, m := range messages {
		b := encode(m)
		if size += len(b); size > maxAnswer && len(list) > 0 {
			break
		}
		entry := amqp.Map{{Key: "message", Value: b}}
		if m.Token != (broker.Token{}) {
			entry = append(entry, amqp.Pair{Key: "lock-token", Value: m.Token})
		}
		list = append(list, entry)
	}
	return slices.Clip(list)
}

// maxAnswer bounds the messages in one answer; clients page through the rest.
const maxAnswer = 1 << 20
