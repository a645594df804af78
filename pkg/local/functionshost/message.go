package functionshost

import (
	"bytes"
	"errors"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/functionshost/internal/payload"
)

// call binds a message to the function.
func (q *queue) call(m *azservicebus.ReceivedMessage) (call, error) {
	body, err := bodyOf(m)
	if err != nil {
		return call{}, err
	}
	c := call{function: q.function, messageID: m.MessageID, metadata: q.describe(m).Metadata(), value: body}
	if !q.function.Queue.Binary {
		c.value = text(body)
	}
	return c, nil
}

// bodyOf joins the data sections, or takes a text or bytes from a value section.
func bodyOf(m *azservicebus.ReceivedMessage) ([]byte, error) {
	raw := m.RawAMQPMessage.Body
	switch v := raw.Value.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	}
	if raw.Value != nil || len(raw.Sequence) > 0 {
		return nil, errors.New("the AMQP body is neither data nor text")
	}
	return bytes.Join(raw.Data, nil), nil
}

// text decodes UTF-8 as .NET does: what is invalid becomes U+FFFD.
func text(body []byte) string {
	var b strings.Builder
	for _, r := range string(body) {
		b.WriteRune(r)
	}
	return b.String()
}

func (q *queue) describe(m *azservicebus.ReceivedMessage) payload.Message {
	d := payload.Message{
		Namespace: q.namespace, ClientID: q.clientID, MessageID: m.MessageID, ContentType: of(m.ContentType),
		Subject: of(m.Subject), CorrelationID: of(m.CorrelationID), ReplyTo: of(m.ReplyTo), To: of(m.To),
		SessionID: of(m.SessionID), ReplyToSession: of(m.ReplyToSessionID), Partition: of(m.PartitionKey),
		DeadLetterSource: of(m.DeadLetterSource), DeliveryCount: m.DeliveryCount, SequenceNumber: of(m.SequenceNumber),
		LockToken: m.LockToken, EnqueuedTime: of(m.EnqueuedTime), Properties: m.ApplicationProperties,
	}
	if of(m.TimeToLive) > 0 { // the client sets ExpiresAt for a time to live of 0 too, which means none
		d.ExpiresAt = of(m.ExpiresAt)
	}
	return d
}

// of is the value, or zero for nil.
func of[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
