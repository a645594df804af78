package payload

import (
	"cmp"
	"slices"
	"time"
)

// Message is what a Service Bus trigger tells about a message in peek-lock. Empty texts and zero times are absent.
type Message struct {
	Namespace, ClientID string // of the host's connection

	MessageID, ContentType, Subject, CorrelationID    string
	ReplyTo, To, SessionID, ReplyToSession, Partition string
	DeadLetterSource                                  string
	DeliveryCount                                     uint32
	SequenceNumber                                    int64
	LockToken                                         [16]byte
	EnqueuedTime, ExpiresAt                           time.Time
	Properties                                        map[string]any
}

// never stands for a message that does not expire: the greatest date of .NET.
var never = time.Date(9999, 12, 31, 23, 59, 59, 999_999_900, time.UTC)

// Metadata is the binding data of a message. The empty objects are the actions that .NET functions can use.
func (m Message) Metadata() *Dict {
	d := &Dict{}
	for _, name := range []string{"MessageReceiver", "MessageSession", "MessageActions", "SessionActions", "ReceiveActions"} {
		d.Set(name, Object{})
	}
	d.Set("Client", Object{{"FullyQualifiedNamespace", m.Namespace}, {"IsClosed", false}, {"TransportType", 0},
		{"Identifier", m.ClientID}})
	expires := m.ExpiresAt
	if expires.IsZero() {
		expires = never
	}
	d.Set("DeliveryCount", max(m.DeliveryCount, 1)) // a message without AMQP header comes for the first time
	d.text("DeadLetterSource", m.DeadLetterSource)
	d.Set("LockToken", GUID(m.LockToken))
	d.Set("ExpiresAtUtc", DateTime(expires))
	d.Set("ExpiresAt", DateTimeOffset(expires.UTC()))
	d.Set("EnqueuedTimeUtc", DateTime(m.EnqueuedTime))
	d.Set("EnqueuedTime", DateTimeOffset(m.EnqueuedTime.UTC()))
	m.properties(d)
	return d
}

func (m Message) properties(d *Dict) {
	d.text("MessageId", m.MessageID)
	d.text("ContentType", m.ContentType)
	d.text("ReplyTo", m.ReplyTo)
	d.Set("SequenceNumber", m.SequenceNumber)
	d.text("To", m.To)
	d.text("Subject", m.Subject)
	d.text("Label", m.Subject)
	d.text("CorrelationId", m.CorrelationID)
	application := sorted(m.Properties)
	d.Set("ApplicationProperties", application)
	d.Set("UserProperties", application)
	d.text("SessionId", m.SessionID)
	d.text("ReplyToSessionId", m.ReplyToSession)
	d.text("PartitionKey", m.Partition)
}

func (d *Dict) text(name, value string) {
	if value != "" {
		d.Set(name, value)
	}
}

// sorted gives the application properties an order, which AMQP's map has lost.
func sorted(properties map[string]any) Object {
	o := Object{}
	for name, value := range properties {
		o = append(o, Member{name, value})
	}
	slices.SortFunc(o, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return o
}
