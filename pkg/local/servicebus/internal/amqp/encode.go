package amqp

import (
	"encoding/binary"
	"fmt"
	"math"
)

var be = binary.BigEndian

// codeOf returns the widest constructor for v's type: the one that arrays use, where all elements share a width.
func codeOf(v any) byte {
	switch v.(type) {
	case nil:
		return 0x40
	case uint8:
		return 0x50
	case int8:
		return 0x51
	case bool:
		return 0x56
	case uint16:
		return 0x60
	case int16:
		return 0x61
	case uint32:
		return 0x70
	case int32:
		return 0x71
	case float32:
		return 0x72
	case Char:
		return 0x73
	case Decimal32:
		return 0x74
	case uint64:
		return 0x80
	case int64:
		return 0x81
	case float64:
		return 0x82
	case Timestamp:
		return 0x83
	case Decimal64:
		return 0x84
	case Decimal128:
		return 0x94
	case UUID:
		return 0x98
	case []byte:
		return 0xb0
	case string:
		return 0xb1
	case Symbol:
		return 0xb3
	case List:
		return 0xd0
	case Map:
		return 0xd1
	case Array:
		return 0xf0
	}
	panic(fmt.Sprintf("amqp: no encoding for %T", v)) // a mistake of the caller: decoding yields none of these
}

// Append appends the encoding of v, one of the types of this package. The forms that matter for size (small unsigned
// numbers, short strings) are used; compound values always have 32-bit sizes, so that they are written in one pass.
func Append(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 0x41)
		}
		return append(b, 0x42)
	case uint32:
		return appendSmall(b, uint64(v), smallCodes{0x43, 0x52, 0x70})
	case uint64:
		return appendSmall(b, v, smallCodes{0x44, 0x53, 0x80})
	case []byte:
		return appendVariable(b, v, 0xa0)
	case string:
		return appendVariable(b, v, 0xa1)
	case Symbol:
		return appendVariable(b, v, 0xa3)
	case List:
		if len(v) == 0 {
			return append(b, 0x45)
		}
	case Described:
		b = Append(append(b, 0x00), v.Descriptor)
		return Append(b, v.Value)
	}
	code := codeOf(v)
	return appendBody(append(b, code), code, v)
}

type smallCodes struct{ zero, small, wide byte }

func appendSmall(b []byte, v uint64, c smallCodes) []byte {
	switch {
	case v == 0:
		return append(b, c.zero)
	case v < 256:
		return append(b, c.small, byte(v))
	case c.wide == 0x70:
		return be.AppendUint32(append(b, c.wide), uint32(v))
	}
	return be.AppendUint64(append(b, c.wide), v)
}

func appendVariable[T ~string | ~[]byte](b []byte, v T, code byte) []byte {
	if len(v) < 256 {
		return append(append(b, code, byte(len(v))), v...)
	}
	b = be.AppendUint32(append(b, code|0x10), uint32(len(v)))
	return append(b, v...)
}

// appendBody appends v without its constructor, in the width that code says.
func appendBody(b []byte, code byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return b
	case List, Map, Array:
		return appendCompound(b, v)
	case []byte:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	case string:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	case Symbol:
		return append(be.AppendUint32(b, uint32(len(v))), v...)
	case Described:
		return appendBody(b, code, v.Value)
	case UUID:
		return append(b, v[:]...)
	case Decimal32:
		return append(b, v[:]...)
	case Decimal64:
		return append(b, v[:]...)
	case Decimal128:
		return append(b, v[:]...)
	}
	return appendNumber(b, v)
}

func appendNumber(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case uint8:
		return append(b, v)
	case int8:
		return append(b, byte(v))
	case uint16:
		return be.AppendUint16(b, v)
	case int16:
		return be.AppendUint16(b, uint16(v))
	case uint32:
		return be.AppendUint32(b, v)
	case int32:
		return be.AppendUint32(b, uint32(v))
	case Char:
		return be.AppendUint32(b, uint32(v))
	case float32:
		return be.AppendUint32(b, math.Float32bits(v))
	case uint64:
		return be.AppendUint64(b, v)
	case int64:
		return be.AppendUint64(b, uint64(v))
	case Timestamp:
		return be.AppendUint64(b, uint64(v))
	case float64:
		return be.AppendUint64(b, math.Float64bits(v))
	}
	panic(fmt.Sprintf("amqp: no encoding for %T", v))
}

// appendCompound appends size, count and elements; the size is filled in last.
func appendCompound(b []byte, v any) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	switch v := v.(type) {
	case List:
		b = be.AppendUint32(b, uint32(len(v)))
		for _, e := range v {
			b = Append(b, e)
		}
	case Map:
		b = be.AppendUint32(b, uint32(2*len(v)))
		for _, p := range v {
			b = Append(Append(b, p.Key), p.Value)
		}
	case Array:
		b = be.AppendUint32(b, uint32(len(v.Elements)))
		if v.Descriptor != nil {
			b = Append(append(b, 0x00), v.Descriptor)
		}
		b = append(b, v.Code)
		for _, e := range v.Elements {
			b = appendBody(b, v.Code, e)
		}
	}
	be.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}
