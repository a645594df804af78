package membus_test

import (
	"errors"
	"testing"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/bus/bustest"
	"guestlist/pkg/bus/membus"
	"guestlist/pkg/message"
)

type clock struct{ now time.Time }

func newClock() *clock                { return &clock{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)} }
func (c *clock) Now() time.Time       { return c.now }
func (c *clock) Advance(to time.Time) { c.now = later(c.now, to) }
func later(a, b time.Time) time.Time  { return a.Add(max(0, b.Sub(a))) }

func TestSuite(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		c := newClock()
		b := membus.New(membus.Options{Now: c.Now, DuplicateWindow: time.Hour})
		return bustest.Harness{
			Bus: b,
			Receive: func(t testing.TB, queue string) bustest.Received {
				d, ok := b.Receive(queue)
				if !ok {
					t.Fatalf("nothing is due in %s", queue)
				}
				return bustest.Received{MessageID: d.MessageID, CorrelationID: d.Message.Import, Subject: string(d.Message.Kind),
					LockToken: d.LockToken, Deliveries: d.Deliveries, Message: d.Message}
			},
			Complete: func(t testing.TB, queue, token string) {
				if err := b.Complete(queue, token); err != nil {
					t.Fatal(err)
				}
			},
			SendRaw: func(t testing.TB, queue string, body []byte) { b.SendRaw(queue, body, nil) },
			Now:     c.Now,
			Advance: c.Advance,
		}
	})
}

var invitation = message.Message{Kind: message.Invite, Import: "i", Guest: "g"}

func open(t *testing.T, o membus.Options) (*membus.Bus, *clock) {
	t.Helper()
	c := newClock()
	o.Now = c.Now
	b := membus.New(o)
	if err := b.Send(t.Context(), invitation); err != nil {
		t.Fatal(err)
	}
	return b, c
}

func TestAnExpiredLockDeliversAgain(t *testing.T) {
	t.Parallel()
	b, c := open(t, membus.Options{Lock: time.Minute})
	first, _ := b.Receive(message.Invitations)
	if _, ok := b.Receive(message.Invitations); ok {
		t.Error("a locked message was delivered")
	}
	next, ok := b.Next()
	if !ok || next != c.now.Add(time.Minute) {
		t.Errorf("Next is %s %t, want the end of the lock", next, ok)
	}
	c.Advance(next)
	second, ok := b.Receive(message.Invitations)
	if !ok || second.Deliveries != 2 || second.MessageID != first.MessageID {
		t.Errorf("after the lock: %+v %t", second, ok)
	}
	if err := b.Complete(message.Invitations, first.LockToken); !errors.Is(err, bus.ErrLockLost) {
		t.Errorf("completing by the old token: %v", err)
	}
	if err := b.Complete(message.Invitations, second.LockToken); err != nil {
		t.Error(err)
	}
	if _, ok := b.Next(); ok {
		t.Error("a completed message is still there")
	}
}

func TestAbandonedTooOftenBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	b, _ := open(t, membus.Options{MaxDeliveries: 3})
	for n := range 3 {
		d, ok := b.Receive(message.Invitations)
		if !ok || d.Deliveries != n+1 {
			t.Fatalf("delivery %d: %+v %t", n+1, d, ok)
		}
		if err := b.Abandon(message.Invitations, d.LockToken); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := b.Browse(t.Context(), message.Invitations, 10)
	if err != nil || len(letters) != 1 || letters[0].Reason != "MaxDeliveryCountExceeded" || letters[0].Deliveries != 3 {
		t.Errorf("dead letters are %+v, %v", letters, err)
	}
}

func TestDuplicatesAreForgottenAfterTheWindow(t *testing.T) {
	t.Parallel()
	b, c := open(t, membus.Options{DuplicateWindow: time.Hour})
	for _, want := range []int{1, 2} {
		if err := b.Send(t.Context(), invitation); err != nil {
			t.Fatal(err)
		}
		if got := b.Depth(message.Invitations).Active; got != want {
			t.Errorf("%d active messages, want %d", got, want)
		}
		c.Advance(c.now.Add(time.Hour))
	}
}

func TestRefusalKeepsEverythingAsItWas(t *testing.T) {
	t.Parallel()
	b, _ := open(t, membus.Options{})
	d, _ := b.Receive(message.Invitations)
	down := errors.New("down")
	b.Refuse(down)
	if err := b.Send(t.Context(), invitation); !errors.Is(err, down) {
		t.Errorf("Send: %v", err)
	}
	if err := b.DeadLetter(t.Context(), d.Queue, d.LockToken, "r", "d"); !errors.Is(err, down) {
		t.Errorf("DeadLetter: %v", err)
	}
	b.Refuse(nil)
	if got := len(b.Sent()); got != 1 {
		t.Errorf("%d messages were accepted, want 1", got)
	}
	if err := b.DeadLetter(t.Context(), d.Queue, d.LockToken, "r", "d"); err != nil {
		t.Errorf("DeadLetter after the refusal: %v", err)
	}
	if got, want := b.Depth(message.Invitations), (bus.Depth{Queue: message.Invitations, DeadLettered: 1}); got != want {
		t.Errorf("depth is %+v, want %+v", got, want)
	}
}
