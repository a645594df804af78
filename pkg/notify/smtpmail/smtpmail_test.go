package smtpmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/notify/smtpmail"
)

func serve(t *testing.T, c mailbox.Config) *mailbox.Server {
	t.Helper()
	s, err := mailbox.Serve(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func client(t *testing.T, s *mailbox.Server, change func(*smtpmail.Config)) *smtpmail.Client {
	t.Helper()
	c := smtpmail.Config{Address: s.SMTPAddr(), TLS: &tls.Config{RootCAs: s.CertPool()}, Timeout: time.Minute}
	if change != nil {
		change(&c)
	}
	k, err := smtpmail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func mail(id string) smtpmail.Mail {
	return smtpmail.Mail{MessageID: id + "@contoso.example", From: "invitations@contoso.example", FromName: "Contoso, Ltd",
		To: "ana.prieto@partner.example", ReplyTo: "partners@contoso.example", Subject: "Contoso lädt Sie ein — 招待", Language: "de",
		Text: "Grüße\n\nhttps://login.example/redeem?ticket=SECRET\n" + strings.Repeat("x", 2000), HTML: "<p>Grüße</p>"}
}

func TestSendsOverEveryProtection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server mailbox.Config
		change func(*smtpmail.Config)
	}{
		"STARTTLS with a password": {mailbox.Config{Username: "u", Password: "p"}, func(c *smtpmail.Config) { c.Username, c.Password = "u", "p" }},
		"TLS with a password": {mailbox.Config{Username: "u", Password: "p", ImplicitTLS: true}, func(c *smtpmail.Config) {
			c.Username, c.Password, c.Security = "u", "p", smtpmail.TLS
		}},
		"none": {mailbox.Config{NoTLS: true}, func(c *smtpmail.Config) { c.Security = smtpmail.Plain }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.server)
			k := client(t, s, c.change)
			for _, id := range []string{"one", "two"} {
				if err := k.Send(t.Context(), mail(id)); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := s.Message(2)
			want := mail("two")
			if !ok || got.Text != want.Text || got.HTML != want.HTML || got.Subject != want.Subject || got.MessageID != want.MessageID {
				t.Errorf("arrived: %+v", got)
			}
			for header, value := range map[string]string{"From": `"Contoso, Ltd" <invitations@contoso.example>`, "To": "<ana.prieto@partner.example>",
				"Reply-To": "<partners@contoso.example>", "Auto-Submitted": "auto-generated", "Content-Language": "de", "X-Mailer": ""} {
				if v := strings.Join(got.Header[header], "|"); v != value {
					t.Errorf("header %s is %q, want %q", header, v, value)
				}
			}
		})
	}
}

func TestNoHeaderCanBeBroughtIn(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{})
	k := client(t, s, nil)
	m := mail("one")
	m.Subject, m.FromName = "Hi\r\nBcc: eve@evil.example", "Contoso\r\nX-Evil: yes"
	if err := k.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got, _ := s.Message(1)
	if len(got.Header["Bcc"])+len(got.Header["X-Evil"]) > 0 || len(got.To) != 1 {
		t.Errorf("a header was brought in: %v, sent to %v", got.Header, got.To)
	}
	m.To = "ana@partner.example\r\nRCPT TO:<eve@evil.example>"
	if err := k.Send(t.Context(), m); err == nil {
		t.Error("an address with a line break was taken")
	}
}

func TestAnswersOfTheServer(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]struct{ certain, deferred, refused bool }{
		mailbox.Greylist: {certain: true, deferred: true},
		mailbox.Defer:    {certain: true, deferred: true},
		mailbox.Reject:   {certain: true, refused: true},
		mailbox.Drop:     {},
		mailbox.Lose:     {},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := serve(t, mailbox.Config{Faults: []mailbox.Fault{{Kind: kind, Count: 1, Text: "no <Ana.Prieto@partner.example>, see https://x.example/ana.prieto"}}})
			k := client(t, s, nil)
			err := k.Send(t.Context(), mail("one"))
			e, ok := errors.AsType[*smtpmail.Error](err)
			if !ok || e.Certain() != want.certain || e.Deferred() != want.deferred || e.Refused() != want.refused {
				t.Fatalf("got %v: %+v", err, e)
			}
			if text := strings.ToLower(err.Error()); strings.Contains(text, "prieto") || strings.Contains(text, "@") || strings.Contains(text, "http") {
				t.Errorf("the error names an address or a link: %v", err)
			}
			if err := k.Send(t.Context(), mail("one")); err != nil {
				t.Errorf("the mail after the fault: %v", err)
			}
		})
	}
}

func TestSlowServerIsLeftInTime(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{NoTLS: true, Faults: []mailbox.Fault{{Kind: mailbox.Slow, Delay: mailbox.Duration(time.Minute), Count: 1}}})
	k := client(t, s, func(c *smtpmail.Config) { c.Security, c.Timeout = smtpmail.Plain, 8*time.Second }) // time enough to connect, and to send
	e, ok := errors.AsType[*smtpmail.Error](k.Send(t.Context(), mail("one")))
	if !ok || e.Certain() {
		t.Errorf("got %+v; a mail whose answer does not come may have been taken", e)
	}
}

func TestConnectionsAreUsedAgainAndReplaced(t *testing.T) {
	t.Parallel()
	s := serve(t, mailbox.Config{})
	k := client(t, s, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := k.Send(t.Context(), mail("many")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := s.Connections(); n > 20 {
		t.Errorf("%d connections for 20 mails", n)
	}
	before := s.Connections()
	if err := k.Send(t.Context(), mail("next")); err != nil || s.Connections() != before {
		t.Errorf("%v; %d new connections, though some were idle", err, s.Connections()-before)
	}
	s.Hangup()
	if err := k.Send(t.Context(), mail("after")); err != nil {
		t.Errorf("after the server closed its connections: %v", err)
	}
}

func TestWhatCannotWorkIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []smtpmail.Config{{Address: "mail.example"}, {Address: "mail.example:0"}, {Address: "mail.example:25", Security: smtpmail.Plain},
		{Address: "mail.example:25", Security: "ssl"}} {
		if _, err := smtpmail.New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
	s := serve(t, mailbox.Config{Username: "u", Password: "p"})
	err := client(t, s, func(c *smtpmail.Config) { c.Username, c.Password = "u", "wrong" }).Send(t.Context(), mail("one"))
	if e, ok := errors.AsType[*smtpmail.Error](err); !ok || !e.Unsettled() || !e.Certain() || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	err = client(t, s, nil).Send(t.Context(), mail("one"))
	if e, ok := errors.AsType[*smtpmail.Error](err); !ok || !e.Unsettled() || e.Refused() || e.Code != 530 {
		t.Errorf("no password: %v; it is not this guest's mail that is refused", err)
	}
	plain := serve(t, mailbox.Config{NoTLS: true})
	if err := client(t, plain, nil).Send(t.Context(), mail("one")); err == nil {
		t.Error("a server without STARTTLS was used unprotected")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, ok := errors.AsType[*smtpmail.Error](client(t, s, nil).Send(ctx, mail("one"))); !ok || !e.Certain() {
		t.Errorf("no connection: %+v", e)
	}
}
