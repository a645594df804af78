package servicebus

import (
	"slices"

	"guestlist/pkg/local/servicebus/internal/amqp"
	"guestlist/pkg/local/servicebus/internal/broker"
)

// The annotations that the server sets. Clients that send a received message again may send them along.
const (
	annLockToken   amqp.Symbol = "x-opt-lock-token"
	annEnqueued    amqp.Symbol = "x-opt-enqueued-time"
	annSequence    amqp.Symbol = "x-opt-sequence-number"
	annLockedUntil amqp.Symbol = "x-opt-locked-until"
	annState       amqp.Symbol = "x-opt-message-state"
)

func withoutOurs(m amqp.Map) amqp.Map {
	return slices.DeleteFunc(m, func(p amqp.Pair) bool {
		switch p.Key {
		case annLockToken, annEnqueued, annSequence, annLockedUntil, annState:
			return true
		}
		return false
	})
}

// encode writes a message as clients receive it: what was sent, the server's annotations, and the properties that
// settling added. Clients check none of the types here, so they must be exactly these.
func encode(m broker.Message) []byte {
	out := *m.Content
	out.DeliveryCount = m.DeliveryCount
	own := amqp.Map{{Key: annEnqueued, Value: amqp.TimestampOf(m.Enqueued)}, {Key: annSequence, Value: m.Sequence}}
	if m.Token != (broker.Token{}) {
		own = append(own, amqp.Pair{Key: annLockedUntil, Value: amqp.TimestampOf(m.LockedUntil)})
		out.DeliveryAnnotations = m.Content.DeliveryAnnotations.With(annLockToken, m.Token)
	}
	if m.State != broker.Active {
		own = append(own, amqp.Pair{Key: annState, Value: int32(m.State)})
	}
	out.Annotations = slices.Concat(m.Content.Annotations, own)
	for _, p := range m.Extra {
		out.Application = out.Application.With(p.Key, p.Value)
	}
	return out.Append(make([]byte, 0, len(out.Body)+512))
}

// tag is the delivery tag: for messages the lock token in the byte order of .NET, where clients look for it.
func tag(d *delivery) []byte {
	t := d.message.Token
	t[0], t[1], t[2], t[3] = t[3], t[2], t[1], t[0]
	t[4], t[5], t[6], t[7] = t[5], t[4], t[7], t[6]
	return t[:]
}
