package smtpmail

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// Mail is one mail to one recipient.
type Mail struct {
	MessageID         string // without angle brackets
	From, FromName    string
	To, ReplyTo       string
	Subject, Language string
	Text, HTML        string
}

// Send offers a mail to the server. The error is an [*Error]. A connection that idled and turns out to be closed is
// replaced by a new one; that is no second offer, since nothing was said over it.
func (c *Client) Send(ctx context.Context, m Mail) error {
	msg, err := compose(m)
	if err != nil {
		return &Error{Text: err.Error(), certain: true, permanent: true}
	}
	if k := c.take(time.Now()); k != nil {
		err, stale := c.offer(ctx, k, msg)
		if !stale {
			return c.explain(err, msg, m)
		}
	}
	k, err := c.dial(ctx)
	if err != nil {
		return c.explain(&connectError{err}, msg, m)
	}
	err, _ = c.offer(ctx, k, msg)
	return c.explain(err, msg, m)
}

// offer sends over a connection and keeps it if it is still good. stale says that the server had closed it before.
func (c *Client) offer(ctx context.Context, k *conn, msg *mail.Msg) (err error, stale bool) {
	stop := context.AfterFunc(ctx, func() { k.raw.Close() })
	err = k.client.Send(msg)
	if !stop() && err == nil {
		return nil, false // taken just before the time was over
	}
	switch e, ok := errors.AsType[*mail.SendError](err); {
	case err == nil:
		c.give(k)
	case ok && code(err) != 0 && k.client.Reset() == nil: // an answer of the server: the connection is good
		c.give(k)
	default:
		k.raw.Close()
		stale = ctx.Err() == nil && (!ok || e.Reason == mail.ErrConnCheck || e.Reason == mail.ErrSMTPMailFrom) && code(err) == 0
	}
	return err, stale
}

// code is the server's reply in an error; 0 if it has none, since the connection broke.
func code(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	if e, ok := errors.AsType[*mail.SendError](err); ok {
		return e.ErrorCode()
	}
	return 0
}

// compose makes a MIME message: plain text and HTML as alternatives, marked as written by a program, so that neither
// out-of-office replies nor other programs answer it (RFC 3834).
func compose(m Mail) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	if err := msg.FromFormat(strings.Join(strings.Fields(m.FromName), " "), m.From); err != nil {
		return nil, fmt.Errorf("the sender's address cannot be used; correct MAIL_FROM: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return nil, errors.New("the recipient's address cannot be used in a mail")
	}
	if m.ReplyTo != "" {
		if err := msg.ReplyTo(m.ReplyTo); err != nil {
			return nil, fmt.Errorf("the address for replies cannot be used; correct MAIL_REPLY_TO: %w", err)
		}
	}
	msg.SetMessageIDWithValue(m.MessageID)
	msg.SetDate()
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All") // Exchange's way of the same
	msg.SetGenHeader("Content-Language", m.Language)
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	return msg, nil
}
