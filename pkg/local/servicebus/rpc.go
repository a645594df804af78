package servicebus

import (
	"cmp"
	"errors"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// request is a message to a node that answers.
type request struct {
	operation  string
	name, kind string // the audience and the type of a token
	value      any
}

// response is its answer. A status of 200 to 299 is success; others come with a condition and a text.
type response struct {
	status    int32
	body      any
	condition amqp.Symbol
	text      string
}

func failure(status int32, condition amqp.Symbol, text string) response {
	return response{status: status, condition: condition, text: text}
}

// lockLost is what the service says; users search for it.
const lockLost = "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue."

// failed answers with what a queue's error means.
func failed(err error) response {
	switch {
	case errors.Is(err, broker.ErrLockLost):
		return failure(410, "com.microsoft:message-lock-lost", lockLost)
	case errors.Is(err, broker.ErrFull):
		return failure(403, "amqp:resource-limit-exceeded", err.Error())
	}
	return failure(404, "com.microsoft:message-not-found", err.Error())
}

// ok answers with one named value.
func ok(name string, value any) response {
	return response{status: 200, text: "OK", body: amqp.Map{{Key: name, Value: value}}}
}

func badRequest(what string) response { return failure(400, "amqp:invalid-field", what) }

// request answers a request on the link that its reply-to names: by target address or, as the JavaScript client does, by
// link name. Without such a link there is nobody to answer. If refusal is set, it is the answer.
func (c *conn) request(n node, m *amqp.Message, refusal *amqp.Error) {
	to := c.replies[m.ReplyTo()]
	if to == nil {
		c.server.log.Warn("request without a way to answer", "reply-to", m.ReplyTo())
		return
	}
	r := request{value: m.Value()}
	properties := m.Application.Map()
	r.operation, _ = properties.Get("operation").(string)
	r.name, _ = properties.Get("name").(string)
	r.kind, _ = properties.Get("type").(string)
	var answer response
	if refusal != nil {
		answer = failure(503, refusal.Condition, refusal.Description)
	} else {
		answer = n.serve(c, r)
	}
	c.server.log.Debug("request", "operation", r.operation, "status", answer.status, "text", answer.text)
	if _, err := to.queue.Send(answer.message(m)); err != nil {
		c.server.log.Warn("answer dropped: the client takes none", "why", err)
	}
}

// message is the answer to a request. The status must be an int32 and appears under both names in use.
func (r response) message(to *amqp.Message) *amqp.Message {
	app := amqp.Map{{Key: "statusCode", Value: r.status}, {Key: "status-code", Value: r.status},
		{Key: "statusDescription", Value: r.text}, {Key: "status-description", Value: r.text}}
	if r.condition != "" {
		app = append(app, amqp.Pair{Key: "errorCondition", Value: r.condition}, amqp.Pair{Key: "error-condition", Value: r.condition})
	}
	id := to.ID()
	return &amqp.Message{Properties: amqp.Pack(cmp.Or(id, "0")+"-reply", nil, nil, nil, nil, id), Application: amqp.PackMap(app),
		Body: amqp.AppendValue(nil, r.body)}
}
