// Package amqp encodes and decodes AMQP 1.0 (OASIS, 2012): values, frames, performatives and message sections.
//
// Call ReadFrame and Frame.Performative to read, AppendFrame to write, ParseMessage and Message.Append for what transfers
// carry. Decoding never panics and allocates no more than a small multiple of its input. The package holds no state and
// knows nothing of connections. Types that a server of queues never computes with stay as they are on the wire.
package amqp

import "time"

// The Go types of AMQP values. The others are nil, bool, uint8, uint16, uint32, uint64, int32, int64, string and []byte.
type (
	Symbol string
	UUID   [16]byte // in RFC 4122 byte order
	List   []any
	// Timestamp counts milliseconds since 1970 in UTC.
	Timestamp int64
	// Raw is a value of any other type: arrays, described values, floats, decimals and chars, as they are on the wire.
	Raw []byte
)

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
		if textOf(p.Key) == key {
			return p.Value
		}
	}
	return nil
}

// textOf returns a key that is a string or a symbol as text; others are empty.
func textOf(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case Symbol:
		return string(k)
	}
	return ""
}

// ArrayOf returns an array of the elements.
func ArrayOf[T any](elements []T) Raw {
	var zero T
	body := append(be.AppendUint32(nil, uint32(len(elements))), wideCode(zero))
	for _, e := range elements {
		body = appendWide(body, e)
	}
	return append(be.AppendUint32([]byte{0xf0}, uint32(len(body))), body...)
}

// Elements returns the elements of v, a list or an array, and whether it is one and all are of type T.
func Elements[T any](v any) ([]T, bool) {
	all, ok := v.(List)
	if raw, isRaw := v.(Raw); isRaw && raw[0]&0xef == 0xe0 {
		r := reader{b: raw}
		code := r.code()
		r.length(code)
		all, ok = r.array(int(r.length(code))), true
	}
	out := make([]T, 0, len(all))
	for _, e := range all {
		t, isT := e.(T)
		if !isT {
			return nil, false
		}
		out = append(out, t)
	}
	return out, ok
}
