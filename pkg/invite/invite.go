// Package invite is the step that turns one entry of an import into a guest of the tenant: look the person up, invite who
// is missing, remember the user id, send the assignments.
//
// Promise: at most one invitation mail by Microsoft per guest, whatever crashes or is delivered twice. It rests on the
// guest's row in the ledger: the step claims it (claim), writes "posting" before the POST and looks the person up before
// every POST (act), then writes the user id to the guest's row and from there to the entry (record), and only then sends
// what follows. A crash between any two of these leaves a row from which the next delivery goes on:
//
//   - after the claim: the lease runs out, nothing was done
//   - after "posting" or the POST: the next delivery looks the person up; found means that our own POST worked; not found
//     is believed only after [Step.UncertainWait], because a directory shows new users late
//   - after a record: the next delivery sends the outgoing messages again
package invite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// ErrUncertain marks an error of [Directory.Invite] after which the invitation may have been made: a lost answer, a
// time-out, a 5xx. Any other error certainly did nothing.
var ErrUncertain = errors.New("the invitation may have been made")

// Invitation is what the directory needs to invite somebody.
type Invitation struct {
	Address, DisplayName, RedirectURL string
	Text, CC, Language                string
	Mail                              bool // whether Microsoft sends its mail
}

// Directory is what the step asks of Microsoft Graph. Errors are verdicts of pkg/message; each call has its own time limit.
// An invitation that was answered "too many requests" returns a [pace.Throttled].
type Directory interface {
	// Find returns the object id of the one guest account with this address, or "" if there is none.
	Find(ctx context.Context, address string) (string, error)
	// Confirm reports whether the user is still the guest account with this address.
	Confirm(ctx context.Context, userID, address string) (bool, error)
	// Invite makes a guest, or a new redeem link for one who is there already. It is never repeated by itself; see
	// ErrUncertain.
	Invite(ctx context.Context, i Invitation) (Invited, error)
}

// Invited is the guest. RedeemURL is a secret: whoever holds it can redeem the invitation.
type Invited struct{ UserID, RedeemURL string }

// String returns the user id only.
func (i Invited) String() string { return i.UserID }

// GoString returns the user id only.
func (i Invited) GoString() string { return i.UserID }

// Ledger is the part of the ledger that the step uses.
type Ledger interface {
	ledger.Guests
	Now(ctx context.Context) (time.Time, error)
	Entry(ctx context.Context, importID, guest string) (ledger.Entry, error)
	UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error)
}

// Step does the work of invite messages. Its fields are set once, before the first call of Do.
type Step struct {
	Ledger    Ledger
	Directory Directory
	Bus       bus.Sender
	Pacer     *pace.Pacer // books every invitation
	// Cancelled reports whether an operator cancelled the import; it may be some seconds late.
	Cancelled func(ctx context.Context, importID string) (bool, error)
	// Holder returns a new name for the holder of a lease, unique among all workers.
	Holder func() string
	// Mode is the mail mode where the entry says none: [Own], [Microsoft] or [None].
	Mode string
	// Lease is how long a claim lasts; an invitation is only sent with half of it left, and must end within 3/8 of it
	// (120 s: 60 s and 45 s).
	Lease time.Duration
	// UncertainWait is how long a POST of unknown result binds everybody: nobody posts again before it has passed with the
	// person still not found. It must exceed the directory's replication lag.
	UncertainWait time.Duration
	// Settle is how long the directory is given to show a new user everywhere before the first assignment: an assignment
	// that comes too early is refused, and a refused write uses quota like any other.
	Settle time.Duration
	// Gather is how long an assignment may wait for others to the same group.
	Gather time.Duration
}

// confirmedFor is how long a user id is believed without asking the directory again.
const confirmedFor = 15 * time.Minute

// Do invites the guest of m, or finds that this has been done, and sends the assignments. It may be repeated at any time.
func (s *Step) Do(ctx context.Context, m message.Message) error {
	e, step, err := ledger.Look(ctx, s.Ledger, m)
	switch {
	case step == nil:
		return err
	case step.State == ledger.Waiting:
		return nil
	case step.State == ledger.Ended:
		return s.again(ctx, m, *e)
	}
	if stop, err := s.Cancelled(ctx, m.Import); err != nil {
		return ledger.Unreachable(err)
	} else if stop {
		slog.InfoContext(ctx, "import cancelled; the sweep ends the entry")
		return nil
	}
	g, err := s.claimed(ctx, m, *e)
	if err != nil {
		return err
	}
	return s.record(ctx, m, g)
}

// again finishes a step that is already recorded: a failed one is dead-lettered again, any other sends what follows again.
func (s *Step) again(ctx context.Context, m message.Message, e ledger.Entry) error {
	switch e.Invite.Outcome {
	case ledger.Failed:
		if err := s.erase(ctx, e); err != nil {
			return err
		}
		return e.Invite.Failure()
	case ledger.Cancelled:
		return s.erase(ctx, e)
	}
	_, t, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, func(*ledger.Entry) error { return ledger.ErrUnchanged })
	if err != nil {
		return ledger.Unreachable(err)
	}
	return s.follow(ctx, m, e, t)
}

// record writes what is known of the guest to the entry and sends what follows from it.
func (s *Step) record(ctx context.Context, m message.Message, g ledger.Guest) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	e, t, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		if e.Invite.State == ledger.Ended || e.Invite.Generation != m.Generation {
			e.UserID = cmp.Or(e.UserID, g.UserID) // cancelled or replayed meanwhile: no more is worth keeping, if anything
			return nil
		}
		e.UserID = g.UserID
		e.Invite.End(outcome(g, m.Import), now)
		s.recordMail(e, g, now)
		due := s.due(g, m.Import, now)
		for i := range e.Targets {
			if e.Targets[i].State == ledger.Planned {
				e.Targets[i].Send(due)
			}
		}
		return nil
	})
	if err != nil {
		return ledger.Unreachable(err)
	}
	if err := s.erase(ctx, e); err != nil {
		return err
	}
	if e.Invite.Outcome == ledger.Failed && e.Invite.Generation == m.Generation {
		return e.Invite.Failure() // another delivery of m gave up meanwhile, and has lost the lock: the dead letter is left to this one
	}
	return s.follow(ctx, m, e, t)
}

// erase erases the redeem link of a guest whose mail was cancelled by an operator, or given up by another delivery, while the
// invitation was under way. A replay asks for a new one.
func (s *Step) erase(ctx context.Context, e ledger.Entry) error {
	if e.Notify.State != ledger.Ended || e.Notify.Outcome != ledger.Cancelled && e.Notify.Outcome != ledger.Failed {
		return nil
	}
	return ledger.EraseLink(ctx, s.Ledger, e.Guest, s.Holder(), s.Lease)
}

// mailAfter is how long a mail waits for the guest's targets, so that it can say what was granted.
const mailAfter = 10 * time.Minute

// recordMail decides about the mail, where it is ours: a guest who is invited gets it when the targets have ended, and
// after a while in any case; one who was there before gets none.
func (s *Step) recordMail(e *ledger.Entry, g ledger.Guest, now time.Time) {
	switch {
	case e.Notify.State != ledger.Planned:
	case g.Invite != ledger.Invited:
		e.Notify.End(ledger.None, now)
	case e.TargetsEnded():
		e.Notify.Send(now)
	default:
		e.Notify.Send(now.Add(mailAfter))
	}
}

// due is when the assignments should act. A guest whom another import has just invited has that import's assignments on
// their way: they go first, so that the second import of the same file finds all of it there.
func (s *Step) due(g ledger.Guest, importID string, now time.Time) time.Time {
	if g.Invite != ledger.Invited {
		return now
	}
	settled := g.Confirmed.Add(s.Settle)
	if g.InvitedBy != importID {
		settled = settled.Add(s.Settle + s.Gather)
	}
	if settled.After(now) {
		return settled
	}
	return now
}

func outcome(g ledger.Guest, importID string) ledger.Outcome {
	if g.Invite == ledger.Invited && g.InvitedBy == importID {
		return ledger.Done
	}
	return ledger.Already
}

// follow sends the messages that come after a recorded invitation. Copies of messages sent before have the same ids, and
// end at the entry if they arrive all the same.
func (s *Step) follow(ctx context.Context, m message.Message, e ledger.Entry, t ledger.Tally) error {
	var out []message.Message
	for i, target := range e.Targets {
		if target.State == ledger.Sent {
			out = append(out, message.Message{Kind: message.Assign, Import: m.Import, Guest: m.Guest, Target: i,
				Generation: target.Generation, Source: m.Source, Trace: m.Trace, At: target.Due})
		}
	}
	if e.Notify.State == ledger.Sent {
		out = append(out, e.NotifyMessage(m))
	}
	if t.Open == 0 {
		out = append(out, message.NewReport(m))
	}
	if len(out) == 0 {
		return nil
	}
	if err := s.Bus.Send(ctx, out...); err != nil {
		return fmt.Errorf("send %d messages after the invitation: %w", len(out), err)
	}
	return nil
}

// Failed records that the invitation failed: every open target of the guest ends with the same reason.
func (s *Step) Failed(ctx context.Context, m message.Message, f *message.Failure) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	_, t, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		if e.Invite.Generation != m.Generation || e.Invite.State == ledger.Ended {
			return ledger.ErrUnchanged
		}
		e.EndAll(ledger.Failed, f, now)
		return nil
	})
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return err
	case t.Open == 0:
		return s.Bus.Send(ctx, message.NewReport(m))
	}
	return nil
}

// Postponed moves the step's due time, so that the sweep does not take a message that waits for a lost one.
func (s *Step) Postponed(ctx context.Context, m message.Message, until time.Time) error {
	_, _, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, func(e *ledger.Entry) error {
		if e.Invite.Generation != m.Generation || e.Invite.State != ledger.Sent {
			return ledger.ErrUnchanged
		}
		e.Invite.Due = until
		return nil
	})
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}
