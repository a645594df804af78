package bustest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/message"
)

func deadLetter(t *testing.T, h Harness) {
	want := invite(0)
	send(t, h, want)
	got := h.Receive(t, message.Invitations)
	text := "Die Gruppe „Ärzte“ gibt es nicht"
	if err := h.Bus.DeadLetter(t.Context(), message.Invitations, got.LockToken, "group.unknown", text); err != nil {
		t.Fatalf("DeadLetter: %v", err)
	}
	letters, err := h.Bus.Browse(t.Context(), message.Invitations, 10)
	if err != nil || len(letters) != 1 {
		t.Fatalf("Browse returned %d dead letters and %v", len(letters), err)
	}
	d := letters[0]
	if d.Queue != message.Invitations || d.Reason != "group.unknown" || d.Description != text || d.Sequence == 0 {
		t.Errorf("dead letter is %+v", d)
	}
	if diff := diff(want, d.Message); diff != "" || d.Unreadable != nil {
		t.Errorf("dead message differs (-want +got), %v:\n%s", d.Unreadable, diff)
	}
	if age := h.Now().Sub(d.Enqueued); age < -time.Second || age > time.Minute {
		t.Errorf("dead letter was enqueued at %s, now is %s", d.Enqueued, h.Now())
	}
}

func settledOnce(t *testing.T, h Harness) {
	send(t, h, invite(0), invite(1))
	buried, completed := h.Receive(t, message.Invitations), h.Receive(t, message.Invitations)
	if err := h.Bus.DeadLetter(t.Context(), message.Invitations, buried.LockToken, "r", "0"); err != nil {
		t.Fatalf("DeadLetter: %v", err)
	}
	h.Complete(t, message.Invitations, completed.LockToken)
	wantLockLost(t, h.Bus.DeadLetter(t.Context(), message.Invitations, buried.LockToken, "r", "again"))
	wantLockLost(t, h.Bus.DeadLetter(t.Context(), message.Invitations, completed.LockToken, "r", "again"))
	wantLetters(t, h, 10, "0")
}

func unknownToken(t *testing.T, h Harness) {
	err := h.Bus.DeadLetter(t.Context(), message.Invitations, "0f3a4c52-9c1e-4f0a-8f6e-1a2b3c4d5e6f", "r", "d")
	wantLockLost(t, err)
}

func badToken(t *testing.T, h Harness) {
	for _, token := range []string{"", "no token", strings.Repeat("0", 30)} {
		if err := h.Bus.DeadLetter(t.Context(), message.Invitations, token, "r", "d"); err == nil || errors.Is(err, bus.ErrLockLost) {
			t.Errorf("lock token %q: got %v, want an error that is not ErrLockLost", token, err)
		}
	}
}

func browse(t *testing.T, h Harness) {
	bury(t, h, 3)
	wantLetters(t, h, 10, "0", "1", "2")
	wantLetters(t, h, 10, "0", "1", "2")
}

func browseLimit(t *testing.T, h Harness) {
	bury(t, h, 3)
	wantLetters(t, h, 2, "0", "1")
	wantLetters(t, h, 0)
}

func remove(t *testing.T, h Harness) {
	bury(t, h, 5)
	asked := map[string]int{}
	n, err := h.Bus.Remove(t.Context(), message.Invitations, 10, func(d bus.DeadLetter) bool {
		asked[d.Description]++
		return d.Description == "1" || d.Description == "3"
	})
	if n != 2 || err != nil {
		t.Errorf("Remove returned %d and %v, want 2", n, err)
	}
	for _, d := range []string{"0", "1", "2", "3", "4"} {
		if asked[d] != 1 {
			t.Errorf("remove was asked %d times about dead letter %s", asked[d], d)
		}
	}
	wantLetters(t, h, 10, "0", "2", "4")
	// given back means that the next one gets them at once
	if n, err := h.Bus.Remove(t.Context(), message.Invitations, 10, func(bus.DeadLetter) bool { return true }); n != 3 || err != nil {
		t.Errorf("the second Remove returned %d and %v, want 3", n, err)
	}
	wantLetters(t, h, 10)
}

func removeLimit(t *testing.T, h Harness) {
	bury(t, h, 3)
	n, err := h.Bus.Remove(t.Context(), message.Invitations, 2, func(bus.DeadLetter) bool { return true })
	if n != 2 || err != nil {
		t.Errorf("Remove returned %d and %v, want 2", n, err)
	}
	wantLetters(t, h, 10, "2")
}

func removeNothing(t *testing.T, h Harness) {
	bury(t, h, 2)
	n, err := h.Bus.Remove(t.Context(), message.Invitations, 10, func(bus.DeadLetter) bool { return false })
	if n != 0 || err != nil {
		t.Errorf("Remove returned %d and %v, want 0", n, err)
	}
	wantLetters(t, h, 10, "0", "1")
}

func unreadable(t *testing.T, h Harness) {
	h.SendRaw(t, message.Invitations, []byte("hello"))
	got := h.Receive(t, message.Invitations)
	if err := h.Bus.DeadLetter(t.Context(), message.Invitations, got.LockToken, "message.unreadable", "0"); err != nil {
		t.Fatalf("DeadLetter: %v", err)
	}
	letters, err := h.Bus.Browse(t.Context(), message.Invitations, 10)
	if err != nil || len(letters) != 1 || letters[0].Unreadable == nil || letters[0].Message.Kind != "" {
		t.Errorf("Browse returned %+v and %v, want one unreadable dead letter", letters, err)
	}
}
