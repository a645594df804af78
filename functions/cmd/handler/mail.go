package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/breaker"
	"guestlist/pkg/graph"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
	"guestlist/pkg/notify/smtpmail"
)

// mailConfig is what the app settings say about mails.
type mailConfig struct {
	mode    string
	sender  notify.Sender
	server  smtpmail.Config // Address is empty where mails go through Microsoft Graph
	mailbox string          // the mailbox that sends through Microsoft Graph; empty otherwise
	pace    notify.Pace
	again   time.Duration // how soon a mail that was put off is offered again
}

// The provider's limits where nothing else is set: those of an Exchange Online mailbox.
const mailsPerMinute, mailsPerDay = 30, 10_000

func (s *settings) mail(lease time.Duration) mailConfig {
	c := mailConfig{
		mode: s.text("MAIL_MODE", invite.Own), mailbox: s.getenv("MAIL_MAILBOX"),
		sender: notify.Sender{From: s.address("MAIL_FROM"), ReplyTo: s.address("MAIL_REPLY_TO"), Organization: s.getenv("MAIL_ORGANIZATION"),
			Language: s.text("MAIL_LANGUAGE", notify.Languages[0])},
		// Half of the time that a mail has goes to connecting, half to sending.
		server: smtpmail.Config{Address: s.getenv("MAIL_SMTP"), Security: s.text("MAIL_SMTP_SECURITY", smtpmail.StartTLS),
			Username: s.getenv("MAIL_SMTP_USERNAME"), Password: s.getenv("MAIL_SMTP_PASSWORD"), Timeout: lease * 3 / 16},
		pace:  notify.Pace{PerMinute: s.limit("MAIL_PER_MINUTE", mailsPerMinute), PerDay: s.limit("MAIL_PER_DAY", mailsPerDay)},
		again: s.duration("MAIL_RETRY", 5*time.Minute),
	}
	if !slices.Contains([]string{invite.Own, invite.Microsoft, invite.None}, c.mode) {
		s.wrong("MAIL_MODE", c.mode, "own, microsoft or none")
	}
	if !notify.Known(c.sender.Language) {
		s.wrong("MAIL_LANGUAGE", c.sender.Language, "one of "+strings.Join(notify.Languages, ", "))
	}
	if c.sender.From == "" && strings.Contains(c.mailbox, "@") {
		c.sender.From = c.mailbox
	}
	if c.mode == invite.Own && !c.ready() {
		s.errs = append(s.errs, errors.New("MAIL_MODE is own, so Guestlist mails the guests itself: set MAIL_FROM, and MAIL_SMTP (host:port of a mail server) "+
			"or MAIL_MAILBOX (a mailbox in Exchange Online). With MAIL_MODE=microsoft Microsoft mails them, without the file's text"))
	}
	if c.server.Address != "" && c.mailbox != "" {
		s.errs = append(s.errs, errors.New("MAIL_SMTP and MAIL_MAILBOX are both set: mails go one way, so remove one"))
	}
	if c.server.Address != "" {
		if _, err := smtpmail.New(c.server); err != nil {
			s.errs = append(s.errs, fmt.Errorf("app settings MAIL_SMTP and MAIL_SMTP_SECURITY: %w", err))
		}
	}
	return c
}

// ready reports whether mails can be sent.
func (c mailConfig) ready() bool {
	return c.sender.From != "" && (c.server.Address != "" || c.mailbox != "")
}

func (s *settings) address(name string) string {
	v := s.getenv(name)
	if v == "" {
		return ""
	}
	if a, err := mail.ParseAddress("<" + v + ">"); err != nil || a.Address != v {
		s.wrong(name, v, "one address, such as invitations@contoso.com")
	}
	return v
}

// limit reads a number, or max for none.
func (s *settings) limit(name string, otherwise int) int {
	if s.getenv(name) == "max" {
		return 0
	}
	return s.number(name, otherwise)
}

func (w wiring) notify() (*notify.Step, error) {
	t, err := w.transport()
	return &notify.Step{Ledger: w.Ledger, Transport: w.seam.transport(t), Bus: w.Bus, Sender: w.mail.sender, Pace: w.mail.pace, Holder: crand.Text, Lease: w.lease,
		Insist: w.lease * 3 / 8, Redeem: w.redeem}, err
}

func (w wiring) transport() (notify.Transport, error) {
	switch {
	case !w.mail.ready():
		return noTransport{}, nil
	case w.mail.mailbox != "":
		return graphMail{w.directory.graph, w.mail.mailbox, w.mail.again}, nil
	}
	client, err := smtpmail.New(w.mail.server)
	return smtpMail{client, w.mail.again}, err
}

// redeem makes a new redeem link for a guest who is there. It is an invitation to Microsoft Graph, so it waits its turn. What
// every guest would meet is waited for like a mail server that is away: mails do not stop for the circuit breaker, since
// most of them ask nothing of Microsoft Graph.
func (w wiring) redeem(ctx context.Context, e ledger.Entry, begin notify.Begin) (userID, url string, err error) {
	turn, err := w.pacer.Invitation(ctx)
	if err != nil {
		return "", "", err
	}
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return "", "", err
	}
	defer cancel()
	made, err := w.directory.Invite(ctx, invite.Invitation{Address: e.Address, DisplayName: e.DisplayName, RedirectURL: e.RedirectURL})
	turn.Done(ctx, err)
	if t, is := errors.AsType[*breaker.Trouble](err); is {
		return "", "", &message.Later{After: 5 * time.Minute, Why: "no redeem link can be made now: " + t.Error(), Budget: notify.Patience, Class: notify.Class,
			Spent: &message.Failure{Code: "mail.no-link", Text: "The guest's redeem link was lost, and for a day no new one could be made: " + t.Error() + ". Replay the row when Microsoft Graph takes invitations again."}}
	}
	return made.UserID, made.RedeemURL, err
}

// noTransport is for an installation that mails nobody itself, and a source that wants it to.
type noTransport struct{}

func (noTransport) Send(context.Context, notify.Mail) error {
	return message.Never("mail.not-configured", "The source's policy says mailMode own, but this installation has no way to send mails. "+
		"Set MAIL_FROM and MAIL_SMTP or MAIL_MAILBOX and replay, or change the policy.")
}

// smtpMail sends through a mail server, and gives its answers as verdicts.
type smtpMail struct {
	client *smtpmail.Client
	again  time.Duration
}

func (t smtpMail) Send(ctx context.Context, m notify.Mail) error {
	err := t.client.Send(ctx, smtpmail.Mail(m))
	e, is := errors.AsType[*smtpmail.Error](err)
	switch {
	case !is:
		return err
	case !e.Certain():
		return fmt.Errorf("%w: %w", notify.ErrUncertain, err)
	case e.Unsettled():
		return t.later("the mail server does not accept Guestlist", "mail.not-accepted",
			e.Error()+". Correct MAIL_FROM, MAIL_SMTP_USERNAME and MAIL_SMTP_PASSWORD, then replay.")
	case e.Refused():
		return message.Never("mail.refused", "The mail server refused the mail: "+e.Error()+". Correct the address and drop the row again, or have the mail server changed and replay.")
	case e.Deferred():
		return t.later("the mail server put the mail off", "mail.deferred", "The mail server put the mail off for a day, at last with: "+e.Error()+". Ask its operators, then replay.")
	}
	return t.later("the mail server cannot be reached", "mail.unreachable", e.Error()+". Check MAIL_SMTP and the network, then replay.")
}

func (t smtpMail) later(why, code, text string) error {
	return putOff(t.again, why, code, text)
}

// putOff offers a mail again after about so long.
func putOff(again time.Duration, why, code, text string) error {
	return &message.Later{After: again/2 + rand.N(again), Why: why, Budget: notify.Patience, Class: notify.Class, Spent: &message.Failure{Code: code, Text: text}}
}

// graphMail sends from a mailbox through Microsoft Graph.
type graphMail struct {
	graph   *graph.Client
	mailbox string
	again   time.Duration
}

func (t graphMail) Send(ctx context.Context, m notify.Mail) error {
	err := t.graph.SendMail(ctx, t.mailbox, graph.Mail(m))
	e, ok := errors.AsType[*graph.Error](err)
	switch {
	case !ok || graph.ScopeOf(err) != graph.ScopeOutage:
		return graph.Verdict(err)
	case e.Certain() || e.Status == http.StatusServiceUnavailable:
		return putOff(t.again, "Microsoft Graph cannot be reached to send mails", "mail.unreachable",
			e.Error()+". Replay the row when Microsoft Graph takes mails again.")
	}
	return fmt.Errorf("%w: %w", notify.ErrUncertain, err)
}

var (
	_ notify.Transport = noTransport{}
	_ notify.Transport = smtpMail{}
	_ notify.Transport = graphMail{}
)
