package amqp

import "reflect"

// A composite is a described list. The fields of its Go type are the list's, in their order: blank ones stand for fields
// that servers of queues do not use, pointers for fields that may be absent. Other fields that are absent keep what new
// gave them. Fields of type any hold composites that are known, or any value.

// composites makes an empty composite for each known code, with the protocol's defaults where they are not zero.
var composites = map[uint64]func() any{
	0x10: func() any { return &Open{MaxFrameSize: 1<<32 - 1, ChannelMax: 1<<16 - 1} },
	0x11: func() any { return &Begin{HandleMax: 1<<32 - 1} },
	0x12: func() any { return &Attach{SenderMode: 2} },
	0x13: func() any { return new(Flow) },
	0x14: func() any { return new(Transfer) },
	0x15: func() any { return new(Disposition) },
	0x16: func() any { return new(Detach) },
	0x17: func() any { return new(End) },
	0x18: func() any { return new(Close) },
	0x1d: func() any { return new(Error) },
	0x24: func() any { return new(Accepted) },
	0x25: func() any { return new(Rejected) },
	0x26: func() any { return new(Released) },
	0x27: func() any { return new(Modified) },
	0x40: func() any { return new(SASLMechanisms) },
	0x41: func() any { return new(SASLInit) },
	0x44: func() any { return new(SASLOutcome) },
	0x70: func() any { return new(Header) },
}

// codes are the codes of the types of composites.
var codes = func() map[reflect.Type]uint64 {
	all := map[reflect.Type]uint64{}
	for code, empty := range composites {
		all[reflect.TypeOf(empty())] = code
	}
	return all
}()

// composite decodes a described list of a known code; another value stays as it is.
func (r *reader) composite() any {
	raw := r.skip()
	if r.err != nil {
		return raw
	}
	in := reader{b: raw}
	code, n, ok := in.open()
	if !ok || composites[code] == nil {
		return raw
	}
	c := composites[code]()
	v := reflect.ValueOf(c).Elem()
	for i := range min(n, v.NumField()) {
		in.field(v.Field(i))
	}
	if r.err == nil {
		r.err = in.err
	}
	return c
}

// field decodes a field into f. Null leaves it as it is.
func (r *reader) field(f reflect.Value) {
	var v any
	switch {
	case !f.CanSet() || len(r.b) == 0:
		r.skip()
		return
	case r.b[0] == 0x00:
		v = r.composite()
	default:
		v = r.value()
	}
	if v == nil {
		return
	}
	got := reflect.ValueOf(v)
	if f.Kind() == reflect.Pointer && got.Kind() != reflect.Pointer {
		f.Set(reflect.New(f.Type().Elem()))
		f = f.Elem()
	}
	if !got.Type().AssignableTo(f.Type()) {
		r.fail("a %T where a %s is due", v, f.Type())
		return
	}
	f.Set(got)
}

// open reads a described list up to its first field.
func (r *reader) open() (code uint64, n int, ok bool) {
	if r.code() != 0x00 {
		return 0, 0, false
	}
	code, ok = r.value().(uint64)
	switch list := r.code(); list {
	case 0x45:
		return code, 0, ok
	case 0xc0, 0xd0:
		r.length(list) // the size
		return code, int(r.length(list)), ok
	}
	return code, 0, false
}

// appendComposite appends what c points to, without the nulls at its end, as peers that count fields expect.
func appendComposite(b []byte, c any) []byte {
	v := reflect.ValueOf(c)
	b = Append(append(b, 0x00), codes[v.Type()])
	v = v.Elem()
	at, count, end := len(b), 0, 0
	b = append(b, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0)
	end = len(b)
	for i := range v.NumField() {
		n := len(b)
		if b = appendField(b, v.Field(i)); b[n] != 0x40 {
			count, end = i+1, len(b)
		}
	}
	be.PutUint32(b[at+1:], uint32(end-at-5))
	be.PutUint32(b[at+5:], uint32(count))
	return b[:end]
}

func appendField(b []byte, f reflect.Value) []byte {
	switch f.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice:
		if f.IsNil() {
			return append(b, 0x40)
		}
	}
	if f.Kind() == reflect.Interface {
		f = f.Elem()
	}
	if f.Kind() == reflect.Pointer {
		if codes[f.Type()] != 0 {
			return appendComposite(b, f.Interface())
		}
		f = f.Elem()
	}
	switch f.Kind() { // the most frequent kinds, without the allocation that Interface makes
	case reflect.Bool:
		return Append(b, f.Bool())
	case reflect.Uint32:
		return Append(b, uint32(f.Uint()))
	}
	return Append(b, f.Interface())
}
