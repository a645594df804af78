package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	kiota "github.com/microsoft/kiota-abstractions-go"
)

// Operation names a method of [Client] in errors and in the table of rules.
type Operation string

// The operations.
const (
	FindUser         Operation = "find user"
	ReadUser         Operation = "read user"
	ListUsers        Operation = "list users"
	ListGuests       Operation = "list guests"
	Invite           Operation = "invite"
	ReadGroup        Operation = "read group"
	ReadApplication  Operation = "read application"
	AddMember        Operation = "add member"
	AddMembers       Operation = "add members"
	ReadMembership   Operation = "read membership"
	AssignRole       Operation = "assign role"
	ReadOrganization Operation = "read organization"
	ReadPolicy       Operation = "read authorization policy"
	ReadRoles        Operation = "read roles"
	SendMail         Operation = "send mail"
)

// call is one operation, the addresses that must not show up in its errors, and the id of what it grants.
type call struct {
	op     Operation
	secret []string
	target string
}

// do sends one request. Its answer is decoded into answer; nil means that none is expected, which is status 204 or 202.
func (c *Client) do(ctx context.Context, k call, info *kiota.RequestInformation, answer any) error {
	err := c.ask(ctx, k, info, answer)
	if c.seen != nil {
		c.seen(ctx, k.op, err)
	}
	return err
}

func (c *Client) ask(ctx context.Context, k call, info *kiota.RequestInformation, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	x := &exchange{}
	raw, err := c.adapter.SendPrimitive(context.WithValue(ctx, exchangeKey{}, x), info, "[]byte", nil)
	switch {
	case x.unsaid():
		x.status = 0
		return k.unanswered(x, x.cut)
	case x.status >= 300:
		return k.refused(x)
	case err != nil:
		return k.unanswered(x, err)
	case answer == nil && accepted(x.status):
		return nil
	case answer == nil:
		return k.unreadable(x)
	}
	b, _ := raw.([]byte)
	if json.Unmarshal(b, answer) != nil { // the decoder's words may quote the answer
		return k.unreadable(x)
	}
	return nil
}

// unsaid reports whether the answer refuses and its words did not come: they tell "already there" and "not replicated yet"
// from a refusal for good, so the call counts as one without an answer. Of other answers the status says enough.
func (x *exchange) unsaid() bool {
	return x.cut != nil && !json.Valid(x.body) && x.status/100 == 4 && x.status != http.StatusUnauthorized && x.status != http.StatusTooManyRequests
}

// refused reads an error answer.
func (k call) refused(x *exchange) error {
	var body struct {
		Error struct {
			Code, Message string
			InnerError    struct {
				RequestID string `json:"request-id"`
			}
		}
	}
	_ = json.Unmarshal(x.body, &body) // a gateway's page has neither code nor message
	e := &Error{Operation: k.op, Status: x.status, Code: body.Error.Code, Message: k.blot(body.Error.Message), sent: true, target: k.target,
		RequestID: x.header.Get("request-id"), RetryAfter: retryAfter(x.header, time.Now())}
	if e.RequestID == "" {
		e.RequestID = body.Error.InnerError.RequestID
	}
	if e.Message == "" {
		e.Message = http.StatusText(x.status)
	}
	if m := missingShape.FindStringSubmatch(e.Message); m != nil && e.Status == http.StatusNotFound {
		e.Missing = strings.ToLower(m[1])
	}
	e.Class = e.rule().class
	return e
}

var missingShape = regexp.MustCompile(`Resource '([0-9A-Za-z-]+)' does not exist`)

// unanswered is a call without a status, or one whose answer broke off.
func (k call) unanswered(x *exchange, err error) error {
	e := &Error{Operation: k.op, Status: x.status, Class: Transient, sent: x.sent, cause: bare(err)}
	if e.RequestID = x.client; x.header.Get("request-id") != "" {
		e.RequestID = x.header.Get("request-id")
	}
	if t, ok := errors.AsType[*tokenError](err); ok {
		e.Code, e.sent, e.RequestID = NoToken, false, ""
		e.Message, _, _ = strings.Cut(t.Error(), "\n") // the lines below repeat the identity endpoint's answer
		return e
	}
	if neverConnected(err) {
		e.sent = false
	}
	e.Message = k.blot(e.cause.Error())
	return e
}

// unreadable is an answer that reports success but is not what the operation promises.
func (k call) unreadable(x *exchange) error {
	return &Error{Operation: k.op, Status: x.status, Class: Transient, sent: true, RequestID: x.header.Get("request-id"),
		Message: "the answer could not be read"}
}

// bare strips what net/http puts round an error: method and URL, and with it the address in a filter.
func bare(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}

// neverConnected reports whether err happened before a connection stood, so that nothing can have been sent.
func neverConnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "proxyconnect")
}

// blot hides the addresses that the call was made with, in whatever case the service repeats them.
func (k call) blot(s string) string {
	for _, secret := range k.secret {
		for _, form := range []string{secret, quote(secret), url.QueryEscape(secret), extPrefix(secret)} {
			if form != "" {
				s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(form)).ReplaceAllString(s, "(address)")
			}
		}
	}
	return s
}

// retryAfter reads the header in both of its forms; seconds are rounded up. An absurd wait is cut to maxRetryAfter.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	var d time.Duration
	if s, err := strconv.ParseFloat(v, 64); err == nil && s > 0 {
		d = time.Duration(min(s, maxRetryAfter.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		if sent, err := http.ParseTime(h.Get("Date")); err == nil {
			now = sent // the service's clock, not ours
		}
		d = at.Sub(now)
	}
	d = (d + time.Second - 1).Truncate(time.Second)
	return max(0, min(d, maxRetryAfter))
}

const maxRetryAfter = 15 * time.Minute

var idShape = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// known refuses ids that can name nothing before they reach a path: an empty one would address the whole collection. It
// does not repeat them, since what people put in the wrong column may be an address.
func known(ids ...string) error {
	for _, id := range ids {
		if !idShape.MatchString(id) {
			return fmt.Errorf("not an object id: %w", ErrNotFound)
		}
	}
	return nil
}

// quote escapes a string for use between the quotes of a filter.
func quote(s string) string { return strings.ReplaceAll(s, "'", "''") }
