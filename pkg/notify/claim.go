package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/wait"
)

// claimed sends the guest's mail under the claim on the guest's row, unless that is no more to be done, and returns the row
// as it then is. The lease is given back on every path but a crash.
func (s *Step) claimed(ctx context.Context, m message.Message, i ledger.Import, e ledger.Entry) (ledger.Guest, error) {
	ctx, cancel := ledger.Term(s.Lease).Limit(ctx)
	defer cancel()
	g, err := ledger.Hold(ctx, s.Ledger, e.Guest, s.Holder(), s.Lease, m.Delay)
	if err != nil {
		return g, err
	}
	c := &claim{Step: s, i: i, entry: e, guest: g}
	before := g.Mail
	if err := c.deliver(ctx); err != nil {
		_ = c.release(ctx) // the lease runs out by itself
		return g, err
	}
	if c.guest.Mail == ledger.MailSent && before != ledger.MailSent && c.insist(ctx) {
		return c.guest, nil
	}
	return c.guest, c.release(ctx)
}

// insistEvery is the pause between two tries to record a mail that was taken.
const insistEvery = time.Second

// insist writes down that the mail was sent, and gives the lease back; false leaves that to release, which finds out who was
// quicker.
func (c *claim) insist(ctx context.Context) bool {
	ctx = context.WithoutCancel(ctx)
	c.guest.Holder, c.guest.Until = "", time.Time{}
	for end := time.Now().Add(c.Insist); time.Now().Before(end); {
		saved, err := c.Ledger.SaveGuest(ctx, c.guest)
		if err == nil {
			c.guest = saved
			return true
		}
		if errors.Is(err, ledger.ErrConflict) || wait.For(ctx, insistEvery) != nil {
			return false
		}
	}
	return false
}

// claim is the work under one lease.
type claim struct {
	*Step
	i     ledger.Import
	entry ledger.Entry
	guest ledger.Guest
}

func (c *claim) deliver(ctx context.Context) error {
	switch {
	case c.guest.Mail == ledger.MailSent:
		return nil
	case c.guest.Invite == ledger.InvitePosting:
		return &message.Later{After: 15 * time.Second, Why: "the guest is being invited anew", Budget: Patience, Class: Class}
	case c.guest.Invite != ledger.Invited || c.guest.UserID == "":
		return nil // the row was reset: the account is gone
	}
	if c.guest.RedeemURL == "" {
		if err := c.renew(ctx); err != nil {
			return err
		}
	}
	return c.send(ctx)
}

// renew gets a new redeem link and writes it down, so that it is not asked for again. It is an act like the mail itself, and
// may first have to wait for its turn.
func (c *claim) renew(ctx context.Context) error {
	id, url, err := c.Redeem(ctx, c.entry, func(ctx context.Context) (context.Context, context.CancelFunc, error) {
		term, start := ledger.Term(c.Lease), time.Now()
		if _, err := term.Enough(ctx, c.Ledger, c.guest); err != nil {
			return ctx, nil, err
		}
		return term.Begin(ctx, start)
	})
	if err != nil {
		return err
	}
	c.guest.UserID, c.guest.RedeemURL = id, url
	return c.save(ctx)
}

// send hands the mail to the server: "sending" first, so that a crash anywhere after it is known to everybody.
func (c *claim) send(ctx context.Context) error {
	term, start := ledger.Term(c.Lease), time.Now()
	if _, err := term.Enough(ctx, c.Ledger, c.guest); err != nil {
		return err
	}
	mail, err := c.compose(c.i, c.entry, c.guest, false)
	if err != nil {
		return err
	}
	before := c.guest
	if c.guest.Mail == ledger.MailSending {
		c.guest.MailRepeats++
		slog.WarnContext(ctx, "mail sent again: it is unknown whether it was taken", slog.String("code", "mail.uncertain"))
	}
	c.guest.Mail, c.guest.MailID, c.guest.MailedBy, c.guest.Copy = ledger.MailSending, mail.MessageID, c.entry.Import, ledger.MailNone
	c.guest.CopyRepeats = 0
	if err := c.save(ctx); err != nil {
		return err
	}
	limited, cancel, err := term.Begin(ctx, start)
	if err == nil {
		defer cancel()
		err = c.Transport.Send(limited, mail)
	}
	switch {
	case err == nil:
		c.guest.Mail, c.guest.RedeemURL = ledger.MailSent, ""
	case !errors.Is(err, ErrUncertain):
		c.guest.Mail, c.guest.MailRepeats = before.Mail, before.MailRepeats // whether an earlier one went is as open as it was
	}
	return err
}

func (c *claim) save(ctx context.Context) error { return ledger.Keep(ctx, c.Ledger, &c.guest) }

// release writes what was learned and gives the lease back.
func (c *claim) release(ctx context.Context) error { return ledger.Release(ctx, c.Ledger, &c.guest) }

// copied sends the copy for the row's CC address, under a claim of its own: two messages for one guest send one copy. The
// guest's mail was recorded before, so a crash repeats the copy only.
func (s *Step) copied(ctx context.Context, m message.Message, i ledger.Import, e ledger.Entry, g ledger.Guest, end ending) (ending, error) {
	if g.Copy == ledger.MailSent {
		return judge(g, e.Import), nil
	}
	if err := s.Pace.Book(ctx, s.Ledger, m.Delay); err != nil { // before the claim, as the mail is
		return end, err
	}
	limited, cancel := ledger.Term(s.Lease).Limit(ctx)
	defer cancel()
	g, err := ledger.Hold(ctx, s.Ledger, e.Guest, s.Holder(), s.Lease, m.Delay)
	if err != nil {
		return end, err
	}
	c := &claim{Step: s, i: i, entry: e, guest: g}
	end, err = c.copy(limited, end)
	if released := c.release(ctx); err == nil {
		err = released
	}
	return end, err
}

// copy hands the copy to the server, unless another message has or the guest is invited anew meanwhile.
func (c *claim) copy(ctx context.Context, end ending) (ending, error) {
	if c.guest.Copy == ledger.MailSent || c.guest.Mail != ledger.MailSent || c.guest.MailedBy != c.entry.Import {
		return judge(c.guest, c.entry.Import), nil
	}
	term, start := ledger.Term(c.Lease), time.Now()
	if _, err := term.Enough(ctx, c.Ledger, c.guest); err != nil {
		return end, err
	}
	mail, err := c.compose(c.i, c.entry, c.guest, true)
	if err != nil {
		return end, err
	}
	before := c.guest
	if before.Copy == ledger.MailSending {
		c.guest.CopyRepeats++
	}
	c.guest.Copy = ledger.MailSending
	if err := c.save(ctx); err != nil {
		return end, err
	}
	limited, cancel, err := term.Begin(ctx, start)
	if err == nil {
		defer cancel()
		err = c.Transport.Send(limited, mail)
	}
	switch {
	case err == nil:
		c.guest.Copy = ledger.MailSent
	case !errors.Is(err, ErrUncertain):
		c.guest.Copy, c.guest.CopyRepeats = before.Copy, before.CopyRepeats
	}
	end = judge(c.guest, c.entry.Import)
	if later, ok := errors.AsType[*message.Later](err); ok { // a budget of its own, not the rest of the guest's
		return end, &message.Later{After: later.After, Why: later.Why + " (copy)", Budget: later.Budget, Class: Class + " copy", Spent: later.Spent}
	}
	if f, ok := errors.AsType[*message.Failure](err); ok {
		return end.without(f), nil
	}
	return end, err
}

// compose writes the guest's mail, or the copy of it.
func (s *Step) compose(i ledger.Import, e ledger.Entry, g ledger.Guest, isCopy bool) (Mail, error) {
	l := Letter{Language: Pick(e.Language, s.Sender.Language), Organization: s.Sender.organization(), Contact: s.Sender.contact(),
		Address: e.Address, Name: e.DisplayName, Text: e.Text, Links: i.Links, RedeemURL: g.RedeemURL, RedirectURL: e.RedirectURL, Copy: isCopy}
	for _, t := range e.Targets {
		switch {
		case t.State != ledger.Ended:
			l.More = true
		case t.Outcome == ledger.Done || t.Outcome == ledger.Already || t.Outcome == ledger.Repaired:
			l.Access = append(l.Access, Access{Name: name(t), Application: t.Kind == ledger.Application})
		}
	}
	subject, plain, html, err := l.Write()
	if err != nil {
		return Mail{}, fmt.Errorf("write the mail: %w", err)
	}
	mail := Mail{MessageID: s.messageID(g), From: s.Sender.From, FromName: l.Organization, To: e.Address, ReplyTo: l.Contact,
		Subject: subject, Language: l.Language, Text: plain, HTML: html}
	if isCopy {
		mail.To, mail.MessageID = e.CC, "copy-"+mail.MessageID
	}
	return mail, nil
}

func name(t ledger.Target) string {
	if t.Name != "" {
		return t.Name
	}
	return t.ID
}

func (s Sender) organization() string {
	if s.Organization != "" {
		return oneLine(s.Organization)
	}
	return domain(s.From)
}

func (s Sender) contact() string {
	if s.ReplyTo != "" {
		return s.ReplyTo
	}
	return s.From
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// messageID is the same for every mail of one invitation: a guest who is deleted and invited anew has another account.
func (s *Step) messageID(g ledger.Guest) string {
	if g.MailID != "" {
		return g.MailID
	}
	h := sha256.Sum256([]byte(g.Key + "\x00" + g.UserID + "\x00" + g.InvitedBy))
	return hex.EncodeToString(h[:16]) + "@" + domain(s.Sender.From)
}
