package amqp

// Performative is what a frame carries: a pointer to one of Open to Close, or to one of the SASL types.
type Performative any

type (
	// Open starts a connection. IdleTimeout is in milliseconds.
	Open struct {
		ContainerID  string
		_            any
		MaxFrameSize uint32
		ChannelMax   uint16
		IdleTimeout  uint32
		_, _, _, _   any
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
		_, _                         any
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
		_                                              any
		Drain, Echo                                    bool
	}
	// Transfer carries a message or a part of one.
	Transfer struct {
		Handle        uint32
		DeliveryID    *uint32
		DeliveryTag   []byte
		MessageFormat *uint32
		Settled, More bool
		_, _, _       any
		Aborted       bool
	}
	// Disposition tells the state of the deliveries First to Last: Accepted to Modified, or what else came.
	Disposition struct {
		Receiver bool
		First    uint32
		Last     *uint32
		Settled  bool
		State    any
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

// The states of a delivery.
type (
	Accepted struct{}
	Rejected struct{ Error *Error }
	Released struct{}
	Modified struct {
		DeliveryFailed, UndeliverableHere bool
		Annotations                       Map
	}
)

// Error is an AMQP error.
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

func (e *Error) Error() string { return string(e.Condition) + ": " + e.Description }

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
	if !ok {
		return nil
	}
	return Packed{n, r.b}.at(i)
}
