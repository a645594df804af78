package notify

import (
	"context"
	"errors"
	"time"
)

// Patience is how long a mail that is put off is tried, whatever the causes: mail servers do so for days; a guest is told
// sooner by phone. Class is that budget's, for every [message.Later] of a mail.
const (
	Patience = 24 * time.Hour
	Class    = "mail"
)

// ErrUncertain marks an error of [Transport.Send] after which the server may have taken the mail: the connection broke
// after its last byte, or no answer came in time. After any other error it certainly did not.
var ErrUncertain = errors.New("the mail may have been taken")

// Transport hands one mail to a mail server. Errors are verdicts of pkg/message: a [message.Later] where the server asks
// to come back, a [message.Failure] with the server's words where it refuses for good. It is never repeated by itself.
type Transport interface {
	Send(ctx context.Context, m Mail) error
}

// Mail is one mail to one recipient. It may hold a redeem link, so it is not printed.
type Mail struct {
	MessageID         string // without angle brackets
	From, FromName    string
	To, ReplyTo       string
	Subject, Language string
	Text, HTML        string
}

// String returns the Message-ID only.
func (m Mail) String() string { return m.MessageID }

// GoString returns the Message-ID only.
func (m Mail) GoString() string { return m.MessageID }
