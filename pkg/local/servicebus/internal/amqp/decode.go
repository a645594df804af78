package amqp

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrMalformed is wrapped by every error about bytes that are no AMQP.
var ErrMalformed = errors.New("malformed AMQP")

const (
	// maxDepth bounds the nesting of values, so that input cannot exhaust the stack. Real messages nest three or four deep.
	maxDepth = 32
	// maxEmptyElements bounds arrays whose elements take no bytes, which a few bytes could make arbitrarily large.
	maxEmptyElements = 256
	// fixedCodes are the constructors of values of fixed width.
	fixedCodes = "\x40\x41\x42\x43\x44\x45\x50\x51\x52\x53\x54\x55\x56\x60\x61\x70\x71\x72\x73\x74\x80\x81\x82\x83\x84\x94\x98"
)

var isFixed = func() (is [256]bool) {
	for i := range len(fixedCodes) {
		is[fixedCodes[i]] = true
	}
	return is
}()

// Decode decodes the first value of b and returns the bytes behind it. What it returns shares b's memory.
func Decode(b []byte) (v any, rest []byte, err error) {
	r := reader{b: b}
	in := reader{b: r.skip()}
	if r.err != nil {
		return nil, nil, r.err
	}
	return in.value(), r.b, nil
}

// reader reads b. It works in two passes: skip checks all that a value says of itself, then value and its like decode
// without another check. The first error is kept.
type reader struct {
	b     []byte
	err   error
	depth int
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
	}
	r.b = nil
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail("%d bytes wanted, %d left", n, len(r.b))
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

// code reads a constructor; that of null after an error.
func (r *reader) code() byte {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0x40
}

// length reads a size or a count: of one byte or of four, as the constructor says.
func (r *reader) length(code byte) uint32 {
	if code&0x10 == 0 {
		return uint32(number64(r.take(1)))
	}
	return uint32(number64(r.take(4)))
}

func number64(p []byte) (n uint64) {
	for _, b := range p {
		n = n<<8 | uint64(b)
	}
	return n
}

// width is the number of bytes of a value of fixed width.
func width(code byte) uint32 {
	if code>>4 == 0x4 {
		return 0
	}
	return 1 << (code>>4 - 5)
}

// skip checks a value and returns its bytes.
func (r *reader) skip() Raw {
	before := r.b
	if r.depth++; r.depth > maxDepth {
		r.fail("values nest more than %d deep", maxDepth)
	}
	if code := r.code(); code == 0x00 {
		r.skip()
		r.skip()
	} else {
		r.skipBody(code)
	}
	r.depth--
	return Raw(before[:len(before)-len(r.b)])
}

// skipBody checks what follows a constructor. The high half of the constructor says how many bytes that is.
func (r *reader) skipBody(code byte) {
	switch {
	case isFixed[code]:
		r.take(width(code))
	case code&0xef == 0xa1:
		if !utf8.Valid(r.take(r.length(code))) {
			r.fail("a string is not UTF-8")
		}
	case code&0xef == 0xa0, code&0xef == 0xa3:
		r.take(r.length(code))
	case code&0xee == 0xc0, code&0xef == 0xe0:
		in := reader{b: r.take(r.length(code)), depth: r.depth}
		in.skipElements(code)
		if r.err == nil {
			r.err = in.err
		}
	default:
		r.fail("constructor 0x%02x", code)
	}
}

// skipElements checks the inside of a list, a map or an array. Elements of lists and maps take a byte at least.
func (r *reader) skipElements(code byte) {
	n := r.length(code)
	element, array := byte(0), code&0xef == 0xe0
	if array {
		if element = r.code(); element == 0x00 {
			r.skip()
			element = r.code()
		}
	}
	empty := array && n <= maxEmptyElements && element>>4 == 0x4
	if uint64(n) > uint64(len(r.b)) && !empty || code&0xef == 0xc1 && n%2 != 0 {
		r.fail("constructor 0x%02x with %d elements in %d bytes", code, n, len(r.b))
		return
	}
	if r.depth++; r.depth > maxDepth {
		r.fail("values nest more than %d deep", maxDepth)
	}
	for i := uint32(0); i < n && r.err == nil; i++ {
		if array {
			r.skipBody(element)
		} else {
			r.skip()
		}
	}
	if r.depth--; len(r.b) > 0 {
		r.fail("%d bytes behind the last element", len(r.b))
	}
}

// value decodes a value that skip has checked.
func (r *reader) value() any {
	before := *r
	if v, ok := r.body(r.code()); ok {
		return v
	}
	*r = before
	return r.skip()
}

// body decodes what follows a constructor; false if its type stays raw.
func (r *reader) body(code byte) (any, bool) {
	switch code {
	case 0x40:
		return nil, true
	case 0x41, 0x42:
		return code == 0x41, true
	case 0x45:
		return List{}, true
	case 0x56:
		return r.take(1)[0] != 0, true
	case 0x50:
		return r.take(1)[0], true
	case 0x60:
		return be.Uint16(r.take(2)), true
	case 0x43, 0x52, 0x70:
		return uint32(number64(r.take(width(code)))), true
	case 0x44, 0x53, 0x80:
		return number64(r.take(width(code))), true
	case 0x54:
		return int32(int8(r.take(1)[0])), true
	case 0x71:
		return int32(be.Uint32(r.take(4))), true
	case 0x55:
		return int64(int8(r.take(1)[0])), true
	case 0x81:
		return int64(be.Uint64(r.take(8))), true
	case 0x83:
		return Timestamp(be.Uint64(r.take(8))), true
	case 0x98:
		return UUID(r.take(16)), true
	case 0xa0, 0xb0:
		return r.take(r.length(code)), true
	case 0xa1, 0xb1:
		return string(r.take(r.length(code))), true
	case 0xa3, 0xb3:
		return Symbol(r.take(r.length(code))), true
	case 0xc0, 0xd0:
		r.length(code) // the size
		return r.list(int(r.length(code))), true
	case 0xc1, 0xd1:
		r.length(code)
		return r.pairs(int(r.length(code)) / 2), true
	}
	return nil, false
}

func (r *reader) list(n int) List {
	all := make(List, n)
	for i := range all {
		all[i] = r.value()
	}
	return all
}

// array decodes the elements of an array; those of types that stay raw are nil.
func (r *reader) array(n int) List {
	all, code := make(List, n), r.code()
	if code == 0x00 {
		return all
	}
	for i := range all {
		all[i], _ = r.body(code)
	}
	return all
}
