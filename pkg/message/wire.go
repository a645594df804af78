package message

import (
	"encoding/json"
	"fmt"
	"time"
)

// Application properties of a message.
const (
	propAttempt    = "attempt"
	propDelay      = "delay"
	propGeneration = "generation"
	propSource     = "source"
	propTrace      = "traceparent"
	propFirst      = "first"
	propWhy        = "why"
	propSince      = "since"
	propDue        = "due"
)

type body struct {
	Message
	Version int `json:"version"`
}

// Body returns the JSON body of m.
func (m Message) Body() []byte {
	if m.Kind == Event {
		return m.Event
	}
	b, err := json.Marshal(body{Message: m, Version: Version})
	if err != nil {
		panic(err) // strings and ints only
	}
	return b
}

// Properties returns the application properties of m: strings and int64, the types every Service Bus SDK agrees on.
func (m Message) Properties() map[string]any {
	p := map[string]any{
		propAttempt:    int64(m.Attempt),
		propDelay:      int64(m.Delay),
		propGeneration: int64(m.Generation),
	}
	for k, v := range map[string]string{propSource: m.Source, propTrace: m.Trace, propWhy: m.Why} {
		if v != "" {
			p[k] = v
		}
	}
	for k, t := range map[string]time.Time{propFirst: m.First, propSince: m.Since, propDue: m.Due} {
		if !t.IsZero() {
			p[k] = t.UTC().Format(time.RFC3339Nano)
		}
	}
	return p
}

// Decode reads a body and its application properties. A body without kind is taken for an Event Grid event; its shape
// is judged by the step that reads it. Anything that no version of Guestlist wrote wraps [ErrNever].
func Decode(raw []byte, props map[string]any) (Message, error) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return Message{}, Never("message.unreadable", fmt.Sprintf("the message is not JSON: %v", err))
		}
		b = body{}
	}
	m := b.Message
	switch m.Kind {
	case "", Event:
		m = Message{Kind: Event, Event: raw}
	case Stage, Plan, Invite, Assign, Notify, Report:
		if b.Version < 1 || b.Version > Version {
			return Message{}, Never("message.version", fmt.Sprintf("%s message of version %d; this build reads 1 to %d", m.Kind, b.Version, Version))
		}
	default:
		return Message{}, Never("message.kind", fmt.Sprintf("unknown kind of message %q", m.Kind))
	}
	m.readProperties(props)
	return m, nil
}

func (m *Message) readProperties(p map[string]any) {
	m.Attempt = max(1, number(p[propAttempt]))
	m.Delay = number(p[propDelay])
	m.Generation = number(p[propGeneration])
	m.Source, m.Trace, m.Why = text(p[propSource]), text(p[propTrace]), text(p[propWhy])
	m.First, m.Since, m.Due = stamp(p[propFirst]), stamp(p[propSince]), stamp(p[propDue])
}

// number accepts every form in which a property may come back: integers over AMQP, float64 through the host's JSON.
func number(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case int32:
		return int(n)
	case int:
		return n
	case float64:
		return int(n)
	case json.Number:
		i, _ := n.Int64()
		return int(i)
	}
	return 0
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func stamp(v any) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text(v))
	return t
}
