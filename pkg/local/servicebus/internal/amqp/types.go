// Package amqp encodes and decodes AMQP 1.0 (OASIS, 2012): values, frames, performatives and message sections.
//
// Call ReadFrame and Frame.Performative to read, AppendFrame to write, ParseMessage and Message.Append for what transfers
// carry. Decoding never panics and allocates no more than a small multiple of its input. The package holds no state and
// knows nothing of connections; transactions and the types of decimal arithmetic are carried, not understood.
package amqp

import "time"

// The Go types of AMQP values that Go has no type for. The others are nil, bool, the sized integers, float32, float64,
// string and []byte.
type (
	Symbol     string
	UUID       [16]byte // in RFC 4122 byte order
	Char       uint32
	Decimal32  [4]byte
	Decimal64  [8]byte
	Decimal128 [16]byte
	List       []any
)

// Timestamp counts milliseconds since 1970 in UTC.
type Timestamp int64

// TimestampOf converts t, losing what is below a millisecond.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time converts to Go's time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Map is an AMQP map in wire order. It is no Go map because AMQP allows keys that Go cannot compare.
type Map []Pair

// Pair is one entry of a Map.
type Pair struct{ Key, Value any }

// Get returns the value whose key is the string or symbol given, or nil.
func (m Map) Get(key string) any {
	for _, p := range m {
		switch k := p.Key.(type) {
		case string:
			if k == key {
				return p.Value
			}
		case Symbol:
			if string(k) == key {
				return p.Value
			}
		}
	}
	return nil
}

// With returns a copy of m in which key has the value. The copy keeps the type of a key that was there.
func (m Map) With(key, value any) Map {
	out := make(Map, 0, len(m)+1)
	found := false
	for _, p := range m {
		if keyText(p.Key) == keyText(key) {
			p.Value, found = value, true
		}
		out = append(out, p)
	}
	if !found {
		out = append(out, Pair{key, value})
	}
	return out
}

// keyText makes string and symbol keys comparable; other keys have no text.
func keyText(k any) any {
	switch k := k.(type) {
	case string:
		return k
	case Symbol:
		return string(k)
	}
	return nil
}

// Array is an AMQP array: elements of one type. Code is the constructor of the elements, so that an empty array has one
// too; Descriptor is set if the elements are described.
type Array struct {
	Code       byte
	Descriptor any
	Elements   []any
}

// ArrayOf returns an array of the elements, encoded as codeOf says for their Go type.
func ArrayOf[T any](elements []T) Array {
	var zero T
	a := Array{Code: codeOf(zero), Elements: make([]any, len(elements))}
	for i, e := range elements {
		a.Elements[i] = e
	}
	return a
}

// Elements returns the elements of v, a List or an Array, that are of type T, and whether all were.
func Elements[T any](v any) ([]T, bool) {
	var all []any
	switch v := v.(type) {
	case List:
		all = v
	case Array:
		all = v.Elements
	default:
		return nil, false
	}
	out := make([]T, 0, len(all))
	for _, e := range all {
		t, ok := e.(T)
		if !ok {
			return nil, false
		}
		out = append(out, t)
	}
	return out, true
}

// Described is a value with a descriptor.
type Described struct{ Descriptor, Value any }
