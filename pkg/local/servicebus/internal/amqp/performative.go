package amqp

import "math"

// Performative is what a frame carries: a pointer to one of the types below. Fields that servers of queues do not use are
// left out. Pointers stand for fields that may be absent.
type Performative interface {
	composite
	code() uint64
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
	// Attach starts a link. Source and Target are kept as they came, so that they can be sent back; they are nil where a
	// link is refused.
	Attach struct {
		Name                         string
		Handle                       uint32
		Receiver                     bool
		SenderMode, ReceiverMode     uint8
		Source, Target               any
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
	// SASLMechanisms offers ways to log in, an array of symbols.
	SASLMechanisms struct{ Mechanisms any }
	// SASLInit picks one of them.
	SASLInit struct {
		Mechanism Symbol
		Response  []byte
	}
	// SASLOutcome ends the exchange; 0 is success, 1 a wrong name or password.
	SASLOutcome struct{ Outcome uint8 }
)

// performative returns an empty performative, with the protocol's defaults where they are not zero, or nil.
func performative(code uint64) Performative {
	switch code {
	case 0x10:
		return &Open{MaxFrameSize: math.MaxUint32, ChannelMax: math.MaxUint16}
	case 0x11:
		return &Begin{HandleMax: math.MaxUint32}
	case 0x12:
		return &Attach{SenderMode: 2}
	case 0x13:
		return &Flow{}
	case 0x14:
		return &Transfer{}
	case 0x15:
		return &Disposition{}
	case 0x16:
		return &Detach{}
	case 0x17:
		return &End{}
	case 0x18:
		return &Close{}
	case 0x40:
		return &SASLMechanisms{}
	case 0x41:
		return &SASLInit{}
	case 0x44:
		return &SASLOutcome{}
	}
	return nil
}

func (*Open) code() uint64           { return 0x10 }
func (*Begin) code() uint64          { return 0x11 }
func (*Attach) code() uint64         { return 0x12 }
func (*Flow) code() uint64           { return 0x13 }
func (*Transfer) code() uint64       { return 0x14 }
func (*Disposition) code() uint64    { return 0x15 }
func (*Detach) code() uint64         { return 0x16 }
func (*End) code() uint64            { return 0x17 }
func (*Close) code() uint64          { return 0x18 }
func (*SASLMechanisms) code() uint64 { return 0x40 }
func (*SASLInit) code() uint64       { return 0x41 }
func (*SASLOutcome) code() uint64    { return 0x44 }

func (o *Open) walk(f *fields) {
	f.all(&o.ContainerID, nil, &o.MaxFrameSize, &o.ChannelMax, &o.IdleTimeout, nil, nil, nil, nil, &o.Properties)
}

func (b *Begin) walk(f *fields) {
	f.all(&b.RemoteChannel, &b.NextOutgoingID, &b.IncomingWindow, &b.OutgoingWindow, &b.HandleMax)
}

func (a *Attach) walk(f *fields) {
	f.all(&a.Name, &a.Handle, &a.Receiver, &a.SenderMode, &a.ReceiverMode, &a.Source, &a.Target, nil, nil,
		&a.InitialDeliveryCount, &a.MaxMessageSize, &a.OfferedCapabilities, &a.Desired, &a.Properties)
}

func (w *Flow) walk(f *fields) {
	f.all(&w.NextIncomingID, &w.IncomingWindow, &w.NextOutgoingID, &w.OutgoingWindow, &w.Handle, &w.DeliveryCount,
		&w.LinkCredit, nil, (*flag)(&w.Drain), (*flag)(&w.Echo))
}

func (t *Transfer) walk(f *fields) {
	f.all(&t.Handle, &t.DeliveryID, &t.DeliveryTag, &t.MessageFormat, (*flag)(&t.Settled), (*flag)(&t.More), nil, nil, nil,
		(*flag)(&t.Aborted))
}

func (d *Disposition) walk(f *fields) { f.all(&d.Receiver, &d.First, &d.Last, &d.Settled, &d.State) }
func (d *Detach) walk(f *fields)      { f.all(&d.Handle, &d.Closed, &d.Error) }
func (e *End) walk(f *fields)         { f.all(&e.Error) }
func (c *Close) walk(f *fields)       { f.all(&c.Error) }

func (s *SASLMechanisms) walk(f *fields) { f.all(&s.Mechanisms) }
func (s *SASLInit) walk(f *fields)       { f.all(&s.Mechanism, &s.Response) }
func (s *SASLOutcome) walk(f *fields)    { f.all(&s.Outcome) }
