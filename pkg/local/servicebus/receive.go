package servicebus

import (
	"bytes"
	"errors"
	"fmt"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// grantedCredit is what a sending client may have under way; it gets more at half of it.
const grantedCredit = 1000

func (l *link) grant() {
	l.credit = grantedCredit
	l.pushState(false)
}

// receive collects the parts of a delivery and takes it in with the last.
func (l *link) receive(t *amqp.Transfer, payload []byte) {
	if l.first == nil {
		l.first = t
	}
	whole := l.collect(payload, t.More)
	if t.More && !t.Aborted {
		return
	}
	first, tooLarge := l.first, l.tooLarge
	l.first, l.payload, l.tooLarge = nil, nil, false
	l.count++
	if l.credit--; l.credit <= grantedCredit/2 {
		l.grant()
	}
	answer := func(why *amqp.Error) {
		if !first.Settled && !t.Settled {
			l.answer(first, why)
		}
	}
	switch {
	case t.Aborted:
	case tooLarge:
		answer(l.sizeExceeded())
	default:
		if f := l.fault(sending); f != nil {
			whole = bytes.Clone(whole) // the frame's memory is used again
			l.hinder(f, func() { answer(l.take(first, whole, nil)) }, func(why *amqp.Error) { answer(l.take(first, whole, why)) })
			return
		}
		answer(l.take(first, whole, nil))
	}
}

// collect adds a part and returns all there is. Of what is too large nothing is kept.
func (l *link) collect(payload []byte, more bool) []byte {
	l.tooLarge = l.tooLarge || len(l.payload)+len(payload) > l.limit
	switch {
	case l.tooLarge:
		l.payload = nil
	case l.payload == nil && !more:
		return payload
	default:
		l.payload = append(l.payload, payload...)
	}
	return l.payload
}

// answer settles a delivery.
func (l *link) answer(first *amqp.Transfer, why *amqp.Error) {
	if first.DeliveryID == nil {
		return
	}
	l.session.push(&amqp.Disposition{Receiver: true, First: *first.DeliveryID, Last: first.DeliveryID, Settled: true, State: stateOf(why)})
}

// take hands a delivery to the node, or refuses it with an error.
func (l *link) take(first *amqp.Transfer, payload []byte, refusal *amqp.Error) *amqp.Error {
	messages, err := messagesOf(first.MessageFormat, payload)
	if err != nil {
		return &amqp.Error{Condition: "amqp:decode-error", Description: err.Error()}
	}
	if l.node.serve != nil {
		for _, m := range messages {
			l.session.conn.request(l.node, m, refusal)
		}
		return nil
	}
	if refusal != nil {
		return refusal
	}
	_, err = l.node.queue.Send(messages...)
	return sendError(err)
}

func sendError(err error) *amqp.Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broker.ErrFull):
		return &amqp.Error{Condition: "amqp:resource-limit-exceeded", Description: err.Error()}
	}
	return &amqp.Error{Condition: "amqp:not-found", Description: err.Error()}
}

func (l *link) sizeExceeded() *amqp.Error {
	return &amqp.Error{Condition: "amqp:link:message-size-exceeded",
		Description: fmt.Sprintf("The received message exceeds the limit of %d bytes.", l.limit)}
}

// maxMessage is the largest message, or batch, that a queue takes: what the tier allows, or less if the queue says so.
// Requests may be that large too.
func (s *Server) maxMessage(q *broker.Queue) int {
	limit := s.tier.maxMessage()
	if q != nil && q.Settings().MaxMessageKilobytes > 0 {
		limit = min(limit, q.Settings().MaxMessageKilobytes<<10)
	}
	return limit
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
