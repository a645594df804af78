package amqp

// composite is a described list. walk names its fields in their order, by pointers to the types that fields.read knows; nil
// stands for a field that servers of queues do not use. One walk serves reading and writing.
type composite interface{ walk(*fields) }

// flag is a boolean field whose false is sent as null.
type flag bool

// fields reads the fields of a composite from in, or appends them to out if in is nil. Fields behind the last one sent are
// absent, and trailing nulls are not sent.
type fields struct {
	in           *reader
	left         int
	out          []byte
	count, nulls int
}

func (f *fields) all(pointers ...any) {
	for _, p := range pointers {
		switch {
		case f.in == nil:
			f.write(p)
		case f.left > 0:
			f.left--
			f.read(p)
		}
	}
}

// read reads a field into *p. Null leaves it as it is.
func (f *fields) read(p any) {
	switch p := p.(type) {
	case **Error:
		f.in.composite(func(uint64) composite { *p = &Error{}; return *p })
		return
	case **State:
		f.in.composite(func(code uint64) composite { *p = &State{Code: code}; return *p })
		return
	}
	v := f.in.value()
	if v != nil && p != nil && !set(p, v) {
		f.in.fail("a %T where a %T is due", v, p)
	}
}

func set(p, v any) (ok bool) {
	switch p := p.(type) {
	case *bool:
		*p, ok = v.(bool)
	case *flag:
		var is bool
		is, ok = v.(bool)
		*p = flag(is)
	case *uint8:
		*p, ok = v.(uint8)
	case *uint16:
		*p, ok = v.(uint16)
	case *uint32:
		*p, ok = v.(uint32)
	case *uint64:
		*p, ok = v.(uint64)
	case *string:
		*p, ok = v.(string)
	case *Symbol:
		*p, ok = v.(Symbol)
	case *[]byte:
		*p, ok = v.([]byte)
	case *Map:
		*p, ok = v.(Map)
	case *any:
		*p, ok = v, true
	case **uint8:
		ok = point(p, v)
	case **uint16:
		ok = point(p, v)
	case **uint32:
		ok = point(p, v)
	}
	return ok
}

func point[T any](p **T, v any) bool {
	t, ok := v.(T)
	*p = &t
	return ok
}

func (f *fields) write(p any) {
	switch p := p.(type) {
	case *bool:
		f.put(true, *p)
	case *flag:
		f.put(bool(*p), true)
	case *uint8:
		f.put(true, *p)
	case *uint16:
		f.put(true, *p)
	case *uint32:
		f.put(true, *p)
	case *uint64:
		f.put(true, *p)
	case *string:
		f.put(true, *p)
	case *Symbol:
		f.put(true, *p)
	case *[]byte:
		f.put(*p != nil, *p)
	case *Map:
		f.put(*p != nil, *p)
	case *any:
		f.put(*p != nil, *p)
	case **uint8:
		putPointer(f, *p)
	case **uint16:
		putPointer(f, *p)
	case **uint32:
		putPointer(f, *p)
	case **Error:
		f.nest(*p != nil, 0x1d, *p)
	case **State:
		if *p == nil {
			f.nulls++
			return
		}
		f.nest(true, (*p).Code, *p)
	default:
		f.nulls++
	}
}

// put writes a field, or null if it is absent.
func (f *fields) put(present bool, v any) {
	if !present {
		f.nulls++
		return
	}
	f.pad()
	f.out = Append(f.out, v)
}

func putPointer[T any](f *fields, p *T) {
	if p == nil {
		f.nulls++
		return
	}
	f.put(true, *p)
}

func (f *fields) nest(present bool, code uint64, c composite) {
	if !present {
		f.nulls++
		return
	}
	f.pad()
	f.out = appendComposite(f.out, code, c)
}

// pad writes the nulls before a field and counts both.
func (f *fields) pad() {
	for range f.nulls {
		f.out = append(f.out, 0x40)
	}
	f.count += f.nulls + 1
	f.nulls = 0
}

// composite reads a described list, or null, into what make returns for its code.
func (r *reader) composite(make func(code uint64) composite) {
	in := reader{b: r.skip()}
	if r.err != nil || in.b[0] == 0x40 {
		return
	}
	code, n, ok := in.open()
	if c := make(code); ok && c != nil {
		c.walk(&fields{in: &in, left: n})
		if r.err == nil {
			r.err = in.err
		}
		return
	}
	r.fail("no composite that is due here: 0x%x", code)
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

func appendComposite(b []byte, code uint64, c composite) []byte {
	b = Append(append(b, 0x00), code)
	at := len(b)
	f := fields{out: append(b, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0)}
	c.walk(&f)
	be.PutUint32(f.out[at+1:], uint32(len(f.out)-at-5))
	be.PutUint32(f.out[at+5:], uint32(f.count))
	return f.out
}
