package graph_test

import (
	"errors"
	"strings"
	"testing"

	"guestlist/pkg/graph"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/message"
)

func letter() graph.Mail {
	return graph.Mail{MessageID: "one@contoso.example", From: "mia@contoso.example", FromName: "Contoso", To: address, ReplyTo: "help@contoso.example",
		Subject: "Contoso lädt Sie ein", Language: "de", Text: "Grüße " + redeem, HTML: "<p>Grüße</p> " + redeem}
}

func TestSendMail(t *testing.T) {
	t.Parallel()
	m, err := mailbox.Serve(mailbox.Config{NoTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	c, _ := directory(t, entra.Config{Outgoing: m.SMTPAddr()})
	if err := c.SendMail(t.Context(), memberID, letter()); err != nil {
		t.Fatal(err)
	}
	got, ok := m.Message(1)
	want := letter()
	if !ok || got.MessageID != want.MessageID || got.Subject != want.Subject || strings.TrimSpace(got.HTML) != want.HTML || got.To[0] != want.To || got.Header["Reply-To"][0] != want.ReplyTo {
		t.Errorf("arrived: %+v", got)
	}
}

func TestSendMailRefused(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]answer{
		"mail.mailbox-unknown":    {404, `{"error":{"code":"ErrorInvalidUser","message":"The requested user 'mia@contoso.example' is invalid."}}`, nil},
		"mail.permission-missing": {403, `{"error":{"code":"ErrorAccessDenied","message":"Access is denied. Check credentials and try again."}}`, nil},
		"mail.refused":            {400, `{"error":{"code":"ErrorInvalidRecipients","message":"At least one recipient is not valid: ` + address + `"}}`, nil},
	} {
		f := serve(t, a)
		err := f.client(t).SendMail(t.Context(), "mia@contoso.example", letter())
		failure, ok := errors.AsType[*message.Failure](graph.Verdict(err))
		if !ok || failure.Code != want || strings.Contains(failure.Text, "@") || strings.Contains(err.Error(), "@") {
			t.Errorf("%s: %v as %v", want, err, failure)
		}
		if e, ok := errors.AsType[*graph.Error](err); !ok || !e.Certain() {
			t.Errorf("%s: a refused mail was not sent", want)
		}
		if body := f.seen[0].Body; !strings.Contains(body, `"saveToSentItems":false`) || f.seen[0].URI != "/v1.0/users/mia%40contoso.example/sendMail" {
			t.Errorf("sent %s to %s; a copy in Sent Items would keep the link", body, f.seen[0].URI)
		}
	}
	for _, a := range []answer{{503, "", nil}, {504, `{"error":{"code":"UnknownError"}}`, nil}} {
		err := serve(t, a).client(t).SendMail(t.Context(), memberID, letter())
		if e, ok := errors.AsType[*graph.Error](err); !ok || e.Certain() {
			t.Errorf("%d: %v; the mail may have been sent", a.status, err)
		}
	}
}
