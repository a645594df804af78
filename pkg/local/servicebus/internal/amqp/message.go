package amqp

import (
	"fmt"
	"time"
)

// BatchFormat is the message format of a transfer that carries many messages, each in a data section.
const BatchFormat = 0x80013700

// Section codes.
const (
	secHeader              = 0x70
	secDeliveryAnnotations = 0x71
	secAnnotations         = 0x72
	secProperties          = 0x73
	secApplication         = 0x74
	secData                = 0x75
	secSequence            = 0x76
	secValue               = 0x77
	secFooter              = 0x78
)

// Message is a message in sections. Body is the body's sections as they came, since nothing but a reply reads them.
type Message struct {
	Durable             bool
	Priority            *uint8
	TTL                 *uint32 // milliseconds
	FirstAcquirer       bool
	DeliveryCount       uint32
	DeliveryAnnotations Map
	Annotations         Map
	Properties          List
	Application         Map
	Body                []byte
	Footer              Map
}

// ParseMessage takes a message apart. The body is copied; binary values in other sections share b's memory.
func ParseMessage(b []byte) (*Message, error) {
	m := &Message{}
	for len(b) > 0 {
		v, rest, err := Decode(b)
		if err != nil {
			return nil, fmt.Errorf("read a message: %w", err)
		}
		d, ok := v.(Described)
		code, ok2 := d.Descriptor.(uint64)
		if !ok || !ok2 {
			return nil, malformed("a message has a section that is no section")
		}
		if code >= secData && code <= secValue {
			m.Body = append(m.Body, b[:len(b)-len(rest)]...)
		} else if err := m.set(code, d.Value); err != nil {
			return nil, err
		}
		b = rest
	}
	return m, nil
}

func (m *Message) set(code uint64, v any) error {
	list, isList := v.(List)
	mapping, isMap := v.(Map)
	switch {
	case code == secHeader && isList:
		return m.setHeader(list)
	case code == secDeliveryAnnotations && isMap:
		m.DeliveryAnnotations = mapping
	case code == secAnnotations && isMap:
		m.Annotations = mapping
	case code == secProperties && isList:
		m.Properties = list
	case code == secApplication && isMap:
		m.Application = mapping
	case code == secFooter && isMap:
		m.Footer = mapping
	default:
		return malformed("section 0x%x holds a %T", code, v)
	}
	return nil
}

func (m *Message) setHeader(l List) error {
	r := &fieldReader{list: l}
	m.Durable, m.Priority, m.TTL = need[bool](r, 0), get[uint8](r, 1), get[uint32](r, 2)
	m.FirstAcquirer, m.DeliveryCount = need[bool](r, 3), need[uint32](r, 4)
	return r.err
}

// Batch returns the encoded messages that a transfer of BatchFormat carries. They share b's memory.
func Batch(b []byte) ([][]byte, error) {
	var all [][]byte
	for len(b) > 0 {
		v, rest, err := Decode(b)
		if err != nil {
			return nil, fmt.Errorf("read a batch: %w", err)
		}
		if d, ok := v.(Described); ok && d.Descriptor == uint64(secData) {
			data, ok := d.Value.([]byte)
			if !ok {
				return nil, malformed("a data section holds a %T", d.Value)
			}
			all = append(all, data)
		}
		b = rest
	}
	return all, nil
}

// Append appends the encoded message. Header and properties are always written: clients take a message without them for
// one without a delivery count.
func (m *Message) Append(b []byte) []byte {
	b = appendComposite(b, secHeader, List{m.Durable, present(m.Priority), present(m.TTL), m.FirstAcquirer, m.DeliveryCount})
	b = appendMap(b, secDeliveryAnnotations, m.DeliveryAnnotations)
	b = appendMap(b, secAnnotations, m.Annotations)
	b = appendComposite(b, secProperties, m.Properties)
	b = appendMap(b, secApplication, m.Application)
	b = append(b, m.Body...)
	return appendMap(b, secFooter, m.Footer)
}

func appendMap(b []byte, code byte, m Map) []byte {
	if len(m) == 0 {
		return b
	}
	return Append(append(b, 0x00, 0x53, code), m)
}

// AppendValue appends a body section that holds one value.
func AppendValue(b []byte, v any) []byte { return Append(append(b, 0x00, 0x53, secValue), v) }

// Value returns the value of a body that AppendValue wrote, or nil.
func (m *Message) Value() any {
	v, _, err := Decode(m.Body)
	if d, ok := v.(Described); ok && err == nil && d.Descriptor == uint64(secValue) {
		return d.Value
	}
	return nil
}

// ID returns the message id as text, empty if there is none.
func (m *Message) ID() string { return m.property(0) }

// ReplyTo returns the address for replies.
func (m *Message) ReplyTo() string { return m.property(4) }

func (m *Message) property(i int) string {
	if i >= len(m.Properties) || m.Properties[i] == nil {
		return ""
	}
	return fmt.Sprint(m.Properties[i])
}

// SetID sets the message id. Properties must be the message's own.
func (m *Message) SetID(id string) {
	if len(m.Properties) == 0 {
		m.Properties = List{nil}
	}
	m.Properties[0] = id
}

// TimeAnnotation returns the annotation as a time, zero if there is none.
func (m *Message) TimeAnnotation(name string) time.Time {
	if t, ok := m.Annotations.Get(name).(Timestamp); ok {
		return t.Time()
	}
	return time.Time{}
}
