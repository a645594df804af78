package amqp

import (
	"bytes"
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

// Header is a message's header. TTL is in milliseconds.
type Header struct {
	Durable       bool
	Priority      *uint8
	TTL           *uint32
	FirstAcquirer bool
	DeliveryCount uint32
}

// Message is a message in sections. All but the header stay as they are on the wire, since nearly all messages go out as
// they came in.
type Message struct {
	Header
	DeliveryAnnotations, Annotations Packed
	Properties                       Packed // a list
	Application                      Packed
	Body, Footer                     []byte // with their constructors
}

// ParseMessage takes a message apart. It copies b.
func ParseMessage(b []byte) (*Message, error) {
	m := &Message{}
	r := reader{b: bytes.Clone(b)}
	for len(r.b) > 0 && r.err == nil {
		m.section(&r)
	}
	if r.err != nil {
		return nil, fmt.Errorf("read a message: %w", r.err)
	}
	return m, nil
}

func (m *Message) section(r *reader) {
	switch section(r.b) {
	case secHeader:
		if h, ok := r.composite().(*Header); ok {
			m.Header = *h
		}
	case secDeliveryAnnotations:
		m.DeliveryAnnotations = r.packed(0xc1)
	case secAnnotations:
		m.Annotations = r.packed(0xc1)
	case secProperties:
		m.Properties = r.packed(0xc0)
	case secApplication:
		m.Application = r.packed(0xc1)
	case secData, secSequence, secValue:
		m.Body = join(m.Body, r.skip())
	case secFooter:
		m.Footer = r.skip()
	default:
		r.fail("a message has a section that is no section")
	}
}

func join(a, b []byte) []byte {
	if a == nil {
		return b[:len(b):len(b)]
	}
	return append(a, b...)
}

// section returns the code of the section at the start of b, 0 if there is none. Only this form of descriptors is in use.
func section(b []byte) byte {
	if len(b) < 4 || b[0] != 0x00 || b[1] != 0x53 {
		return 0
	}
	return b[2]
}

// Batch returns the encoded messages that a transfer of BatchFormat carries. They share b's memory.
func Batch(b []byte) ([][]byte, error) {
	var all [][]byte
	r := reader{b: b}
	for len(r.b) > 0 && r.err == nil {
		if s := r.skip(); r.err == nil && section(s) == secData {
			in := reader{b: s[3:]}
			code := in.code()
			if code&0xef != 0xa0 {
				r.fail("a data section holds no binary")
			}
			all = append(all, in.take(in.length(code)))
		}
	}
	return all, r.err
}

// Append appends the encoded message. Header and properties are always written: clients take a message without them for
// one without a delivery count.
func (m *Message) Append(b []byte) []byte {
	b = appendComposite(b, &m.Header)
	b = m.DeliveryAnnotations.appendMap(b, secDeliveryAnnotations)
	b = m.Annotations.appendMap(b, secAnnotations)
	b = m.Properties.append(append(b, 0x00, 0x53, secProperties, 0xd0))
	b = m.Application.appendMap(b, secApplication)
	return append(append(b, m.Body...), m.Footer...)
}

// Size is about the number of bytes that the encoded message has.
func (m *Message) Size() int {
	return len(m.DeliveryAnnotations.wire) + len(m.Annotations.wire) + len(m.Properties.wire) + len(m.Application.wire) +
		len(m.Body) + len(m.Footer) + 64
}

// AppendValue appends a body section that holds one value.
func AppendValue(b []byte, v any) []byte { return Append(append(b, 0x00, 0x53, secValue), v) }

// Value returns the value of a body that AppendValue wrote, or nil.
func (m *Message) Value() any {
	if section(m.Body) != secValue {
		return nil
	}
	return (&reader{b: m.Body[3:]}).value()
}

// ID returns the message id as text, empty if there is none.
func (m *Message) ID() string { return m.property(0) }

// ReplyTo returns the address for replies.
func (m *Message) ReplyTo() string { return m.property(4) }

// Correlation returns the correlation id, empty if there is none.
func (m *Message) Correlation() string { return m.property(5) }

func (m *Message) property(i int) string {
	switch v := m.Properties.at(i).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// SetID sets the message id.
func (m *Message) SetID(id string) {
	rest := reader{b: m.Properties.wire}
	if m.Properties.count > 0 {
		rest.skip()
	}
	m.Properties = Packed{max(1, m.Properties.count), append(Append(nil, id), rest.b...)}
}

// TimeAnnotation returns the annotation as a time, zero if there is none.
func (m *Message) TimeAnnotation(name string) time.Time {
	if t, ok := m.Annotations.Get(name).(Timestamp); ok {
		return t.Time()
	}
	return time.Time{}
}
