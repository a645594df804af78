package amqp

import "encoding/binary"

var be = binary.BigEndian

// number returns the constructor and the bits of a number, in full width.
func number(v any) (code byte, bits uint64, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			bits = 1
		}
		return 0x56, bits, true
	case uint8:
		return 0x50, uint64(v), true
	case uint16:
		return 0x60, uint64(v), true
	case uint32:
		return 0x70, uint64(v), true
	case int32:
		return 0x71, uint64(v), true
	case uint64:
		return 0x80, v, true
	case int64:
		return 0x81, uint64(v), true
	case Timestamp:
		return 0x83, uint64(v), true
	}
	return 0, 0, false
}

// wideCode returns the constructor of full width for v's type: the one that arrays use, where all elements share it.
func wideCode(v any) byte {
	switch v.(type) {
	case UUID:
		return 0x98
	case []byte:
		return 0xb0
	case string:
		return 0xb1
	case Symbol:
		return 0xb3
	}
	code, _, ok := number(v)
	if !ok {
		panic("amqp: a value of a type that has no encoding") // the caller's mistake: decoding yields none of these
	}
	return code
}

// appendWide appends v in full width without its constructor.
func appendWide(b []byte, v any) []byte {
	switch v := v.(type) {
	case UUID:
		return append(b, v[:]...)
	case []byte:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	case string:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	case Symbol:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	}
	code, bits, _ := number(v)
	var p [8]byte
	be.PutUint64(p[:], bits)
	return append(b, p[8-width(code):]...)
}

// Append appends the encoding of v, one of the types of this package. The forms that matter for size (small unsigned
// numbers, short strings) are used; compound values always have 32-bit sizes, so that they are written in one pass.
func Append(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0x40)
	case Raw:
		return append(b, v...)
	case bool:
		if v {
			return append(b, 0x41)
		}
		return append(b, 0x42)
	case uint32:
		if v < 256 {
			return appendSmall(b, uint64(v), 0x43)
		}
	case uint64:
		if v < 256 {
			return appendSmall(b, v, 0x44)
		}
	case []byte:
		return appendText(b, 0xa0, v)
	case string:
		return appendText(b, 0xa1, v)
	case Symbol:
		return appendText(b, 0xa3, v)
	case List:
		if len(v) == 0 {
			return append(b, 0x45)
		}
		return Pack(v...).append(append(b, 0xd0))
	case Map:
		return PackMap(v).append(append(b, 0xd1))
	}
	return appendWide(append(b, wideCode(v)), v)
}

// appendSmall appends 0 in no byte and other numbers in one; the constructors lie 15 apart.
func appendSmall(b []byte, v uint64, zero byte) []byte {
	if v == 0 {
		return append(b, zero)
	}
	return append(b, zero+0x0f, byte(v))
}

func appendText[T ~string | ~[]byte](b []byte, code byte, v T) []byte {
	if len(v) < 256 {
		return append(append(b, code, byte(len(v))), v...)
	}
	return append(be.AppendUint32(append(b, code|0x10), uint32(len(v))), v...)
}
