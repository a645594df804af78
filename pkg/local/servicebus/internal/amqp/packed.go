package amqp

import "slices"

// Packed is a map or a list as it is on the wire: its keys and values, or its elements, one after the other. It is not
// changed once made; the zero value is empty.
type Packed struct {
	count int
	wire  []byte
}

// Pack packs a list.
func Pack(elements ...any) Packed {
	p := Packed{count: len(elements)}
	for _, e := range elements {
		p.wire = Append(p.wire, e)
	}
	return p
}

// PackMap packs a map.
func PackMap(m Map) Packed { return Packed{}.Add(m...) }

// packed reads a section that holds a list or a map, as the constructor says.
func (r *reader) packed(want byte) Packed {
	in := reader{b: r.skip()}
	if r.err != nil {
		return Packed{}
	}
	in.take(3) // the descriptor
	code := in.code()
	if code == 0x45 && want == 0xc0 {
		return Packed{}
	}
	if code&0xef != want {
		r.fail("a section holds 0x%02x", code)
		return Packed{}
	}
	in.length(code) // the size
	return Packed{int(in.length(code)), in.b}
}

// at returns element i of a list, nil if there are fewer.
func (p Packed) at(i int) any {
	if i >= p.count {
		return nil
	}
	r := reader{b: p.wire}
	for range i {
		r.skip()
	}
	return r.value()
}

// Map unpacks a map.
func (p Packed) Map() Map { return (&reader{b: p.wire}).pairs(p.count / 2) }

func (r *reader) pairs(n int) Map {
	m := make(Map, n)
	for i := range m {
		m[i].Key = r.value()
		m[i].Value = r.value()
	}
	return m
}

// Get returns the value whose key is the string or symbol given, or nil.
func (p Packed) Get(key string) any { return p.Map().Get(key) }

// Without returns a map without the keys given.
func (p Packed) Without(keys ...string) Packed {
	r, out := reader{b: p.wire}, Packed{}
	for range p.count / 2 {
		pair := r.b
		key := textOf(r.value())
		r.skip()
		if !slices.Contains(keys, key) {
			out.count += 2
			out.wire = append(out.wire, pair[:len(pair)-len(r.b)]...)
		}
	}
	return out
}

// Add returns a map with more keys, strings or symbols that are not there yet.
func (p Packed) Add(more ...Pair) Packed {
	out := Packed{p.count + 2*len(more), append(make([]byte, 0, len(p.wire)+40*len(more)), p.wire...)}
	for _, e := range more {
		out.wire = Append(Append(out.wire, e.Key), e.Value)
	}
	return out
}

// With returns a map in which the key, a string or a symbol, has the value.
func (p Packed) With(key, value any) Packed {
	return p.Without(textOf(key)).Add(Pair{key, value})
}

func (p Packed) appendMap(b []byte, section byte) []byte {
	if p.count == 0 {
		return b
	}
	return p.append(append(b, 0x00, 0x53, section, 0xd1))
}

// append appends size, count and elements.
func (p Packed) append(b []byte) []byte {
	b = be.AppendUint32(b, uint32(len(p.wire)+4))
	return append(be.AppendUint32(b, uint32(p.count)), p.wire...)
}
