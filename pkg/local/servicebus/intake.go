package servicebus

import (
	"fmt"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

const (
	// maxMessage is what the service's standard tier takes, a single message or a batch.
	maxMessage = 256 << 10
	// intakeCredit is what a sending client may have under way; it gets more at half of it.
	intakeCredit = 1000
)

// intake is our end of a link from a client that sends: messages to a queue, or requests.
type intake struct {
	session *session
	handle  uint32
	node    node
	credit  uint32
	count   uint32

	first   *amqp.Transfer // of the delivery that is coming in
	payload []byte
}

func (l *intake) close() {}

func (l *intake) flow(f *amqp.Flow) {
	if f.Echo {
		l.grant()
	}
}

func (l *intake) grant() {
	l.credit = intakeCredit
	credit, count := l.credit, l.count
	l.session.pushFlow(&amqp.Flow{Handle: &l.handle, LinkCredit: &credit, DeliveryCount: &count})
}

// transfer collects the parts of a delivery and takes it in with the last.
func (l *intake) transfer(t *amqp.Transfer, payload []byte) {
	if l.first == nil {
		l.first, l.payload = t, nil
	}
	tooLarge := len(l.payload)+len(payload) > maxMessage
	if !tooLarge {
		if l.payload == nil && !t.More {
			l.payload = payload
		} else {
			l.payload = append(l.payload, payload...)
		}
	} else {
		l.payload = l.payload[:0:0]
		l.first.Aborted = true
	}
	if t.More && !t.Aborted {
		return
	}
	first, whole := l.first, l.payload
	l.first, l.payload = nil, nil
	l.count++
	if l.credit--; l.credit <= intakeCredit/2 {
		l.grant()
	}
	if t.Aborted {
		return
	}
	l.answer(first, t.Settled, l.take(first, whole))
}

// answer settles a delivery, if the client has not.
func (l *intake) answer(first *amqp.Transfer, settled bool, why *amqp.Error) {
	if first.Settled || settled || first.DeliveryID == nil {
		return
	}
	state := &amqp.State{Code: amqp.Accepted}
	if why != nil {
		state = &amqp.State{Code: amqp.Rejected, Error: why}
	}
	l.session.push(&amqp.Disposition{Receiver: true, First: *first.DeliveryID, Last: first.DeliveryID, Settled: true, State: state})
}

func (l *intake) take(first *amqp.Transfer, payload []byte) *amqp.Error {
	if first.Aborted {
		return &amqp.Error{Condition: "amqp:link:message-size-exceeded",
			Description: fmt.Sprintf("The received message exceeds the limit of %d bytes.", maxMessage)}
	}
	messages, err := messagesOf(first.MessageFormat, payload)
	if err != nil {
		return &amqp.Error{Condition: "amqp:decode-error", Description: err.Error()}
	}
	if l.node.serve != nil {
		for _, m := range messages {
			l.session.conn.request(l.node, m)
		}
		return nil
	}
	l.node.queue.Send(messages...)
	return nil
}

// messagesOf decodes one message, or the many of a batch.
func messagesOf(format *uint32, payload []byte) ([]*amqp.Message, error) {
	encoded := [][]byte{payload}
	if format != nil && *format == amqp.BatchFormat {
		var err error
		if encoded, err = amqp.Batch(payload); err != nil {
			return nil, err
		}
	}
	messages := make([]*amqp.Message, len(encoded))
	for i, b := range encoded {
		m, err := amqp.ParseMessage(b)
		if err != nil {
			return nil, err
		}
		m.Annotations = withoutOurs(m.Annotations)
		messages[i] = m
	}
	return messages, nil
}
