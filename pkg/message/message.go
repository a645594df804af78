// Package message holds the wire types of Guestlist's queues and the verdicts that a step returns. It is the floor:
// it imports the standard library only, and everything else may import it.
//
// A message carries keys only (import, guest, target); the data it is about lies in the ledger, so nothing secret and
// nothing large travels. Start with [Message], [Decode] and [Later].
package message

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind names what a message asks for. It travels in the body and, for people with a queue browser, as the subject.
type Kind string

// The kinds of message. Event is the only one that Guestlist does not write itself: its body is an Event Grid event.
const (
	Event  Kind = "event"
	Stage  Kind = "stage"
	Plan   Kind = "plan"
	Invite Kind = "invite"
	Assign Kind = "assign"
	Notify Kind = "notify"
	Report Kind = "report"
)

// The queues, one per function that is triggered by a message.
const (
	Uploads       = "uploads"
	Invitations   = "invitations"
	Assignments   = "assignments"
	Notifications = "notifications"
	Reports       = "reports"
)

// Queues lists every queue, in the order in which work flows through them.
var Queues = []string{Uploads, Invitations, Assignments, Notifications, Reports}

// Version is the version of the body that this package writes. Decode reads this version and every older one.
const Version = 1

// Message is one unit of work. The first block is the body, the second travels as application properties.
type Message struct {
	Kind   Kind   `json:"kind"`
	Import string `json:"import,omitempty"`
	Guest  string `json:"guest,omitempty"`
	Target int    `json:"target,omitempty"` // index into the entry's targets; assign only
	Part   int    `json:"part,omitempty"`   // plan: the part to go on with
	After  string `json:"after,omitempty"`  // plan: the last guest key handled in Part
	Nonce  string `json:"nonce,omitempty"`  // report: makes the id random

	// Event is the untouched body of an Event message.
	Event json.RawMessage `json:"-"`

	Attempt    int       `json:"-"` // 1 on the first delivery, grows with every failed attempt
	Delay      int       `json:"-"` // grows with every Later
	Generation int       `json:"-"` // of the step; raised in the ledger by sweep and replay
	Source     string    `json:"-"`
	Trace      string    `json:"-"` // W3C traceparent
	First      time.Time `json:"-"` // when the first copy of this message was sent
	Due        time.Time `json:"-"` // when the ledger expects the message to act; zero means First
	Why        string    `json:"-"` // the class of the last Later with a budget
	Since      time.Time `json:"-"` // when it was first given; its budget is measured from here

	// At is the earliest time of delivery; zero means now. It is not read back.
	At time.Time `json:"-"`
}

// Queue returns the queue that carries messages of m's kind.
func (m Message) Queue() string {
	switch m.Kind {
	case Invite:
		return Invitations
	case Assign:
		return Assignments
	case Notify:
		return Notifications
	case Report:
		return Reports
	default:
		return Uploads
	}
}

// Expected returns when the ledger expects m to act, as far as m knows; zero if it does not.
func (m Message) Expected() time.Time {
	if m.Due.IsZero() {
		return m.First
	}
	return m.Due
}

// ID returns the message id: a hash of what the message asks for and of its attempt, delay and generation. Sending the
// same message again after a crash gives the same id; a new intention gives a new one.
func (m Message) ID() string {
	h := sha256.New()
	for _, s := range []string{string(m.Kind), m.Import, m.Guest, strconv.Itoa(m.Target), strconv.Itoa(m.Part), m.After,
		m.Nonce, string(m.Event), strconv.Itoa(m.Attempt), strconv.Itoa(m.Delay), strconv.Itoa(m.Generation)} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ImportID returns the id of the import of one version of one blob: 20 hexadecimal digits. The ETag may be quoted (as in
// HTTP headers) or not (as in Event Grid events).
func ImportID(account, container, path, etag string) string {
	return key(20, account, container, path, strings.Trim(etag, `"`))
}

// GuestKey returns the key of a guest: 32 hexadecimal digits, a hash of the normalised address. It says nothing about
// letter case; it is not secret, since addresses can be guessed.
func GuestKey(address string) string {
	return key(32, strings.ToLower(strings.TrimSpace(address)))
}

func key(digits int, parts ...string) string {
	h := sha256.New()
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:digits/2])
}

// NewReport returns a report message for the import of m. Its id is random: results are written idempotently, and a
// report that is asked for anew must not be taken for a duplicate of one that came too early.
func NewReport(m Message) Message {
	return Message{Kind: Report, Import: m.Import, Source: m.Source, Trace: m.Trace, Nonce: rand.Text()}
}
