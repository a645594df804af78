package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Ledger is the part of the ledger that the step uses.
type Ledger interface {
	ledger.Guests
	ledger.Mails
	Now(ctx context.Context) (time.Time, error)
	Import(ctx context.Context, id string) (ledger.Import, error)
	Entry(ctx context.Context, importID, guest string) (ledger.Entry, error)
	UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error)
}

// Sender is in whose name mails are sent.
type Sender struct {
	From         string // address
	ReplyTo      string // address for questions; empty means From
	Organization string // who invites, as guests know it; empty means the domain of From
	Language     string // of [Languages], for guests of whom none is known
}

// Step does the work of notify messages. Its fields are set once, before the first call of Do.
type Step struct {
	Ledger    Ledger
	Transport Transport
	Bus       bus.Sender
	Sender    Sender
	Pace      Pace
	// Redeem makes a new redeem link for a guest whose link got lost, without a mail by Microsoft, and returns the user id
	// with it. Its errors are verdicts. It may be repeated. It calls begin when its turn has come, right before it asks for the
	// link: begin's error is the verdict, its context that of the call.
	Redeem func(ctx context.Context, e ledger.Entry, begin Begin) (userID, url string, err error)
	// Holder returns a new name for the holder of a lease, unique among all workers.
	Holder func() string
	// Lease is how long a claim lasts; a mail is only sent with half of it left, and must be taken within 3/8 of it
	// (120 s: 60 s and 45 s).
	Lease time.Duration
	// Insist is for how long the record of a mail that was taken is tried while the ledger is away: without a record the mail is
	// sent again. Whoever takes the lease over meanwhile ends it. Zero tries once.
	Insist time.Duration
}

// Begin says whether an act may begin under the lease on a guest, and returns its context.
type Begin func(context.Context) (context.Context, context.CancelFunc, error)

// Do mails the guest of m, or finds that this has been done. It may be repeated at any time.
func (s *Step) Do(ctx context.Context, m message.Message) error {
	e, step, err := ledger.Look(ctx, s.Ledger, m)
	switch {
	case step == nil:
		return err
	case step.State == ledger.Ended:
		return s.again(ctx, m, *step)
	case step.State != ledger.Sent:
		return nil
	}
	i, err := s.Ledger.Import(ctx, m.Import)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return ledger.Unreachable(err)
	}
	if i.Cancelled {
		slog.InfoContext(ctx, "import cancelled; the sweep ends the entry")
		return nil
	}
	done, err := s.mail(ctx, m, i, *e)
	switch {
	case errors.Is(err, ErrUncertain) && m.Attempt >= uncertainTries:
		return unknown(err)
	case err != nil:
		return err
	}
	return s.record(ctx, m, done)
}

// uncertainTries is how many attempts a mail has of which nobody knows whether they were taken: enough for answers that get
// lost now and then. After them the mail server is out of order, which may last for hours. Each further mail may be one more
// for the guest, so they come every two hours, for a day.
const (
	uncertainTries = 5
	uncertainAgain = 2 * time.Hour
)

func unknown(err error) error {
	return fmt.Errorf("%w (%w)", &message.Later{After: uncertainAgain/2 + rand.N(uncertainAgain), Why: "the mail server's answers are lost", Budget: Patience, Class: Class,
		Spent: &message.Failure{Code: "mail.failed", Text: "For a day nobody could tell whether the mail server took the mail, at last: " + err.Error() +
			". The guest may have got it. Ask the guest, or replay the row."}}, err)
}

// mail sends what is still to be sent.
func (s *Step) mail(ctx context.Context, m message.Message, i ledger.Import, e ledger.Entry) (ending, error) {
	g, err := s.Ledger.Guest(ctx, e.Guest)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return ending{}, ledger.Unreachable(err)
	}
	if g.Mail != ledger.MailSent { // paced before the claim: a lease is not for waiting
		if err := s.Pace.Book(ctx, s.Ledger, m.Delay); err != nil {
			return ending{}, err
		}
		if g, err = s.claimed(ctx, m, i, e); err != nil {
			return ending{}, err
		}
	}
	end := judge(g, e.Import)
	if end.mine && e.CC != "" && e.CC != e.Address {
		return s.copied(ctx, m, i, e, g, end)
	}
	return end, nil
}

// again finishes a step that is recorded: a failure is dead-lettered again; what may have been lost is the report.
func (s *Step) again(ctx context.Context, m message.Message, step ledger.Step) error {
	switch step.Outcome {
	case ledger.Failed:
		return step.Failure()
	case ledger.Cancelled: // perhaps while a new link was asked for
		if err := ledger.EraseLink(ctx, s.Ledger, m.Guest, s.Holder(), s.Lease); err != nil {
			return err
		}
	}
	return s.update(ctx, m, func(*ledger.Entry) error { return ledger.ErrUnchanged })
}

// ending is how the step ends.
type ending struct {
	mine       bool // the mail was this import's
	outcome    ledger.Outcome
	code, text string
}

// judge reads from the guest's row how the step of an import ends.
func judge(g ledger.Guest, importID string) ending {
	switch {
	case g.Mail != ledger.MailSent:
		return ending{code: "mail.no-invitation", text: "There is no invitation to mail any more: the guest was deleted from the directory since. Drop the row again to invite the guest anew."}
	case g.MailedBy != importID:
		return ending{code: "mail.already", text: "The guest had been mailed for the same invitation before, by another import or by Microsoft."}
	}
	end := ending{mine: true, outcome: ledger.Done}
	if g.MailRepeats > 0 {
		end.say("mail.uncertain", fmt.Sprintf("The connection to the mail server broke before it was known whether the mail had been taken, so it was sent again (%d more, same Message-ID). The guest may have got it more than once.", g.MailRepeats))
	}
	if g.CopyRepeats > 0 {
		end.say("mail.uncertain", "It was not known whether the mail server had taken the copy for the CC address, so the copy was sent again, with the same Message-ID.")
	}
	return end
}

// say adds what the row has to tell. The first code stays: that a mail may have come twice must not be hidden by what comes
// after it.
func (e *ending) say(code, text string) {
	if e.code == "" {
		e.code, e.text = code, text
		return
	}
	e.text += " " + text
}

// without is the ending of a guest who was mailed and whose copy will not be sent.
func (e ending) without(f *message.Failure) ending {
	f = noCopy(f)
	e.say(f.Code, f.Text)
	return e
}

func (s *Step) record(ctx context.Context, m message.Message, end ending) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	return s.update(ctx, m, func(e *ledger.Entry) error {
		switch {
		case e.Notify.State == ledger.Ended: // cancelled
			return ledger.ErrUnchanged
		case e.Notify.Generation != m.Generation && !end.mine: // replayed, or raised by the last target: that message looks anew
			return ledger.ErrUnchanged
		} // the mail that went ends the step of whatever generation: the next message would send the copy again
		if end.outcome == ledger.Done && e.Invite.Outcome == ledger.Already {
			end.outcome = ledger.Already // the mail of another import's invitation: this one brought the guest nothing new
		}
		e.Notify.End(end.outcome, now)
		e.Notify.Code, e.Notify.Text = end.code, end.text
		return nil
	})
}

// update changes the entry and asks for the report if no guest is open any more.
func (s *Step) update(ctx context.Context, m message.Message, change func(*ledger.Entry) error) error {
	_, t, err := s.Ledger.UpdateEntry(ctx, m.Import, m.Guest, change)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return ledger.Unreachable(err)
	case t.Open == 0:
		return s.Bus.Send(ctx, message.NewReport(m))
	}
	return nil
}

// Failed records that the guest could not be mailed, and erases the redeem link: a replay asks for a new one. If the mail
// itself was sent and only its copy was not, the step ends well and says so.
func (s *Step) Failed(ctx context.Context, m message.Message, f *message.Failure) error {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	g, err := s.Ledger.Guest(ctx, m.Guest)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	if err := s.failed(ctx, m, f, judge(g, m.Import), now); err != nil || g.Mail == ledger.MailSent {
		return err
	}
	return ledger.EraseLink(ctx, s.Ledger, m.Guest, s.Holder(), s.Lease)
}

func (s *Step) failed(ctx context.Context, m message.Message, f *message.Failure, end ending, now time.Time) error {
	return s.update(ctx, m, func(e *ledger.Entry) error {
		if e.Notify.State == ledger.Ended || e.Notify.Generation != m.Generation {
			return ledger.ErrUnchanged
		}
		if end.mine {
			end := end.without(f)
			e.Notify.Fail(ledger.Done, &message.Failure{Code: end.code, Text: end.text, Request: f.Request}, now)
		} else {
			e.Notify.Fail(ledger.Failed, mailFailure(f), now)
		}
		return nil
	})
}

// mailFailure gives a failure that may come from any step, such as used-up attempts, a code that says it was the mail.
func mailFailure(f *message.Failure) *message.Failure {
	if strings.HasPrefix(f.Code, "mail.") {
		return f
	}
	return &message.Failure{Code: "mail.failed", Text: "The mail could not be sent (" + f.Code + "). " + f.Text, Request: f.Request}
}

func noCopy(f *message.Failure) *message.Failure {
	return &message.Failure{Code: "mail.copy-refused", Text: "The guest was mailed, but the copy to the CC address was not sent: " + f.Text, Request: f.Request}
}

// Postponed moves the step's due time, so that the sweep does not take a message that waits for a lost one.
func (s *Step) Postponed(ctx context.Context, m message.Message, until time.Time) error {
	return s.update(ctx, m, func(e *ledger.Entry) error {
		if e.Notify.Generation != m.Generation || e.Notify.State != ledger.Sent {
			return ledger.ErrUnchanged
		}
		e.Notify.Due = until
		return nil
	})
}
