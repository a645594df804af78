package amqp

// Descriptor codes of what frames carry.
const (
	codeOpen           = 0x10
	codeBegin          = 0x11
	codeAttach         = 0x12
	codeFlow           = 0x13
	codeTransfer       = 0x14
	codeDisposition    = 0x15
	codeDetach         = 0x16
	codeEnd            = 0x17
	codeClose          = 0x18
	codeError          = 0x1d
	codeSASLMechanisms = 0x40
	codeSASLInit       = 0x41
	codeSASLOutcome    = 0x44
)

// Performative is what a frame carries: a pointer to one of the types below. Fields that servers of queues do not use are
// left out. Pointers stand for fields that may be absent.
type Performative interface {
	code() byte
	fields() List
}

type (
	// Open starts a connection. IdleTimeout is in milliseconds.
	Open struct {
		ContainerID  string
		MaxFrameSize uint32
		ChannelMax   uint16
		IdleTimeout  uint32
		Properties   Map
	}
	// Begin starts a session.
	Begin struct {
		RemoteChannel                                             *uint16
		NextOutgoingID, IncomingWindow, OutgoingWindow, HandleMax uint32
	}
	// Attach starts a link. Source and Target are nil where a link is refused.
	Attach struct {
		Name                         string
		Handle                       uint32
		Receiver                     bool
		SenderMode, ReceiverMode     uint8
		Source, Target               *Terminus
		InitialDeliveryCount         *uint32
		MaxMessageSize               uint64
		OfferedCapabilities, Desired any
		Properties                   Map
	}
	// Flow updates windows, and the credit of a link if Handle is set.
	Flow struct {
		NextIncomingID                                 *uint32
		IncomingWindow, NextOutgoingID, OutgoingWindow uint32
		Handle, DeliveryCount, LinkCredit              *uint32
		Drain, Echo                                    bool
	}
	// Transfer carries a message or a part of one.
	Transfer struct {
		Handle        uint32
		DeliveryID    *uint32
		DeliveryTag   []byte
		MessageFormat *uint32
		Settled, More bool
		Aborted       bool
	}
	// Disposition tells the state of the deliveries First to Last.
	Disposition struct {
		Receiver bool
		First    uint32
		Last     *uint32
		Settled  bool
		State    *State
	}
	// Detach ends a link.
	Detach struct {
		Handle uint32
		Closed bool
		Error  *Error
	}
	// End ends a session.
	End struct{ Error *Error }
	// Close ends a connection.
	Close struct{ Error *Error }
	// SASLMechanisms offers ways to log in.
	SASLMechanisms struct{ Mechanisms []Symbol }
	// SASLInit picks one of them.
	SASLInit struct{ Mechanism Symbol }
	// SASLOutcome ends the exchange; 0 is success.
	SASLOutcome struct{ Outcome uint8 }
)

// Terminus is a source or a target, kept as it came, so that it can be sent back.
type Terminus struct{ Described }

// Address is the node's address, empty if there is none.
func (t *Terminus) Address() string {
	if l, ok := t.Value.(List); ok && len(l) > 0 {
		s, _ := l[0].(string)
		return s
	}
	return ""
}

// Filter returns the value of a source's filter, or nil.
func (t *Terminus) Filter(name string) any {
	if l, ok := t.Value.(List); ok && len(l) > 7 {
		m, _ := l[7].(Map)
		return m.Get(name)
	}
	return nil
}

// Error is an AMQP error.
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

func (e *Error) Error() string { return string(e.Condition) + ": " + e.Description }

func (e *Error) value() any {
	if e == nil {
		return nil
	}
	var info any
	if e.Info != nil {
		info = e.Info
	}
	return composite(codeError, List{e.Condition, e.Description, info})
}

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

func (s *State) value() any {
	switch {
	case s == nil:
		return nil
	case s.Code == Rejected:
		return composite(Rejected, List{s.Error.value()})
	case s.Code == Modified:
		return composite(Modified, List{s.DeliveryFailed, s.UndeliverableHere, s.Annotations})
	}
	return composite(s.Code, nil)
}

func composite(code uint64, fields List) Described { return Described{code, fields} }

func (t *Terminus) value() any {
	if t == nil {
		return nil
	}
	return t.Described
}

// present is nil for nil pointers, so that the field is sent as null.
func present[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// unless is null for the zero value, where the protocol's default is that value.
func unless[T comparable](zero, v T) any {
	if v == zero {
		return nil
	}
	return v
}

func (m Map) orNil() any {
	if m == nil {
		return nil
	}
	return m
}

func (*Open) code() byte           { return codeOpen }
func (*Begin) code() byte          { return codeBegin }
func (*Attach) code() byte         { return codeAttach }
func (*Flow) code() byte           { return codeFlow }
func (*Transfer) code() byte       { return codeTransfer }
func (*Disposition) code() byte    { return codeDisposition }
func (*Detach) code() byte         { return codeDetach }
func (*End) code() byte            { return codeEnd }
func (*Close) code() byte          { return codeClose }
func (*SASLMechanisms) code() byte { return codeSASLMechanisms }
func (*SASLInit) code() byte       { return codeSASLInit }
func (*SASLOutcome) code() byte    { return codeSASLOutcome }

func (o *Open) fields() List {
	return List{o.ContainerID, nil, o.MaxFrameSize, o.ChannelMax, unless(0, o.IdleTimeout), nil, nil, nil, nil, o.Properties.orNil()}
}

func (b *Begin) fields() List {
	return List{present(b.RemoteChannel), b.NextOutgoingID, b.IncomingWindow, b.OutgoingWindow, b.HandleMax}
}

func (a *Attach) fields() List {
	return List{a.Name, a.Handle, a.Receiver, a.SenderMode, a.ReceiverMode, a.Source.value(), a.Target.value(), nil, nil,
		present(a.InitialDeliveryCount), unless(0, a.MaxMessageSize), a.OfferedCapabilities, a.Desired, a.Properties.orNil()}
}

func (f *Flow) fields() List {
	return List{present(f.NextIncomingID), f.IncomingWindow, f.NextOutgoingID, f.OutgoingWindow, present(f.Handle),
		present(f.DeliveryCount), present(f.LinkCredit), nil, unless(false, f.Drain), unless(false, f.Echo)}
}

func (t *Transfer) fields() List {
	var tag any
	if t.DeliveryTag != nil {
		tag = t.DeliveryTag
	}
	return List{t.Handle, present(t.DeliveryID), tag, present(t.MessageFormat), t.Settled, t.More, nil, nil, nil, unless(false, t.Aborted)}
}

func (d *Disposition) fields() List {
	return List{d.Receiver, d.First, present(d.Last), d.Settled, d.State.value()}
}

func (d *Detach) fields() List { return List{d.Handle, d.Closed, d.Error.value()} }
func (e *End) fields() List    { return List{e.Error.value()} }
func (c *Close) fields() List  { return List{c.Error.value()} }

func (s *SASLMechanisms) fields() List { return List{ArrayOf(s.Mechanisms)} }
func (s *SASLInit) fields() List       { return List{s.Mechanism} }
func (s *SASLOutcome) fields() List    { return List{s.Outcome} }
