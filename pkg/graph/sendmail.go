package graph

import (
	"context"
	"net/http"
	"net/mail"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// Mail is one mail to one recipient. It may hold a redeem link, so it is not printed.
type Mail struct {
	MessageID         string // without angle brackets
	From, FromName    string
	To, ReplyTo       string
	Subject, Language string
	Text, HTML        string // Microsoft Graph takes one of them: the HTML, of which Exchange makes a plain part
}

// String returns the Message-ID only.
func (m Mail) String() string { return m.MessageID }

// GoString returns the Message-ID only.
func (m Mail) GoString() string { return m.MessageID }

// messageIDProperty is Exchange's name of the header Message-ID (MS-OXPROPS 2.749). That sendMail keeps what it is given
// here was reported, and is documented nowhere.
const messageIDProperty = "String 0x1035"

type outgoing struct {
	Message struct {
		Subject string `json:"subject"`
		Body    struct {
			ContentType string `json:"contentType"`
			Content     string `json:"content"`
		} `json:"body"`
		From    mailbox       `json:"from"`
		To      []mailbox     `json:"toRecipients"`
		ReplyTo []mailbox     `json:"replyTo,omitempty"`
		Headers []headerField `json:"internetMessageHeaders"`
		Extra   []headerExtra `json:"singleValueExtendedProperties"`
	} `json:"message"`
	Save bool `json:"saveToSentItems"` // false: a copy of the secret link would stay in the mailbox
}

type mailbox struct {
	EmailAddress struct {
		Name    string `json:"name,omitempty"`
		Address string `json:"address"`
	} `json:"emailAddress"`
}

type headerField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type headerExtra struct {
	ID    string `json:"id"`
	Value string `json:"value"`
}

// SendMail sends a mail from a mailbox, which is named by its user id or user principal name. It needs the application
// permission Mail.Send, best bounded to this mailbox. It is not idempotent: each call that works mails again. After an
// error that is not [Error.Certain] the mail may have been sent.
func (c *Client) SendMail(ctx context.Context, from string, m Mail) error {
	if _, err := mail.ParseAddress("<" + m.To + ">"); err != nil {
		return &Error{Operation: SendMail, Message: "the recipient's address cannot be used in a mail", Class: Refused}
	}
	builder := c.users().ByUserId(from).SendMail()
	info, err := send(kiota.POST, builder.BaseRequestBuilder, m.body())
	if err != nil {
		return err
	}
	return c.do(ctx, call{op: SendMail, secret: []string{m.To, from, m.From, m.ReplyTo}}, info, nil)
}

func (m Mail) body() outgoing {
	var o outgoing
	o.Message.Subject = m.Subject
	o.Message.Body.ContentType, o.Message.Body.Content = "HTML", m.HTML
	o.Message.From = box(m.FromName, m.From)
	o.Message.To = []mailbox{box("", m.To)}
	if m.ReplyTo != "" {
		o.Message.ReplyTo = []mailbox{box("", m.ReplyTo)}
	}
	// Only headers that begin with X- may be set. This one keeps out-of-office replies away.
	o.Message.Headers = []headerField{{Name: "X-Auto-Response-Suppress", Value: "All"}}
	o.Message.Extra = []headerExtra{{ID: messageIDProperty, Value: "<" + m.MessageID + ">"}}
	return o
}

func box(name, address string) (b mailbox) {
	b.EmailAddress.Name, b.EmailAddress.Address = name, address
	return b
}

// accepted reports whether a status means success of a call without an answer: sendMail answers 202.
func accepted(status int) bool {
	return status == http.StatusNoContent || status == http.StatusAccepted
}
