package ledger

import (
	"slices"
	"time"

	"guestlist/pkg/message"
)

// Breaker is the tenant's circuit breaker: one row, which every process looks at before it works on a message. While it is
// open, steps wait instead of calling Microsoft Graph. What opens and closes it is in pkg/breaker; a row that nobody has
// written yet is the zero Breaker, closed.
type Breaker struct {
	Open      bool
	Cause     string // one of the causes of pkg/breaker; stays when it is closed, as the rest of this block does
	Operation string // the call that failed last
	Kind      message.Kind
	// Code, Text and Request say what was answered, in words for the person who has to act.
	Code, Text, Request string
	Opened, Closed      time.Time
	Reason              string // why an operator closed it; empty if a probe did

	Probe     Probe     // the one message that passes while it is open; zero if there is none
	Probes    int       // sent since it opened
	NextProbe time.Time // when the sweep sends the next one; zero: never
	Elsewhere int       // probes in a row that worked and did not come as far as the call that had failed

	Failures []BreakerFailure // the last ones without a success between, of different guests, at most five per operation
	Version  string           // opaque; set by the store
}

// Probe names one message.
type Probe struct {
	Import, Guest      string
	Kind               message.Kind
	Target, Generation int
}

// Is reports whether m is the probe.
func (p Probe) Is(m message.Message) bool {
	return p.Import != "" && p == Probe{m.Import, m.Guest, m.Kind, m.Target, m.Generation}
}

// BreakerFailure is a guest for whom an operation failed with a cause that may be everybody's.
type BreakerFailure struct {
	Operation, Cause string
	Import, Guest    string
	Count            int // in a row, with no success between
	First, Last      time.Time
}

// Times returns all times of the row, for a store to bring into the form that it keeps.
func (b *Breaker) Times() []*time.Time {
	all := []*time.Time{&b.Opened, &b.Closed, &b.NextProbe}
	for i := range b.Failures {
		all = append(all, &b.Failures[i].First, &b.Failures[i].Last)
	}
	return all
}

// Copy returns a row that shares nothing with b.
func (b Breaker) Copy() Breaker {
	b.Failures = slices.Clone(b.Failures)
	return b
}
