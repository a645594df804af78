package entra

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/http"
	"net/smtp"
	"strings"
	"time"
)

// outgoingMail is the body of sendMail in JSON (sources: page user-sendmail, resource page message). MIME is not served.
type outgoingMail struct {
	Message struct {
		Subject string `json:"subject"`
		Body    struct {
			ContentType string `json:"contentType"`
			Content     string `json:"content"`
		} `json:"body"`
		From    *recipient  `json:"from,omitempty"`
		To      []recipient `json:"toRecipients"`
		ReplyTo []recipient `json:"replyTo,omitempty"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"internetMessageHeaders,omitempty"`
		Extra []struct {
			ID    string `json:"id"`
			Value string `json:"value"`
		} `json:"singleValueExtendedProperties,omitempty"`
	} `json:"message"`
	Save *bool `json:"saveToSentItems,omitempty"`
}

// sendMail is POST /users/{id}/sendMail: it hands the mail to the server that [Config.Outgoing] names, at once. Nothing is
// kept in a mailbox. A user without an address has no mailbox here. The refusals' codes and texts were seen in reports on
// Exchange Online; which of them is given when is a guess.
func (g *graph) sendMail(q *request) answer {
	var in outgoingMail
	if no, fine := q.decode(&in); !fine {
		return no
	}
	u := g.lookup(q.segments[1])
	switch {
	case u == nil:
		return refuse(http.StatusNotFound, "ErrorInvalidUser", fmt.Sprintf("The requested user '%s' is invalid.", q.segments[1]))
	case u.Mail == "" || u.UserType == "Guest" || g.outgoing == "":
		return refuse(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
	case len(in.Message.To) != 1 || in.Message.To[0].Address.Address == nil || !strings.Contains(*in.Message.To[0].Address.Address, "@"):
		return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid.")
	}
	for _, h := range in.Message.Headers {
		if !strings.HasPrefix(strings.ToLower(h.Name), "x-") {
			return refuse(http.StatusBadRequest, "InvalidInternetMessageHeader", fmt.Sprintf("The internet message header name '%s' should start with 'x-' or 'X-'.", h.Name))
		}
	}
	if err := smtp.SendMail(g.outgoing, nil, u.Mail, []string{*in.Message.To[0].Address.Address}, in.mime(u, g.timing.now())); err != nil {
		return say(unavailable) // Exchange would keep it and report back by mail
	}
	return answer{status: http.StatusAccepted}
}

// mime writes the mail as Exchange would, but for the plain part that it makes of HTML.
func (in outgoingMail) mime(u *user, now time.Time) []byte {
	var b bytes.Buffer
	header := func(name, value string) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.NewReplacer("\r", "", "\n", "").Replace(value))
	}
	name := ""
	if in.Message.From != nil && in.Message.From.Address.Name != nil {
		name = mime.QEncoding.Encode("utf-8", *in.Message.From.Address.Name) + " "
	}
	header("From", name+"<"+u.Mail+">")
	header("To", *in.Message.To[0].Address.Address)
	for _, r := range in.Message.ReplyTo {
		if r.Address.Address != nil {
			header("Reply-To", *r.Address.Address)
		}
	}
	header("Subject", mime.QEncoding.Encode("utf-8", in.Message.Subject))
	header("Date", now.Format(time.RFC1123Z))
	id := "<" + newGUID() + "@exchange.example>"
	for _, p := range in.Message.Extra {
		if p.ID == "String 0x1035" { // source: MS-OXPROPS 2.749; that sendMail honours it: msgraph-sdk-dotnet issue 2320
			id = p.Value
		}
	}
	header("Message-ID", id)
	for _, h := range in.Message.Headers {
		header(h.Name, h.Value)
	}
	header("MIME-Version", "1.0")
	kind := "text/plain"
	if strings.EqualFold(in.Message.Body.ContentType, "html") {
		kind = "text/html"
	}
	header("Content-Type", kind+"; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(in.Message.Body.Content)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
