package servicebus

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"guestlist/pkg/local/servicebus/internal/amqp"
)

// FaultKind is something that goes wrong in an operation: a message or batch sent, a request to $management, or a
// settlement on a link.
type FaultKind string

// The kinds. LoseSettlement and DeliverTwice befall settlements only, BusyReceiver receivers that ask for messages.
const (
	DropConnection FaultKind = "drop-connection" // the connection ends without a word; the operation is not done
	DetachLink     FaultKind = "detach-link"     // the link is detached; the operation is not done
	LoseSettlement FaultKind = "lose-settlement" // it is neither done nor answered; the lock expires
	LoseAnswer     FaultKind = "lose-answer"     // the operation is done, and the connection ends instead of an answer
	BusyReceiver   FaultKind = "busy-receiver"   // the receiver's link is detached as 50009
	DeliverTwice   FaultKind = "deliver-twice"   // it is answered as done, but the message is delivered again
	Delay          FaultKind = "delay"           // the operation is done, and answered, Fault.Seconds later
	ServerBusy     FaultKind = "server-busy"     // the operation is refused as 50009
	Throttle       FaultKind = "throttle"        // likewise, if there are more than Fault.PerSecond
)

// Fault makes operations go wrong.
type Fault struct {
	Kind      FaultKind `json:"kind"`
	Queue     string    `json:"queue,omitempty"`     // at this queue or its dead-letter queue; "": at all
	Chance    float64   `json:"chance,omitempty"`    // of each operation; 0: all are befallen
	Times     int       `json:"times,omitempty"`     // then it is over; 0: never
	Seconds   float64   `json:"seconds,omitempty"`   // of the kind Delay
	PerSecond float64   `json:"perSecond,omitempty"` // of the kind Throttle
}

// faults are the faults of a server. At most one befalls an operation, the first that does.
type faults struct {
	on   atomic.Bool
	mu   sync.Mutex
	rand *rand.Rand
	all  []*standing
}

// standing is a fault with what is left of it.
type standing struct {
	Fault
	left    int
	allowed float64 // operations that a throttle lets pass now
	at      time.Time
}

// SetFaults replaces the faults. The same seed and the same order of operations give the same faults. It fails if a fault
// makes no sense.
func (s *Server) SetFaults(seed uint64, all ...Fault) error {
	var standings []*standing
	for _, f := range all {
		if err := f.check(); err != nil {
			return err
		}
		f.Queue = strings.ToLower(f.Queue)
		standings = append(standings, &standing{Fault: f, left: f.Times, allowed: f.PerSecond, at: time.Now()})
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.all, s.faults.rand = standings, rand.New(rand.NewPCG(seed, 0))
	s.faults.on.Store(len(all) > 0)
	return nil
}

func (f Fault) check() error {
	switch f.Kind {
	case DropConnection, DetachLink, LoseSettlement, LoseAnswer, DeliverTwice, ServerBusy, BusyReceiver:
	case Delay:
		if f.Seconds <= 0 {
			return fmt.Errorf("fault %s without seconds", f.Kind)
		}
	case Throttle:
		if f.PerSecond <= 0 {
			return fmt.Errorf("fault %s without operations per second", f.Kind)
		}
	default:
		return fmt.Errorf("there is no fault %q", f.Kind)
	}
	if f.Chance < 0 || f.Chance > 1 || f.Times < 0 {
		return fmt.Errorf("fault %s with the chance %v, %d times", f.Kind, f.Chance, f.Times)
	}
	return nil
}

// operation is what a client does on a link.
type operation int

const (
	sending operation = iota // or asking
	settling
	receiving
)

// fault tells what befalls an operation on the link, nil if nothing does. Tokens are never befallen.
func (l *link) fault(o operation) *Fault {
	f := &l.session.conn.server.faults
	if !f.on.Load() || l.node.queue == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, s := range f.all {
		if s.concerns(l.node.path, o) && s.strikes(f.rand, now) {
			return &s.Fault
		}
	}
	return nil
}

func (s *standing) concerns(path string, o operation) bool {
	if o != settling && (s.Kind == LoseSettlement || s.Kind == DeliverTwice) || (o == receiving) != (s.Kind == BusyReceiver) {
		return false
	}
	queue, _, _ := strings.Cut(path, "/$")
	return s.Queue == "" || s.Queue == queue
}

func (s *standing) strikes(r *rand.Rand, now time.Time) bool {
	if s.Times > 0 && s.left == 0 || s.Chance > 0 && r.Float64() >= s.Chance {
		return false
	}
	if s.Kind == Throttle {
		s.allowed = min(s.PerSecond, s.allowed+now.Sub(s.at).Seconds()*s.PerSecond)
		s.at = now
		if s.allowed >= 1 {
			s.allowed--
			return false
		}
	}
	s.left--
	return true
}

// hinder does to an operation what a fault says. do does the operation and answers, refuse answers with an error.
func (l *link) hinder(f *Fault, do func(), refuse func(*amqp.Error)) {
	c := l.session.conn
	c.server.log.Info("fault", "kind", f.Kind, "queue", l.node.path)
	switch f.Kind {
	case DropConnection:
		c.drop()
	case DetachLink:
		l.detach(detachForced("The link is detached by a fault that was asked for."))
	case LoseSettlement:
	case LoseAnswer:
		do()
		c.drop()
	case BusyReceiver:
		l.detach(busy())
	case DeliverTwice:
		do()
	case Delay:
		time.AfterFunc(time.Duration(f.Seconds*float64(time.Second)), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.ended && !l.gone {
				do()
				c.signal()
			}
		})
	default:
		refuse(busy())
	}
}

func busy() *amqp.Error {
	return &amqp.Error{Condition: "com.microsoft:server-busy", Description: "The request was terminated because the namespace " +
		"is being throttled. Error code : 50009. Please wait 2 seconds and try again."}
}

func detachForced(why string) *amqp.Error {
	return &amqp.Error{Condition: "amqp:link:detach-forced", Description: "The link is force detached. Details: " + why}
}
