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

	first    *amqp.Transfer // of the delivery that is coming in
	payload  []byte
	tooLarge bool
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
		l.first = t
	}
	l.collect(payload)
	if t.More && !t.Aborted {
		return
	}
	first, whole, tooLarge := l.first, l.payload, l.tooLarge
	l.first, l.payload, l.tooLarge = nil, nil, false
	l.count++
	if l.credit--; l.credit <= intakeCredit/2 {
		l.grant()
	}
	switch {
	case t.Aborted:
	case tooLarge:
		l.answer(first, t.Settled, &amqp.Error{Condition: "amqp:link:message-size-exceeded",
			Description: fmt.Sprintf("The received message exceeds the limit of %d bytes.", maxMessage)})
	default:
		l.answer(first, t.Settled, l.take(first, whole))
	}
}

// collect adds a part. Of what is too large nothing is kept.
func (l *intake) collect(payload []byte) {
	l.tooLarge = l.tooLarge || len(l.payload)+len(payload) > maxMessage
	switch {
	case l.tooLarge:
		l.payload = nil
	case l.payload == nil:
		l.payload = payload // its own memory: each frame is read into a new buffer
	default:
		l.payload = append(l.payload, payload...)
	}
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
