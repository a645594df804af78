package entra_test

import (
	"strings"
	"testing"

	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
)

const mailBody = `{"message":{"subject":"Grüße","body":{"contentType":"HTML","content":"<p>Grüße</p>"},` +
	`"from":{"emailAddress":{"name":"Contoso","address":"mia@contoso.example"}},"toRecipients":[{"emailAddress":{"address":"ana@partner.example"}}],` +
	`"internetMessageHeaders":[{"name":"X-Auto-Response-Suppress","value":"All"}],"singleValueExtendedProperties":[{"id":"String 0x1035","value":"<one@contoso.example>"}]},` +
	`"saveToSentItems":false}`

func TestMailGoesOutFromAMailbox(t *testing.T) {
	t.Parallel()
	m, err := mailbox.Serve(mailbox.Config{NoTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	c := serve(t, entra.Config{Outgoing: m.SMTPAddr()})
	if r := c.do("POST", "/users/"+memberID+"/sendMail", mailBody); r.status != 202 || r.raw != "" {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	got, ok := m.Message(1)
	if !ok || got.MessageID != "one@contoso.example" || got.Subject != "Grüße" || strings.TrimSpace(got.HTML) != "<p>Grüße</p>" || got.To[0] != "ana@partner.example" ||
		got.Header["From"][0] != "Contoso <mia@contoso.example>" || got.Header["X-Auto-Response-Suppress"][0] != "All" {
		t.Errorf("arrived: %+v", got)
	}
	for path, body := range map[string]string{"/users/" + absentID: mailBody, "/users/" + guestID: mailBody,
		"/users/" + memberID: strings.Replace(mailBody, "X-Auto", "Auto", 1), "/users/mia@contoso.example": strings.Replace(mailBody, "ana@", "", 1)} {
		if r := c.do("POST", path+"/sendMail", body); r.status < 400 || r.status > 404 {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	if n := len(m.Messages()); n != 1 {
		t.Errorf("%d mails", n)
	}
}
