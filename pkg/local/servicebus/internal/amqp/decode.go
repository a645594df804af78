package amqp

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMalformed is wrapped by every error about bytes that are no AMQP.
var ErrMalformed = errors.New("malformed AMQP")

const (
	// maxDepth bounds the nesting of values, so that input cannot exhaust the stack. Real messages nest three or four deep.
	maxDepth = 32
	// maxEmptyElements bounds arrays whose elements take no bytes, which a few bytes could make arbitrarily large.
	maxEmptyElements = 256
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// Decode decodes the first value of b and returns the bytes behind it. Binary values share b's memory.
func Decode(b []byte) (v any, rest []byte, err error) {
	r := reader{b: b}
	v, err = r.value(0)
	return v, r.b, err
}

type reader struct{ b []byte }

func (r *reader) take(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(r.b)) {
		return nil, malformed("%d bytes wanted, %d left", n, len(r.b))
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p, nil
}

func (r *reader) value(depth int) (any, error) {
	code, err := r.take(1)
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, malformed("values nest more than %d deep", maxDepth)
	}
	if code[0] != 0x00 {
		return r.body(code[0], depth)
	}
	descriptor, err := r.value(depth + 1)
	if err != nil {
		return nil, err
	}
	v, err := r.value(depth + 1)
	return Described{descriptor, v}, err
}

// body decodes what follows a constructor. The high half of the constructor says how many bytes that is.
func (r *reader) body(code byte, depth int) (any, error) {
	switch code >> 4 {
	case 0x4, 0x5, 0x6, 0x7, 0x8, 0x9:
		p, err := r.take(width(code))
		if err != nil {
			return nil, err
		}
		return fixed(code, p)
	case 0xa, 0xb:
		p, err := r.sized(code&0x10 == 0)
		if err != nil {
			return nil, err
		}
		return variable(code, p)
	case 0xc, 0xd:
		return r.compound(code, depth)
	case 0xe, 0xf:
		return r.array(code, depth)
	}
	return nil, malformed("constructor 0x%02x", code)
}

// width is the number of bytes of a value of fixed width.
func width(code byte) uint32 {
	if code>>4 == 0x4 {
		return 0
	}
	return 1 << (code>>4 - 5)
}

func (r *reader) sized(small bool) ([]byte, error) {
	n, err := r.length(small)
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *reader) length(small bool) (uint32, error) {
	if small {
		p, err := r.take(1)
		if err != nil {
			return 0, err
		}
		return uint32(p[0]), nil
	}
	p, err := r.take(4)
	if err != nil {
		return 0, err
	}
	return be.Uint32(p), nil
}

func fixed(code byte, p []byte) (any, error) {
	switch code {
	case 0x40:
		return nil, nil
	case 0x41:
		return true, nil
	case 0x42:
		return false, nil
	case 0x43:
		return uint32(0), nil
	case 0x44:
		return uint64(0), nil
	case 0x45:
		return List{}, nil
	case 0x50:
		return p[0], nil
	case 0x51:
		return int8(p[0]), nil
	case 0x52:
		return uint32(p[0]), nil
	case 0x53:
		return uint64(p[0]), nil
	case 0x54:
		return int32(int8(p[0])), nil
	case 0x55:
		return int64(int8(p[0])), nil
	case 0x56:
		return p[0] != 0, nil
	case 0x60:
		return be.Uint16(p), nil
	case 0x61:
		return int16(be.Uint16(p)), nil
	}
	return wide(code, p)
}

func wide(code byte, p []byte) (any, error) {
	switch code {
	case 0x70:
		return be.Uint32(p), nil
	case 0x71:
		return int32(be.Uint32(p)), nil
	case 0x72:
		return math.Float32frombits(be.Uint32(p)), nil
	case 0x73:
		return Char(be.Uint32(p)), nil
	case 0x74:
		return Decimal32(p), nil
	case 0x80:
		return be.Uint64(p), nil
	case 0x81:
		return int64(be.Uint64(p)), nil
	case 0x82:
		return math.Float64frombits(be.Uint64(p)), nil
	case 0x83:
		return Timestamp(be.Uint64(p)), nil
	case 0x84:
		return Decimal64(p), nil
	case 0x94:
		return Decimal128(p), nil
	case 0x98:
		return UUID(p), nil
	}
	return nil, malformed("constructor 0x%02x", code)
}

func variable(code byte, p []byte) (any, error) {
	switch code &^ 0x10 {
	case 0xa0:
		return p, nil
	case 0xa1:
		if !utf8.Valid(p) {
			return nil, malformed("a string is not UTF-8")
		}
		return string(p), nil
	case 0xa3:
		return Symbol(p), nil
	}
	return nil, malformed("constructor 0x%02x", code)
}

// compoundBody returns a reader of the elements of a compound value, and their number.
func (r *reader) compoundBody(small bool) (reader, int, error) {
	p, err := r.sized(small)
	if err != nil {
		return reader{}, 0, err
	}
	in := reader{b: p}
	n, err := in.length(small)
	return in, int(n), err
}

func (r *reader) compound(code byte, depth int) (any, error) {
	in, n, err := r.compoundBody(code>>4 == 0xc)
	if err != nil {
		return nil, err
	}
	if n > len(in.b) { // each element takes a byte at least
		return nil, malformed("%d elements in %d bytes", n, len(in.b))
	}
	all := make(List, n)
	for i := range all {
		if all[i], err = in.value(depth + 1); err != nil {
			return nil, err
		}
	}
	switch code {
	case 0xc0, 0xd0:
		return all, nil
	case 0xc1, 0xd1:
		return toMap(all)
	}
	return nil, malformed("constructor 0x%02x", code)
}

func toMap(all List) (any, error) {
	if len(all)%2 != 0 {
		return nil, malformed("a map of %d keys and values", len(all))
	}
	m := make(Map, len(all)/2)
	for i := range m {
		m[i] = Pair{all[2*i], all[2*i+1]}
	}
	return m, nil
}

func (r *reader) array(code byte, depth int) (any, error) {
	if code != 0xe0 && code != 0xf0 {
		return nil, malformed("constructor 0x%02x", code)
	}
	in, n, err := r.compoundBody(code == 0xe0)
	if err != nil {
		return nil, err
	}
	a := Array{}
	c, err := in.take(1)
	if err != nil {
		return nil, err
	}
	if c[0] == 0x00 {
		if a.Descriptor, err = in.value(depth + 1); err != nil {
			return nil, err
		}
		if c, err = in.take(1); err != nil {
			return nil, err
		}
	}
	if depth > maxDepth || n > len(in.b) && (n > maxEmptyElements || c[0]>>4 != 0x4) {
		return nil, malformed("an array of %d elements in %d bytes at depth %d", n, len(in.b), depth)
	}
	return in.elements(a, elementsOf{c[0], n, depth})
}

type elementsOf struct {
	code     byte
	n, depth int
}

func (r *reader) elements(a Array, of elementsOf) (any, error) {
	a.Elements = make([]any, of.n)
	for i := range a.Elements {
		v, err := r.body(of.code, of.depth+1)
		if err != nil {
			return nil, err
		}
		a.Elements[i] = v
	}
	a.Code = wideCode(of.code)
	return a, nil
}

// wideCode is the constructor under which a decoded array is encoded again.
func wideCode(code byte) byte {
	switch code {
	case 0x41, 0x42:
		return 0x56
	case 0x43, 0x52:
		return 0x70
	case 0x44, 0x53:
		return 0x80
	case 0x54:
		return 0x71
	case 0x55:
		return 0x81
	case 0x45:
		return 0xd0
	}
	if hi := code >> 4; hi == 0xa || hi == 0xc || hi == 0xe {
		return code | 0x10
	}
	return code
}
