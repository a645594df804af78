package smtpmail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	"github.com/wneessen/go-mail"
)

// Error is a mail that was not taken, or of which that is not known. Its text holds no address and no link.
type Error struct {
	Code int    // the server's reply; 0 if there was none
	Text string // the server's words, or what went wrong

	certain   bool
	permanent bool // without a reply: nothing that a retry mends
	early     bool // said before the server knew for whom the mail is
}

// Error returns the code and the words.
func (e *Error) Error() string {
	if e.Code == 0 {
		return "mail server: " + e.Text
	}
	return fmt.Sprintf("mail server: %d %s", e.Code, e.Text)
}

// Certain reports whether the server certainly did not take the mail.
func (e *Error) Certain() bool { return e.certain }

// Deferred reports whether the server asked to come back later (4xx).
func (e *Error) Deferred() bool { return e.Code >= 400 && e.Code < 500 }

// Refused reports whether the server, or the form of the mail, refuses it for good (5xx).
func (e *Error) Refused() bool { return e.Code >= 500 && !e.early || e.permanent }

// Unsettled reports whether it was not the mail that was refused but us: a wrong password, a sender that the server does
// not know. Nobody's mail would be taken, and a person has to correct the settings.
func (e *Error) Unsettled() bool { return e.Code >= 500 && e.early }

// connectError is a connection that never came to a mail.
type connectError struct{ err error }

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// explain turns an error of go-mail into ours; nil if the mail was taken, whatever went wrong afterwards.
func (c *Client) explain(err error, msg *mail.Msg, m Mail) error {
	if err == nil || msg.IsDelivered() {
		return nil
	}
	e := &Error{Code: code(err), certain: true}
	words := err.Error()
	if s, ok := errors.AsType[*mail.SendError](err); ok {
		words = bare(s)
		// Only once the last line was under way may the server have taken the mail without our knowing.
		e.certain = e.Code != 0 || s.Reason != mail.ErrSMTPDataClose
		e.early = s.Reason == mail.ErrSMTPMailFrom
	}
	if _, ok := errors.AsType[*connectError](err); ok {
		words, e.early = connecting(err), true
	}
	e.Text = blot(strings.TrimPrefix(words, fmt.Sprintf("%d ", e.Code)), m)
	return e
}

// bare is what the server said, without go-mail's list of recipients.
func bare(s *mail.SendError) string {
	text, _, _ := strings.Cut(s.Error(), ", affected recipient(s):")
	text, _, _ = strings.Cut(text, ", affected message ID:")
	return strings.TrimPrefix(text, s.Reason.String()+": ")
}

func connecting(err error) string {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return "no connection in time"
	}
	return "cannot connect: " + err.Error()
}

var (
	links     = regexp.MustCompile(`(?i)\bhttps?://\S+`)
	addresses = regexp.MustCompile(`[^\s<>:;,"']+@[^\s<>:;,"']+`)
)

// blot hides addresses and links that a server repeats in its words: they go into logs and reports.
func blot(s string, m Mail) string {
	s = links.ReplaceAllString(s, "(link)")
	s = addresses.ReplaceAllString(s, "(address)")
	local, _, _ := strings.Cut(m.To, "@")
	if len(local) > 2 {
		s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(local)).ReplaceAllString(s, "(address)")
	}
	return strings.Join(strings.Fields(s), " ")
}
