package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"guestlist/pkg/graph"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
	"guestlist/pkg/notify/smtpmail"
)

// TestAnswersOfTheMailServerAreVerdicts sends through a real mail server that misbehaves in each of its ways.
func TestAnswersOfTheMailServerAreVerdicts(t *testing.T) {
	t.Parallel()
	mail := notify.Mail{MessageID: "one@contoso.example", From: "c@contoso.example", To: "ana@partner.example", Subject: "Hi", Language: "en", Text: "Hi", HTML: "Hi"}
	send := func(c mailbox.Config) error {
		c.NoTLS = true
		s, err := mailbox.Serve(c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		client, err := smtpmail.New(smtpmail.Config{Address: s.SMTPAddr(), Security: smtpmail.Plain, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		return smtpMail{client, time.Minute}.Send(t.Context(), mail)
	}
	fault := func(kind string) mailbox.Config { return mailbox.Config{Faults: []mailbox.Fault{{Kind: kind}}} }
	if err := send(mailbox.Config{}); err != nil {
		t.Errorf("no fault: %v", err)
	}
	for code, c := range map[string]mailbox.Config{"mail.deferred": fault(mailbox.Greylist), "mail.not-accepted": {Username: "u", Password: "p"}} {
		later, ok := errors.AsType[*message.Later](send(c))
		if !ok || later.Budget != 24*time.Hour || later.Spent.Code != code || later.After < 30*time.Second || later.After > 2*time.Minute {
			t.Errorf("%s: %+v", code, later)
		}
	}
	if f, ok := errors.AsType[*message.Failure](send(fault(mailbox.Reject))); !ok || f.Code != "mail.refused" || !strings.Contains(f.Text, "does not exist") || strings.Contains(f.Text, "@") {
		t.Errorf("refused: %+v; want the server's words and no address", f)
	}
	for _, kind := range []string{mailbox.Drop, mailbox.Lose} {
		err := send(fault(kind))
		if _, isLater := errors.AsType[*message.Later](err); isLater || errors.Is(err, message.ErrNever) || !errors.Is(err, notify.ErrUncertain) {
			t.Errorf("%s: %v; want a failed attempt of unknown result", kind, err)
		}
	}
	client, err := smtpmail.New(smtpmail.Config{Address: "127.0.0.1:1", Security: smtpmail.Plain})
	if err != nil {
		t.Fatal(err)
	}
	if later, ok := errors.AsType[*message.Later](smtpMail{client, time.Minute}.Send(t.Context(), mail)); !ok || later.Spent.Code != "mail.unreachable" {
		t.Errorf("no server: %+v", later)
	}
	if f, ok := errors.AsType[*message.Failure](noTransport{}.Send(context.Background(), mail)); !ok || f.Code != "mail.not-configured" {
		t.Errorf("no transport: %+v", f)
	}
}

// TestOutageOfMailsThroughGraph: Microsoft Graph that takes no mails is waited for, in each way that it may be away in which the
// mail certainly did not go. Where that is unknown it is a failed attempt, a few times.
func TestOutageOfMailsThroughGraph(t *testing.T) {
	t.Parallel()
	mail := notify.Mail{MessageID: "one@contoso.example", From: "c@contoso.example", To: "ana@partner.example", Subject: "Hi", Language: "en", Text: "Hi", HTML: "Hi"}
	for name, c := range map[string]struct {
		waits  bool
		answer func(w http.ResponseWriter, r *http.Request)
		token  error
	}{
		"busy":        {true, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, nil},
		"no token":    {true, nil, errors.New("no identity endpoint")},
		"no answer":   {false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, nil},
		"bad gateway": {false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, nil},
	} {
		srv := httptest.NewServer(http.HandlerFunc(c.answer))
		t.Cleanup(srv.Close)
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		client, err := graph.New(graph.Config{Endpoint: srv.URL, Credential: fixedToken{c.token}})
		if err != nil {
			t.Fatal(err)
		}
		err = graphMail{client, "c@contoso.example", time.Minute}.Send(t.Context(), mail)
		later, waits := errors.AsType[*message.Later](err)
		if waits != c.waits || waits && (later.Budget != 24*time.Hour || later.Spent.Code != "mail.unreachable") || waits == errors.Is(err, notify.ErrUncertain) {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// fixedToken gives a token, or an error.
type fixedToken struct{ err error }

func (f fixedToken) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, f.err
}
