package invite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// claimed returns the guest's row with a user id, inviting the person if need be. The lease is given back on every path
// but a crash, so that nobody waits for it to run out.
func (s *Step) claimed(ctx context.Context, m message.Message, e ledger.Entry) (ledger.Guest, error) {
	ctx, cancel := ledger.Term(s.Lease).Limit(ctx)
	defer cancel()
	g, err := ledger.Hold(ctx, s.Ledger, e.Guest, s.Holder(), s.Lease, m.Delay)
	if err != nil {
		return g, err
	}
	c := &claim{Step: s, entry: e, guest: g}
	if err := c.resolve(ctx); err != nil {
		_ = c.release(ctx) // the lease runs out by itself
		return g, err
	}
	return c.guest, c.release(ctx)
}

// claim is the work under one lease.
type claim struct {
	*Step
	entry ledger.Entry
	guest ledger.Guest
}

// resolve fills in the guest's user id. What it learns is written when the lease is given back; only "posting" is written
// before, because it must be known to all before the POST. An uncertain POST is waited for if it may have mailed, or if
// this one will: who is found after a POST that mails counts as mailed by it.
func (c *claim) resolve(ctx context.Context) error {
	now, err := c.Ledger.Now(ctx)
	if err != nil {
		return ledger.Unreachable(err)
	}
	if c.guest.UserID != "" && c.guest.Invite != ledger.InvitePosting {
		if known, err := c.confirm(ctx, now); known || err != nil {
			return err
		}
	}
	id, err := c.Directory.Find(ctx, c.entry.Address)
	switch {
	case err != nil:
		return err
	case id != "" && c.guest.Invite == ledger.InvitePosting && c.guest.Mode == Own && c.mode() == Own:
		return c.invite(ctx, c.guest.InvitedBy) // the redeem link went with the answer that was lost
	case id != "":
		c.found(id, now)
		return nil
	case c.guest.Invite == ledger.InvitePosting:
		if wait := c.guest.Since.Add(c.UncertainWait).Sub(now); wait > 0 && (c.guest.Mode == Microsoft || c.mode() == Microsoft) {
			return uncertain(wait, c.UncertainWait)
		}
	}
	return c.invite(ctx, c.entry.Import)
}

// The mail modes: who mails a guest that is invited.
const (
	Own       = "own"       // Guestlist, with the redeem link that the invitation returned
	Microsoft = "microsoft" // Microsoft, at once; it leaves the file's text out
	None      = "none"      // nobody
)

// mode is who mails this guest: as the source says, or else as the installation does.
func (c *claim) mode() string { return cmp.Or(c.entry.Mail, c.Mode) }

// confirm asks the directory whether a user that was recorded long ago is still this person's guest account. If not, the
// row starts afresh: the directory is the truth.
func (c *claim) confirm(ctx context.Context, now time.Time) (bool, error) {
	if now.Sub(c.guest.Confirmed) < confirmedFor {
		return true, nil
	}
	there, err := c.Directory.Confirm(ctx, c.guest.UserID, c.entry.Address)
	if err != nil {
		return false, err
	}
	if there {
		c.guest.Confirmed = now
		return true, nil
	}
	slog.WarnContext(ctx, "recorded user is gone, or no longer the guest with this address; starting afresh", slog.String("user_id", c.guest.UserID))
	c.guest = ledger.Guest{Key: c.guest.Key, Holder: c.guest.Holder, Until: c.guest.Until, Version: c.guest.Version}
	return false, nil
}

// found records an account that is in the directory: our own earlier POST if one was under way, else an existing guest.
func (c *claim) found(id string, now time.Time) {
	if c.guest.Invite == ledger.InvitePosting {
		c.invited(id, now)
	} else {
		c.guest.UserID, c.guest.Confirmed = id, now
	}
}

// invited notes that the invitation under way was made. With it went Microsoft's mail, if the mode asked for one.
func (c *claim) invited(id string, now time.Time) {
	c.guest.UserID, c.guest.Invite, c.guest.Confirmed = id, ledger.Invited, now
	if c.guest.Mode == Microsoft {
		c.guest.Mail, c.guest.MailID, c.guest.MailedBy = ledger.MailSent, Microsoft, c.guest.InvitedBy
	}
}

// invite sends the invitation when its turn has come: "posting" first, so that a crash anywhere after it is known to
// everybody. by is the import that invites: an earlier one where its POST is made again for the link alone.
func (c *claim) invite(ctx context.Context, by string) error {
	turn, err := c.Pacer.Invitation(ctx)
	if err != nil {
		return err
	}
	term, start, before := ledger.Term(c.Lease), time.Now(), c.guest
	now, err := term.Enough(ctx, c.Ledger, c.guest)
	if err != nil {
		return err
	}
	c.guest.Invite, c.guest.Since, c.guest.Mode, c.guest.InvitedBy = ledger.InvitePosting, now, c.mode(), by
	if err := c.save(ctx); err != nil {
		return err
	}
	limited, cancel, err := term.Begin(ctx, start)
	if err != nil {
		return c.posted(ctx, Invited{}, err, before)
	}
	defer cancel()
	made, err := c.Directory.Invite(limited, c.invitation())
	turn.Done(ctx, err)
	return c.posted(ctx, made, err, before)
}

func (c *claim) invitation() Invitation {
	e := c.entry
	return Invitation{Address: e.Address, DisplayName: e.DisplayName, RedirectURL: e.RedirectURL, Text: e.Text, CC: e.CC,
		Language: e.Language, Mail: c.mode() == Microsoft}
}

// posted notes the result of the POST. One that certainly did nothing leaves what was known before it: an earlier one may
// have made the guest all the same.
func (c *claim) posted(ctx context.Context, made Invited, failed error, before ledger.Guest) error {
	switch {
	case failed == nil:
		slog.InfoContext(ctx, "guest invited", slog.String("user_id", made.UserID))
		c.invited(made.UserID, c.guest.Since)
		if c.guest.Mode == Own {
			c.guest.RedeemURL = made.RedeemURL
		}
		return nil
	case errors.Is(failed, ErrUncertain) && c.guest.Mode == Microsoft:
		slog.WarnContext(ctx, "the answer to the invitation was lost", slog.String("error", failed.Error()))
		return fmt.Errorf("%w (%w)", uncertain(c.UncertainWait, c.UncertainWait), failed)
	case errors.Is(failed, ErrUncertain):
		return failed // without Microsoft's mail a second POST mails nobody
	}
	c.guest.Invite, c.guest.Since, c.guest.Mode, c.guest.InvitedBy = before.Invite, before.Since, before.Mode, before.InvitedBy
	return failed
}

// uncertain waits for an invitation whose result is unknown. It looks again before the whole wait is over, since the
// person mostly shows up within seconds; only the POST has to wait to the end. A day of it is a case for a person.
func uncertain(left, whole time.Duration) error {
	return &message.Later{
		After: max(min(left, whole/10), time.Second), Why: "an invitation may have been sent; waiting for the directory to show it",
		Budget: 24 * time.Hour, Class: "uncertain invitation",
		Spent: &message.Failure{Code: "invite.uncertain", Text: "Microsoft's answers to the invitation were lost for a day. " +
			"Look for the guest in the directory, then replay the row."},
	}
}

func (c *claim) save(ctx context.Context) error { return ledger.Keep(ctx, c.Ledger, &c.guest) }

// release writes what was learned and gives the lease back.
func (c *claim) release(ctx context.Context) error { return ledger.Release(ctx, c.Ledger, &c.guest) }
