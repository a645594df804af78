package graph

import (
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

	Absent Class = "absent" // no such object; such an error matches ErrNotFound

	already Class = "already" // done before: no error to callers
)

// NoToken is the Code of an error whose request was never sent because the credential gave no token.
const NoToken = "no-token"

// Error is a call that did not work. Its text holds no URL, no body and no address that the call was made with.
type Error struct {
	Operation  Operation
	Status     int    // 0: no answer
	Code       string // of Microsoft Graph, or NoToken
	Message    string // of Microsoft Graph, verbatim but for addresses
	RequestID  string
	RetryAfter time.Duration // 0: not said; never more than 15 min
	Class      Class

	sent  bool
	cause error
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
