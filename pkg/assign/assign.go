// Package assign is the step that gives one guest one target: membership of a group, or an app role of an application.
//
// Promise: it may be repeated and delivered twice at any time. Granting what is there already changes nothing, so the
// step takes no claim: it acts, then records. A crash between the two makes the next delivery find the target granted.
//
// Writes to the directory are scarce. Invocations that add to the same group at the same moment become one write of up to
// twenty members (gather.go); each still has a verdict of its own, and a refused write is taken apart without guessing
// (members.go). What may be there already is looked for first, since reading costs no write.
package assign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// Directory is what the step asks of Microsoft Graph. Errors are verdicts of pkg/message; a call that was answered "too many
// requests" returns a [pace.Throttled].
type Directory interface {
	// AddMembers makes up to twenty users members of the group, all or none; see [Refused].
	AddMembers(ctx context.Context, groupID string, userIDs []string) error
	// AddMember makes the user a member of the group; false means that it was one.
	AddMember(ctx context.Context, groupID, userID string) (bool, error)
	// Members returns those of the users who are members of the group. It may lag some seconds behind.
	Members(ctx context.Context, groupID string, userIDs []string) ([]string, error)
	// AssignRole gives the user an app role of an enterprise app; false means that it had it.
	AssignRole(ctx context.Context, objectID, roleID, userID string) (bool, error)
	// HasRole reports whether the user has an app role of an enterprise app. It may lag some seconds behind.
	HasRole(ctx context.Context, objectID, roleID, userID string) (bool, error)
}

// Ledger is the part of the ledger that the step uses.
type Ledger interface {
	ledger.Grants
	Now(ctx context.Context) (time.Time, error)
	Entry(ctx context.Context, importID, guest string) (ledger.Entry, error)
	UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error)
}

// Step does the work of assign messages. Its fields are set once, before the first call of Do.
type Step struct {
	Ledger    Ledger
	Directory Directory
	Bus       bus.Sender
	Pacer     *pace.Pacer // books every write
	// Cancelled reports whether an operator cancelled the import; it may be some seconds late.
	Cancelled func(ctx context.Context, importID string) (bool, error)
	// Gather is how long the first of a group's members waits for others; zero means not at all.
	Gather time.Duration
	// Places is how many messages the process works on at once. When all of them wait for company, nobody else can come,
	// and the fullest write goes. Zero means that there is no such limit.
	Places int

	groups gatherer
}

// Do grants the target of m and records it.
func (s *Step) Do(ctx context.Context, m message.Message) error {
	e, step, err := ledger.Look(ctx, s.Ledger, m)
	switch {
	case step == nil:
		return err
	case step.State == ledger.Ended:
		return s.again(ctx, m, *step)
	case step.State != ledger.Sent:
		return nil
	case e.UserID == "":
		return fmt.Errorf("target %d was sent before the invitation was recorded", m.Target)
	}
	if stop, err := s.Cancelled(ctx, m.Import); err != nil {
		return ledger.Unreachable(err)
	} else if stop {
		return nil // the sweep ends the entry
	}
	who, err := s.grant(ctx, m, e)
	if err != nil {
		return err
	}
	generation := m.Generation
	if who.granted { // by this message, even if the sweep took it for lost meanwhile: the next one would find "already"
		m.Generation = anyGeneration
	}
	recorded, err := s.record(ctx, m, func(e *ledger.Entry, now time.Time) {
		e.Targets[m.Target].End(who.outcome(), now)
	})
	if err != nil {
		return err
	}
	if step := recorded.Step(message.Assign, m.Target); step != nil && step.Outcome == ledger.Failed && step.Generation == generation {
		return step.Failure() // another delivery of m gave up meanwhile, and has lost the lock: the dead letter is left to this one
	}
	return nil
}

// anyGeneration stands for the generation of a step that is still open, whatever it is.
const anyGeneration = -1

// again finishes a step that is recorded: a failure is dead-lettered again; what may have been lost is the report.
func (s *Step) again(ctx context.Context, m message.Message, step ledger.Step) error {
	if step.Outcome == ledger.Failed {
		return step.Failure()
	}
	_, err := s.record(ctx, m, nil)
	return err
}

// record applies change to the entry if m's step is still open, and sends what follows: the mail if the guest's last target
// has ended, the report if no guest is open any more. A nil change only sends.
func (s *Step) record(ctx context.Context, m message.Message, change func(*ledger.Entry, time.Time)) (ledger.Entry, error) {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return ledger.Entry{}, ledger.Unreachable(err)
	}
	e, t, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		step := e.Step(message.Assign, m.Target)
		if change == nil || step == nil || step.State == ledger.Ended || step.Generation != m.Generation && m.Generation != anyGeneration {
			return ledger.ErrUnchanged
		}
		open := !e.TargetsEnded()
		change(e, now)
		if open && e.TargetsEnded() && e.Notify.State == ledger.Sent { // the mail need not wait any longer
			e.Notify.Generation++
			e.Notify.Send(now)
		}
		return nil
	})
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return e, nil
	case err != nil:
		return e, ledger.Unreachable(err)
	}
	return e, s.follow(ctx, m, e, t)
}

// follow sends what comes after a recorded target. Copies of messages sent before have the same ids, and end at the entry
// if they arrive all the same.
func (s *Step) follow(ctx context.Context, m message.Message, e ledger.Entry, t ledger.Tally) error {
	var out []message.Message
	if e.Notify.State == ledger.Sent && e.TargetsEnded() {
		out = append(out, e.NotifyMessage(m))
	}
	if t.Open == 0 {
		out = append(out, message.NewReport(m))
	}
	if len(out) == 0 {
		return nil
	}
	return s.Bus.Send(ctx, out...)
}

// Failed records that the target was refused.
func (s *Step) Failed(ctx context.Context, m message.Message, f *message.Failure) error {
	_, err := s.record(ctx, m, func(e *ledger.Entry, now time.Time) {
		e.Targets[m.Target].Fail(ledger.Failed, f, now)
	})
	return err
}

// Postponed moves the step's due time, so that the sweep does not take a message that waits for a lost one.
func (s *Step) Postponed(ctx context.Context, m message.Message, until time.Time) error {
	_, err := s.record(ctx, m, func(e *ledger.Entry, _ time.Time) { e.Targets[m.Target].Due = until })
	return err
}
