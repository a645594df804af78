package amqp

import (
	"fmt"
	"io"
	"slices"
)

// Protocol headers: the first eight bytes that each side sends.
const (
	HeaderSASL = "AMQP\x03\x01\x00\x00"
	HeaderAMQP = "AMQP\x00\x01\x00\x00"
)

// Frame types.
const (
	TypeAMQP byte = 0
	TypeSASL byte = 1
)

// Frame is one frame as it was read. A keep-alive has no Body.
type Frame struct {
	Type    byte
	Channel uint16
	Body    []byte
}

// Empty is a keep-alive frame.
const Empty = "\x00\x00\x00\x08\x02\x00\x00\x00"

// ReadFrame reads one frame of at most limit bytes. Its body lies in buf if it fits, otherwise in new memory; pass nil for
// a body of its own.
func ReadFrame(r io.Reader, limit uint32, buf []byte) (Frame, error) {
	head := slices.Grow(buf[:0], 8)[:8]
	if _, err := io.ReadFull(r, head); err != nil {
		return Frame{}, err
	}
	size, skip := be.Uint32(head), 4*uint32(head[4])
	f := Frame{Type: head[5], Channel: be.Uint16(head[6:])}
	if size > limit || skip < 8 || size < skip {
		return Frame{}, fmt.Errorf("%w: a frame of %d bytes, data at %d, limit %d", ErrMalformed, size, skip, limit)
	}
	body := slices.Grow(buf[:0], int(size-8))[:size-8]
	if _, err := io.ReadFull(r, body); err != nil {
		return Frame{}, fmt.Errorf("read a frame of %d bytes: %w", size, err)
	}
	f.Body = body[skip-8:]
	return f, nil
}

// Performative decodes the frame's body. rest is the payload behind it, which only transfers have. A keep-alive gives nil.
func (f Frame) Performative() (p Performative, rest []byte, err error) {
	if len(f.Body) == 0 {
		return nil, nil, nil
	}
	r := reader{b: f.Body}
	p = r.composite()
	if _, isRaw := p.(Raw); isRaw && r.err == nil {
		r.fail("a frame that carries no performative")
	}
	return p, r.b, r.err
}

// AppendFrame appends a frame that carries p and, for transfers, a payload.
func AppendFrame(b []byte, f Frame, p Performative) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0, 2, f.Type)
	b = be.AppendUint16(b, f.Channel)
	b = append(appendComposite(b, p), f.Body...)
	be.PutUint32(b[at:], uint32(len(b)-at))
	return b
}
