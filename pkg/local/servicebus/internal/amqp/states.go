package amqp

// Error is an AMQP error.
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

func (e *Error) Error() string { return string(e.Condition) + ": " + e.Description }

func (e *Error) walk(f *fields) { f.all(&e.Condition, &e.Description, &e.Info) }

// Delivery state codes.
const (
	Accepted = 0x24
	Rejected = 0x25
	Released = 0x26
	Modified = 0x27
)

// State is the state of a delivery: one of the codes above, with the fields that it has.
type State struct {
	Code                              uint64
	Error                             *Error // of Rejected
	DeliveryFailed, UndeliverableHere bool   // of Modified
	Annotations                       Map    // of Modified
}

func (s *State) walk(f *fields) {
	switch s.Code {
	case Rejected:
		f.all(&s.Error)
	case Modified:
		f.all(&s.DeliveryFailed, &s.UndeliverableHere, &s.Annotations)
	}
}

// Address returns the address of a source or a target, empty if there is none.
func Address(terminus any) string {
	s, _ := terminusField(terminus, 0).(string)
	return s
}

// Filter returns the value of a source's filter, or nil.
func Filter(source any, name string) any {
	m, _ := terminusField(source, 7).(Map)
	return m.Get(name)
}

func terminusField(terminus any, i int) any {
	raw, _ := terminus.(Raw)
	r := reader{b: raw}
	_, n, ok := r.open()
	if !ok || i >= n {
		return nil
	}
	for range i {
		r.skip()
	}
	return r.value()
}
