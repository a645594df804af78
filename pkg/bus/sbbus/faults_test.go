package sbbus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/bus/sbbus"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

func invitation(n int) message.Message {
	return message.Message{Kind: message.Invite, Import: "i", Guest: fmt.Sprint(n)}
}

func TestALostConnectionIsOpenedAgain(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	if err := b.Send(t.Context(), invitation(0), invitation(1)); err != nil {
		t.Fatal(err)
	}
	first, second := h.receive(t, message.Invitations), h.receive(t, message.Invitations)
	for _, token := range []string{first.LockToken, second.LockToken} {
		if err := b.DeadLetter(t.Context(), message.Invitations, token, "r", "d"); err != nil {
			t.Errorf("DeadLetter: %v", err)
		}
		srv.DropConnections()
	}
	if err := b.Send(t.Context(), invitation(2)); err != nil {
		t.Errorf("Send: %v", err)
	}
	if letters, err := b.Browse(t.Context(), message.Invitations, 10); err != nil || len(letters) != 2 {
		t.Errorf("%d dead letters and %v, want 2", len(letters), err)
	}
}

func TestManySendersShareTheLinks(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b := connect(t, srv)
	const senders = 200
	if err := b.Send(t.Context(), invitation(0)); err != nil { // opens the link
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range senders {
		all.Go(func() {
			if n%100 == 99 { // twice: no send can lose each of the three times that it is tried
				srv.DropConnections()
			}
			if err := b.Send(t.Context(), invitation(n)); err != nil {
				t.Errorf("Send: %v", err)
			}
		})
	}
	all.Wait()
	got := map[string]bool{}
	for n := range senders {
		got[invitation(n).Guest] = false
	}
	h := newHost(t, srv)
	for left := len(got); left > 0; {
		r := h.receive(t, message.Invitations)
		if !got[r.Message.Guest] { // a send that was repeated over a new connection may have arrived twice
			got[r.Message.Guest] = true
			left--
		}
		h.complete(t, message.Invitations, r.LockToken)
	}
}

func TestABrokerThatIsAwayIsAnErrorInTime(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b := connect(t, srv)
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(t.Context(), invitation(0)); err == nil {
		t.Error("Send to nobody succeeded")
	}
}

func TestACancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b := connect(t, srv)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Send(ctx, invitation(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v", err)
	}
	if err := b.DeadLetter(ctx, message.Invitations, "0f3a4c52-9c1e-4f0a-8f6e-1a2b3c4d5e6f", "r", "d"); !errors.Is(err, context.Canceled) {
		t.Errorf("DeadLetter: %v", err)
	}
	if err := b.Send(t.Context(), invitation(0)); err != nil {
		t.Errorf("Send after a cancelled one: %v", err)
	}
}

func TestAMessageTooLargeNamesItself(t *testing.T) {
	t.Parallel()
	b := connect(t, serve(t, 0))
	huge := invitation(1)
	huge.Why = strings.Repeat("w", 2<<20)
	err := b.Send(t.Context(), invitation(0), huge, invitation(2))
	if err == nil || !strings.Contains(err.Error(), "invitations") || !strings.Contains(err.Error(), "too large") {
		t.Errorf("Send: %v, want the queue and the reason", err)
	}
}

func TestAQueueThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	srv, err := servicebus.Serve(servicebus.Config{Queues: []servicebus.Queue{{Name: "other", LockDuration: time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	b := connect(t, srv)
	if err := b.Send(t.Context(), invitation(0)); err == nil || !strings.Contains(err.Error(), message.Invitations) {
		t.Errorf("Send: %v, want an error that names the queue", err)
	}
	if _, err := b.Browse(t.Context(), message.Invitations, 1); err == nil || !strings.Contains(err.Error(), message.Invitations) {
		t.Errorf("Browse: %v, want an error that names the queue", err)
	}
}

func TestABatchThatIsRefusedIsAnError(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b := connect(t, srv)
	if err := b.Send(t.Context(), invitation(0), invitation(1)); err != nil { // opens the link
		t.Fatal(err)
	}
	if err := srv.SetFaults(1, servicebus.Fault{Kind: servicebus.ServerBusy, Queue: message.Invitations}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // the SDK tries again for longer
	defer cancel()
	if err := b.Send(ctx, invitation(2), invitation(3)); err == nil {
		t.Error("Send of a batch that the broker refused succeeded")
	}
}

func TestALongDescriptionIsCutBetweenCharacters(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	if err := b.Send(t.Context(), invitation(0)); err != nil {
		t.Fatal(err)
	}
	text := "x" + strings.Repeat("ü", 5000)
	if err := b.DeadLetter(t.Context(), message.Invitations, h.receive(t, message.Invitations).LockToken, "r", text); err != nil {
		t.Fatal(err)
	}
	letters, err := b.Browse(t.Context(), message.Invitations, 1)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d dead letters, %v", len(letters), err)
	}
	if d := letters[0].Description; len(d) != 4095 || !strings.HasPrefix(text, d) {
		t.Errorf("description has %d bytes and ends with %q", len(d), d[len(d)-4:])
	}
}

func TestALetterThatAnotherProcessHoldsIsLeftAlone(t *testing.T) {
	t.Parallel()
	srv := serve(t, 0)
	b, h := connect(t, srv), newHost(t, srv)
	for n := range 2 {
		if err := b.Send(t.Context(), invitation(n)); err != nil {
			t.Fatal(err)
		}
		if err := b.DeadLetter(t.Context(), message.Invitations, h.receive(t, message.Invitations).LockToken, "r", fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
	h.holdDead(t, message.Invitations)
	n, err := b.Remove(t.Context(), message.Invitations, 10, func(bus.DeadLetter) bool { return true })
	if n != 1 || err != nil {
		t.Errorf("Remove returned %d and %v, want 1", n, err)
	}
}

func TestSettingsThatCannotWorkAreRefusedWithoutACall(t *testing.T) {
	t.Parallel()
	if _, err := sbbus.FromConnectionString("Endpoint=nowhere"); err == nil {
		t.Error("a broken connection string is accepted")
	}
	if _, err := sbbus.FromCredential("", nil); err == nil {
		t.Error("a namespace without name is accepted")
	}
}
