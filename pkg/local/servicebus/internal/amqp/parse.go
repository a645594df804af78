package amqp

// Performative decodes the frame's body. rest is the payload behind it, which only transfers have. A keep-alive gives nil.
func (f Frame) Performative() (p Performative, rest []byte, err error) {
	if len(f.Body) == 0 {
		return nil, nil, nil
	}
	v, rest, err := Decode(f.Body)
	if err != nil {
		return nil, nil, err
	}
	code, list, err := unpack(v)
	if err != nil {
		return nil, nil, err
	}
	r := &fieldReader{list: list}
	p = parse(code, r)
	if p == nil {
		return nil, nil, malformed("performative 0x%x", code)
	}
	return p, rest, r.err
}

// unpack takes a described list apart. Descriptors may be numbers or symbols; nobody sends symbols here.
func unpack(v any) (uint64, List, error) {
	d, ok := v.(Described)
	if !ok {
		return 0, nil, malformed("%T where a composite is due", v)
	}
	code, ok1 := d.Descriptor.(uint64)
	list, ok2 := d.Value.(List)
	if !ok1 || !ok2 {
		return 0, nil, malformed("a composite with a %T described by a %T", d.Value, d.Descriptor)
	}
	return code, list, nil
}

// fieldReader reads the fields of a composite and keeps the first error.
type fieldReader struct {
	list List
	err  error
}

func (r *fieldReader) at(i int) any {
	if i < len(r.list) {
		return r.list[i]
	}
	return nil
}

// get returns field i, or nil if it is absent or of another type; the latter is an error.
func get[T any](r *fieldReader, i int) *T {
	v := r.at(i)
	if v == nil {
		return nil
	}
	t, ok := v.(T)
	if !ok {
		if r.err == nil {
			r.err = malformed("field %d is a %T", i, v)
		}
		return nil
	}
	return &t
}

// need is get with the protocol's default for absent fields.
func need[T any](r *fieldReader, i int, def ...T) T {
	if p := get[T](r, i); p != nil {
		return *p
	}
	if len(def) > 0 {
		return def[0]
	}
	var zero T
	return zero
}

func parse(code uint64, r *fieldReader) Performative {
	switch code {
	case codeOpen:
		return &Open{ContainerID: need[string](r, 0), MaxFrameSize: need[uint32](r, 2, 1<<32-1), ChannelMax: need[uint16](r, 3, 1<<16-1),
			IdleTimeout: need[uint32](r, 4), Properties: need[Map](r, 9)}
	case codeBegin:
		return &Begin{RemoteChannel: get[uint16](r, 0), NextOutgoingID: need[uint32](r, 1), IncomingWindow: need[uint32](r, 2),
			OutgoingWindow: need[uint32](r, 3), HandleMax: need[uint32](r, 4, 1<<32-1)}
	case codeAttach:
		return parseAttach(r)
	case codeFlow:
		return &Flow{NextIncomingID: get[uint32](r, 0), IncomingWindow: need[uint32](r, 1), NextOutgoingID: need[uint32](r, 2),
			OutgoingWindow: need[uint32](r, 3), Handle: get[uint32](r, 4), DeliveryCount: get[uint32](r, 5), LinkCredit: get[uint32](r, 6),
			Drain: need[bool](r, 8), Echo: need[bool](r, 9)}
	case codeTransfer:
		return &Transfer{Handle: need[uint32](r, 0), DeliveryID: get[uint32](r, 1), DeliveryTag: need[[]byte](r, 2),
			MessageFormat: get[uint32](r, 3), Settled: need[bool](r, 4), More: need[bool](r, 5), Aborted: need[bool](r, 9)}
	case codeDisposition:
		return &Disposition{Receiver: need[bool](r, 0), First: need[uint32](r, 1), Last: get[uint32](r, 2), Settled: need[bool](r, 3),
			State: parseState(r, 4)}
	case codeDetach:
		return &Detach{Handle: need[uint32](r, 0), Closed: need[bool](r, 1), Error: parseError(r, 2)}
	case codeEnd:
		return &End{Error: parseError(r, 0)}
	case codeClose:
		return &Close{Error: parseError(r, 0)}
	}
	return parseSASL(code, r)
}

func parseSASL(code uint64, r *fieldReader) Performative {
	switch code {
	case codeSASLMechanisms:
		all, _ := Elements[Symbol](r.at(0))
		return &SASLMechanisms{all}
	case codeSASLInit:
		return &SASLInit{need[Symbol](r, 0)}
	case codeSASLOutcome:
		return &SASLOutcome{need[uint8](r, 0)}
	}
	return nil
}

func parseAttach(r *fieldReader) *Attach {
	return &Attach{Name: need[string](r, 0), Handle: need[uint32](r, 1), Receiver: need[bool](r, 2), SenderMode: need[uint8](r, 3, 2),
		ReceiverMode: need[uint8](r, 4), Source: parseTerminus(r, 5), Target: parseTerminus(r, 6), InitialDeliveryCount: get[uint32](r, 9),
		MaxMessageSize: need[uint64](r, 10), OfferedCapabilities: r.at(11), Desired: r.at(12), Properties: need[Map](r, 13)}
}

func parseTerminus(r *fieldReader, i int) *Terminus {
	d := get[Described](r, i)
	if d == nil {
		return nil
	}
	return &Terminus{*d}
}

// nested returns a reader of the composite in field i, nil if absent.
func (r *fieldReader) nested(i int) (uint64, *fieldReader) {
	v := r.at(i)
	if v == nil {
		return 0, nil
	}
	code, list, err := unpack(v)
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		return 0, nil
	}
	return code, &fieldReader{list: list}
}

func parseError(r *fieldReader, i int) *Error {
	_, in := r.nested(i)
	if in == nil {
		return nil
	}
	e := &Error{Condition: need[Symbol](in, 0), Description: need[string](in, 1), Info: need[Map](in, 2)}
	if r.err == nil {
		r.err = in.err
	}
	return e
}

func parseState(r *fieldReader, i int) *State {
	code, in := r.nested(i)
	if in == nil {
		return nil
	}
	s := &State{Code: code}
	switch code {
	case Rejected:
		s.Error = parseError(in, 0)
	case Modified:
		s.DeliveryFailed, s.UndeliverableHere, s.Annotations = need[bool](in, 0), need[bool](in, 1), need[Map](in, 2)
	}
	if r.err == nil {
		r.err = in.err
	}
	return s
}
