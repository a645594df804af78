// Package bustest is the suite that every adapter of pkg/bus passes: what steps rely on, tested through the contract and
// through the eyes of a host that receives the messages.
//
// Call [Run] from the adapter's test with a function that opens a fresh, empty broker.
package bustest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

// Bus is what an adapter implements.
type Bus interface {
	bus.Sender
	bus.DeadLetterer
	bus.DeadLetters
}

// Received is a message as the host sees it, locked.
type Received struct {
	MessageID, CorrelationID, Subject string // "" where an adapter has none
	LockToken                         string
	Deliveries                        int
	Message                           message.Message
}

// Harness is a broker with the queues of pkg/message, their lock at least ten seconds, duplicate detection on.
type Harness struct {
	Bus Bus
	// Receive locks the next message of a queue, over another connection than Bus uses; it waits for one.
	Receive func(t testing.TB, queue string) Received
	// Complete ends a received message.
	Complete func(t testing.TB, queue, lockToken string)
	// SendRaw sends a body of somebody else.
	SendRaw func(t testing.TB, queue string, body []byte)
	// Now is the broker's clock; Advance brings it to t or lets the next Receive wait until then.
	Now     func() time.Time
	Advance func(t time.Time)
}

// Run runs the suite; open is called once per test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"a message arrives as it was sent", arrives},
		{"each kind goes to its queue", kinds},
		{"an event's body is left alone", event},
		{"a scheduled message waits for its time", scheduled},
		{"many messages in one call all arrive", many},
		{"nothing to send is no error", none},
		{"the same message sent again is the same message", repeated},
		{"a dead letter carries its reason", deadLetter},
		{"a lock token settles once", settledOnce},
		{"an unknown lock token is a lost lock", unknownToken},
		{"a lock token that is no GUID is refused", badToken},
		{"browsing changes nothing", browse},
		{"browsing keeps to its limit, oldest first", browseLimit},
		{"remove takes what is picked and gives the rest back", remove},
		{"remove looks no further than its limit", removeLimit},
		{"remove with nothing picked leaves all in place", removeNothing},
		{"a dead letter of a stranger is readable as such", unreadable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, open(t))
		})
	}
}

func invite(n int) message.Message {
	return message.Message{Kind: message.Invite, Import: "0123456789abcdef0123",
		Guest: message.GuestKey(fmt.Sprintf("guest%d@example.com", n)), Attempt: 1, Generation: 1, Source: "partners"}
}

func send(t *testing.T, h Harness, msgs ...message.Message) {
	t.Helper()
	if err := h.Bus.Send(t.Context(), msgs...); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

// bury sends n invitations, one after the other, and dead-letters each, so that their age has one order everywhere.
func bury(t *testing.T, h Harness, n int) []message.Message {
	t.Helper()
	var msgs []message.Message
	for i := range n {
		m := invite(i)
		send(t, h, m)
		got := h.Receive(t, message.Invitations)
		err := h.Bus.DeadLetter(t.Context(), message.Invitations, got.LockToken, "test.reason", fmt.Sprint(i))
		if err != nil {
			t.Fatalf("DeadLetter: %v", err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

// diff compares what a test made with what arrived: First is set by Send, At does not travel.
func diff(want, got message.Message) string {
	return cmp.Diff(want, got, cmpopts.IgnoreFields(message.Message{}, "First", "At"))
}

func descriptions(letters []bus.DeadLetter) []string {
	out := []string{}
	for _, d := range letters {
		out = append(out, d.Description)
	}
	return out
}

func wantLetters(t *testing.T, h Harness, limit int, want ...string) {
	t.Helper()
	letters, err := h.Bus.Browse(t.Context(), message.Invitations, limit)
	if err != nil {
		t.Fatalf("Browse: %v", err)
	}
	if got := descriptions(letters); !slices.Equal(got, want) {
		t.Errorf("dead letters are %q, want %q", got, want)
	}
}

func wantLockLost(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, bus.ErrLockLost) {
		t.Errorf("got %v, want ErrLockLost", err)
	}
}
