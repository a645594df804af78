package ledger

import (
	"slices"
	"strconv"
	"time"

	"guestlist/pkg/message"
)

// Parts is the number of parts that the guests of an import are divided into, by guest key; see [PartOf].
const Parts = 64

// PartOf returns the part of a guest key: its first six bits. Parts and keys sort alike.
func PartOf(guest string) int {
	if len(guest) < 2 {
		return 0
	}
	b, _ := strconv.ParseUint(guest[:2], 16, 8)
	return int(b >> 2)
}

// State says how far a step is.
type State string

// The states of a step.
const (
	Planned State = "planned" // nothing sent yet
	Sent    State = "sent"    // a message is on its way
	Waiting State = "waiting" // no message; the sweep sends one when Wait has ended
	Ended   State = "ended"
)

// Outcome is how a step, a guest or a row ended. A step that was not asked for ends with none.
type Outcome string

// The outcomes.
const (
	None      Outcome = ""
	Done      Outcome = "done"      // something was granted
	Already   Outcome = "already"   // all was there
	Repaired  Outcome = "repaired"  // what an earlier import had granted was missing
	Partial   Outcome = "partial"   // some of it
	Failed    Outcome = "failed"    // tried and refused; there is a dead letter
	Rejected  Outcome = "rejected"  // judged before anything was sent
	Cancelled Outcome = "cancelled" // an operator ended it first
)

// Step is one thing to do for one guest. Its generation is raised by sweep and replay; a message of another generation
// acts on nothing.
type Step struct {
	Generation int       `json:"generation"`
	State      State     `json:"state"`
	Wait       string    `json:"wait,omitempty"`    // what a waiting step waits for
	Attempt    int       `json:"attempt,omitempty"` // of the message that is sent when the wait has ended; 0 means 1
	Due        time.Time `json:"due,omitzero"`      // when a sent step's message should act next
	Outcome    Outcome   `json:"outcome,omitempty"`
	Code       string    `json:"code,omitempty"`
	Text       string    `json:"text,omitempty"`
	Request    string    `json:"request,omitempty"` // request id of the service that refused
	At         time.Time `json:"at,omitzero"`       // when it ended
}

// What a step may wait for. The sweep sends it again when the reason has ended.
const (
	WaitBreaker = "breaker" // the circuit breaker is open
	WaitRate    = "rate"    // the slow start of new invitations
	WaitDay     = "day"     // the cap of new invitations a day
)

// Send makes the step sent: its message should act at due.
func (s *Step) Send(due time.Time) {
	*s = Step{Generation: s.Generation, State: Sent, Attempt: s.Attempt, Due: due}
}

// Hold makes the step wait without a message; attempt is that of the message in hand, which is not used up by it.
func (s *Step) Hold(reason string, attempt int) {
	*s = Step{Generation: s.Generation, State: Waiting, Wait: reason, Attempt: attempt}
}

// Resume sends a step that waited, with a new generation.
func (s *Step) Resume(due time.Time) {
	s.Generation++
	s.Send(due)
}

// Waits reports whether the step waits for reason.
func (s Step) Waits(reason string) bool { return s.State == Waiting && s.Wait == reason }

// End ends the step.
func (s *Step) End(o Outcome, at time.Time) {
	*s = Step{Generation: s.Generation, State: Ended, Outcome: o, At: at}
}

// Fail ends the step with a failure.
func (s *Step) Fail(o Outcome, f *message.Failure, at time.Time) {
	s.End(o, at)
	s.Code, s.Text, s.Request = f.Code, f.Text, f.Request
}

// Failure returns what Fail recorded.
func (s Step) Failure() *message.Failure {
	return &message.Failure{Code: s.Code, Text: s.Text, Request: s.Request}
}

// TargetKind is what kind of thing a guest gets access to.
type TargetKind string

// The kinds of target.
const (
	Group       TargetKind = "group"
	Application TargetKind = "application"
)

// Target is one group or application of one guest, and the step that grants it.
type Target struct {
	Kind   TargetKind `json:"kind"`
	ID     string     `json:"id"`               // group: object id; application: application (client) id
	Object string     `json:"object,omitempty"` // application: object id of the enterprise app (service principal)
	Role   string     `json:"role,omitempty"`   // application: app role id
	Name   string     `json:"name,omitempty"`   // display name, for people
	Step
}

// Key identifies a target among those of a guest: two app roles of one application are two targets.
func (t Target) Key() string { return string(t.Kind) + ":" + t.ID + ":" + t.Role }

// Entry is one guest of one import.
type Entry struct {
	Import, Guest                   string
	Address, DisplayName            string
	Text, RedirectURL, CC, Language string
	Mail                            string // who mails the guest: own, microsoft or none; empty means the installation's way
	Lines                           []int  // lines of the file that ask for this guest
	UserID                          string
	Invite                          Step
	Targets                         []Target
	Notify                          Step
	Version                         string // opaque; set by the store
}

// Steps returns the entry's steps: invite, each target, notify.
func (e *Entry) Steps() []*Step {
	steps := []*Step{&e.Invite}
	for i := range e.Targets {
		steps = append(steps, &e.Targets[i].Step)
	}
	return append(steps, &e.Notify)
}

// Step returns the step that messages of a kind act on; nil if there is none such.
func (e *Entry) Step(k message.Kind, target int) *Step {
	switch {
	case k == message.Invite:
		return &e.Invite
	case k == message.Notify:
		return &e.Notify
	case k == message.Assign && target >= 0 && target < len(e.Targets):
		return &e.Targets[target].Step
	}
	return nil
}

// Ended reports whether every step has ended.
func (e *Entry) Ended() bool {
	return !slices.ContainsFunc(e.Steps(), func(s *Step) bool { return s.State != Ended })
}

// TargetsEnded reports whether every target has ended.
func (e *Entry) TargetsEnded() bool {
	return !slices.ContainsFunc(e.Targets, func(t Target) bool { return t.State != Ended })
}

// NotifyMessage returns the message of the notify step, which acts when the step is due. m is the message in hand.
func (e *Entry) NotifyMessage(m message.Message) message.Message {
	return message.Message{Kind: message.Notify, Import: e.Import, Guest: e.Guest, Generation: e.Notify.Generation,
		Source: m.Source, Trace: m.Trace, Due: e.Notify.Due, At: e.Notify.Due}
}

// Due returns when the earliest sent step should act; false if none is sent.
func (e *Entry) Due() (time.Time, bool) {
	var due time.Time
	for _, s := range e.Steps() {
		if s.State == Sent && (due.IsZero() || s.Due.Before(due)) {
			due = s.Due
		}
	}
	return due, !due.IsZero()
}

// EndAll ends every step that is open, except the invitation if it has ended, with the same outcome and reason.
func (e *Entry) EndAll(o Outcome, f *message.Failure, at time.Time) {
	for _, s := range e.Steps() {
		if s.State != Ended {
			s.Fail(o, f, at)
		}
	}
}

// Outcome returns how the guest ended; None while a step is open.
func (e *Entry) Outcome() Outcome {
	if !e.Ended() {
		return None
	}
	var all []Outcome
	for _, s := range e.Steps() {
		all = append(all, s.Outcome)
	}
	return Combine(all...)
}

// Reason returns the first failure among the ended steps; nil if there is none.
func (e *Entry) Reason() *message.Failure {
	for _, s := range e.Steps() {
		if s.State == Ended && s.Code != "" {
			return s.Failure()
		}
	}
	return nil
}

// Combine returns the outcome of a whole from those of its parts: equal outcomes stand; done, already and repaired
// mixed are done; any other mix is partial. None does not count.
func Combine(parts ...Outcome) Outcome {
	whole := None
	for _, p := range parts {
		switch {
		case p == None || p == whole:
		case whole == None:
			whole = p
		case granted(p) && granted(whole):
			whole = Done
		default:
			return Partial
		}
	}
	return whole
}

func granted(o Outcome) bool { return o == Done || o == Already || o == Repaired }
