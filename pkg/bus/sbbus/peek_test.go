package sbbus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

func TestDepthsCountWhatIsThere(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	var msgs []message.Message
	for n := range 600 {
		m := invitation(n)
		if n%3 == 0 {
			m.At = time.Now().Add(time.Hour)
		}
		msgs = append(msgs, m)
	}
	if err := b.Send(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	if err := b.DeadLetter(t.Context(), message.Invitations, h.receive(t, message.Invitations).LockToken, "r", "d"); err != nil {
		t.Fatal(err)
	}
	h.receive(t, message.Invitations) // locked, and counted still
	got, err := b.Depths(t.Context(), 1000, message.Invitations, message.Reports)
	want := []bus.Depth{{Queue: message.Invitations, Active: 399, Scheduled: 200, DeadLettered: 1}, {Queue: message.Reports}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("depths (-want +got), %v:\n%s", err, d)
	}
	if got, err := b.Depths(t.Context(), 10, message.Invitations); err != nil || got[0].Active+got[0].Scheduled != 10 {
		t.Errorf("with a limit of 10: %+v, %v", got, err)
	}
}

// TestMessagesAreScheduledByTheClockOfTheirTimes: this process's clock is an hour slow, so that what is past would seem to
// lie ahead.
func TestMessagesAreScheduledByTheClockOfTheirTimes(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	now := time.Now().Add(time.Hour)
	b.Now = func() time.Time { return now }
	past, ahead := invitation(1), invitation(2)
	past.At, ahead.At = now.Add(-time.Minute), now.Add(time.Minute)
	if err := b.Send(t.Context(), past, ahead); err != nil {
		t.Fatal(err)
	}
	got, err := b.Depths(t.Context(), 10, message.Invitations)
	if d := cmp.Diff([]bus.Depth{{Queue: message.Invitations, Active: 1, Scheduled: 1}}, got); d != "" || err != nil {
		t.Errorf("depths (-want +got), %v:\n%s", err, d)
	}
	if d := h.receive(t, message.Invitations); !d.Message.First.Equal(now) {
		t.Errorf("first sent at %s, want %s", d.Message.First, now)
	}
}

// TestALongDeadLetterQueueIsSearchedToItsEnd has more dead letters than one request returns.
func TestALongDeadLetterQueueIsSearchedToItsEnd(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	const n = 600
	var msgs []message.Message
	for i := range n {
		msgs = append(msgs, invitation(i))
	}
	if err := b.Send(t.Context(), msgs...); err != nil {
		t.Fatal(err)
	}
	for range n {
		r := h.receive(t, message.Invitations)
		if err := b.DeadLetter(t.Context(), message.Invitations, r.LockToken, "r", r.Message.Guest); err != nil {
			t.Fatal(err)
		}
	}
	wanted := map[string]bool{"3": true, fmt.Sprint(n - 1): true}
	removed, err := b.Remove(t.Context(), message.Invitations, 5000, func(d bus.DeadLetter) bool { return wanted[d.Description] })
	if removed != len(wanted) || err != nil {
		t.Errorf("Remove returned %d and %v, want %d", removed, err, len(wanted))
	}
	letters, err := b.Browse(t.Context(), message.Invitations, 5000)
	if len(letters) != n-len(wanted) || err != nil {
		t.Errorf("%d dead letters are left and %v, want %d", len(letters), err, n-len(wanted))
	}
	removed, err = b.Remove(t.Context(), message.Invitations, 5000, func(bus.DeadLetter) bool { return true })
	if removed != n-len(wanted) || err != nil {
		t.Errorf("the second Remove returned %d and %v, want all that were given back", removed, err)
	}
}
