package amqp

import (
	"fmt"
	"io"
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

// empty is a keep-alive frame.
var empty = [8]byte{0, 0, 0, 8, 2, 0, 0, 0}

// AppendEmpty appends a keep-alive frame.
func AppendEmpty(b []byte) []byte { return append(b, empty[:]...) }

// ReadFrame reads one frame of at most limit bytes. Its body is freshly allocated and belongs to the caller.
func ReadFrame(r io.Reader, limit uint32) (Frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, err
	}
	size, skip := be.Uint32(head[:]), 4*uint32(head[4])
	if size > limit || skip < 8 || size < skip {
		return Frame{}, malformed("a frame of %d bytes, data at %d, limit %d", size, skip, limit)
	}
	body := make([]byte, size-8)
	if _, err := io.ReadFull(r, body); err != nil {
		return Frame{}, fmt.Errorf("read a frame of %d bytes: %w", size, err)
	}
	return Frame{Type: head[5], Channel: be.Uint16(head[6:]), Body: body[skip-8:]}, nil
}

// AppendFrame appends a frame that carries p and, for transfers, a payload.
func AppendFrame(b []byte, f Frame, p Performative) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0, 2, f.Type)
	b = be.AppendUint16(b, f.Channel)
	b = appendComposite(b, p.code(), p.fields())
	b = append(b, f.Body...)
	be.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// appendComposite appends a described list without its trailing nulls, as peers that count fields expect.
func appendComposite(b []byte, code byte, fields List) []byte {
	for len(fields) > 0 && fields[len(fields)-1] == nil {
		fields = fields[:len(fields)-1]
	}
	return Append(append(b, 0x00, 0x53, code), fields)
}
