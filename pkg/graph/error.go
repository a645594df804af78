package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class says what kind of trouble an [Error] is.
type Class string

// The classes.
const (
	Throttled   Class = "throttled"   // too many requests: the same again later
	Transient   Class = "transient"   // 5xx, time-out, lost connection, no token: an attempt
	Replicating Class = "replicating" // something new is not known everywhere yet
	Refused     Class = "refused"     // permanent for this guest or target
	Tenant      Class = "tenant"      // the tenant takes no invitations at all
	Auth        Class = "auth"        // the identity lacks a permission, or the target is closed to it

	Absent  Class = "absent"  // no such object; such an error matches ErrNotFound
	Already Class = "already" // what was to be granted is there; a method about one user reports it as no error
)

// Scope says what an [Error] speaks about, and so whether the next call for somebody else would meet it too. A circuit
// breaker opens at once on Tenant; Identity and Outage count only when several guests in a row met them.
type Scope string

// The scopes.
const (
	ScopeNone     Scope = ""         // nobody's trouble: throttled, not replicated yet, not there, done before, called off
	ScopeGuest    Scope = "guest"    // this person's address or account
	ScopeTarget   Scope = "target"   // this group or application, a 403 about it included
	ScopeTenant   Scope = "tenant"   // the tenant takes no guests at present; [Error.Reason] says why
	ScopeIdentity Scope = "identity" // 401 or 403 that is about no target: what Guestlist's own identity may do
	ScopeOutage   Scope = "outage"   // 5xx, time-out, no connection, no token, an answer of something else than Microsoft Graph
)

// ScopeOf returns the scope of the [*Error] in err, also under a wrapping error; ScopeNone if there is none.
func ScopeOf(err error) Scope {
	e, ok := errors.AsType[*Error](err)
	if !ok || errors.Is(err, context.Canceled) {
		return ScopeNone
	}
	return e.rule().scope
}

// NoToken is the Code of an error whose request was never sent because the credential gave no token.
const NoToken = "no-token"

// Error is a call that did not work. Its text holds no URL, no body and no address that the call was made with.
type Error struct {
	Operation  Operation
	Status     int           // 0: no answer
	Code       string        // of Microsoft Graph, or NoToken
	Message    string        // of Microsoft Graph, verbatim but for addresses
	RequestID  string        // of Microsoft Graph; our own client-request-id where no answer came
	RetryAfter time.Duration // 0: not said; never more than 15 min
	Class      Class
	Missing    string // the object id that a "does not exist" names; "" if it names none

	target string // id of the group or application that was to be granted
	sent   bool
	cause  error
}

// Error returns operation, status, code, message and request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Operation) + ":")
	if e.Status != 0 {
		fmt.Fprintf(&b, " %d", e.Status)
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Status != 0 || e.Code != "" {
		b.WriteString(":")
	}
	b.WriteString(" " + e.Message)
	if e.RequestID != "" {
		b.WriteString(" (request " + e.RequestID + ")")
	}
	return b.String()
}

// Reason returns the stable code of the failure that [Verdict] makes of the error; empty if it makes none.
func (e *Error) Reason() string { return e.rule().reason }

// Unwrap returns what the network or the credential said, if it was that; errors.Is finds the context's errors.
func (e *Error) Unwrap() error { return e.cause }

// Is makes an error of class Absent match [ErrNotFound].
func (e *Error) Is(target error) bool { return target == ErrNotFound && e.Class == Absent }

// Certain reports whether the call certainly changed nothing: Microsoft Graph refused it (4xx), or it was never sent. A
// 5xx, a time-out and a lost connection are uncertain.
func (e *Error) Certain() bool {
	if e.Status == 0 {
		return !e.sent
	}
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout
}
