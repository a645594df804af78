package bustest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/message"
)

func arrives(t *testing.T, h Harness) {
	since := time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC)
	want := message.Message{Kind: message.Assign, Import: "0123456789abcdef0123", Guest: message.GuestKey("a@example.com"),
		Target: 3, Attempt: 4, Delay: 2, Generation: 5, Source: "partners", Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Why: "the group is not there yet", Since: since, First: since.Add(-time.Hour)}
	send(t, h, want)
	got := h.Receive(t, message.Assignments)
	if d := diff(want, got.Message); d != "" {
		t.Errorf("received message differs (-want +got):\n%s", d)
	}
	if !got.Message.First.Equal(want.First) {
		t.Errorf("First is %s, want %s", got.Message.First, want.First)
	}
	if got.MessageID != want.ID() || got.CorrelationID != want.Import || got.Subject != string(want.Kind) {
		t.Errorf("message id, correlation id and subject are %q %q %q, want %q %q %q",
			got.MessageID, got.CorrelationID, got.Subject, want.ID(), want.Import, want.Kind)
	}
	if got.Deliveries != 1 {
		t.Errorf("first delivery has number %d", got.Deliveries)
	}
}

func kinds(t *testing.T, h Harness) {
	all := map[message.Kind]string{message.Stage: message.Uploads, message.Plan: message.Uploads,
		message.Invite: message.Invitations, message.Assign: message.Assignments, message.Notify: message.Notifications,
		message.Report: message.Reports}
	var msgs []message.Message
	for kind := range all {
		msgs = append(msgs, message.Message{Kind: kind, Import: "i"})
	}
	before := h.Now()
	send(t, h, msgs...)
	for range msgs {
		kind := msgs[0].Kind
		msgs = msgs[1:]
		got := h.Receive(t, all[kind])
		h.Complete(t, all[kind], got.LockToken)
		if all[got.Message.Kind] != all[kind] {
			t.Errorf("queue %s holds a message of kind %s", all[kind], got.Message.Kind)
		}
		if got.Message.Attempt != 1 || got.MessageID != got.Message.ID() {
			t.Errorf("%s: attempt %d and message id %s, want attempt 1 and id %s",
				got.Message.Kind, got.Message.Attempt, got.MessageID, got.Message.ID())
		}
		if first := got.Message.First; first.Before(before.Add(-time.Second)) || first.After(h.Now().Add(time.Second)) {
			t.Errorf("%s: First is %s, want the time of sending, %s", got.Message.Kind, first, before)
		}
	}
}

func event(t *testing.T, h Harness) {
	body := `[{"eventType":"Microsoft.Storage.BlobCreated",   "data":{"url":"https://a/b/ü.csv"}}]`
	send(t, h, message.Message{Kind: message.Event, Event: json.RawMessage(body), Attempt: 2})
	got := h.Receive(t, message.Uploads).Message
	if string(got.Event) != body || got.Attempt != 2 || got.Kind != message.Event {
		t.Errorf("received %s attempt %d %s, want %s", got.Kind, got.Attempt, got.Event, body)
	}
}

func scheduled(t *testing.T, h Harness) {
	send(t, h, invite(3)) // opens the links, which takes its time on a busy machine
	h.Complete(t, message.Invitations, h.Receive(t, message.Invitations).LockToken)
	later, sooner, now := invite(0), invite(1), invite(2)
	later.At, sooner.At, now.At = h.Now().Add(4*time.Second), h.Now().Add(3*time.Second), h.Now().Add(-time.Hour)
	send(t, h, later, sooner, now)
	for _, want := range []message.Message{now, sooner, later} {
		h.Advance(want.At)
		got := h.Receive(t, message.Invitations)
		h.Complete(t, message.Invitations, got.LockToken)
		if got.MessageID != want.ID() {
			t.Errorf("received %s, want %s", got.MessageID, want.ID())
		}
		// brokers keep milliseconds
		if early := want.At.Sub(h.Now()); early > time.Millisecond {
			t.Errorf("a message came %s too early", early)
		}
	}
}

func many(t *testing.T, h Harness) {
	const n = 1500
	var msgs []message.Message
	want := map[string]bool{}
	for i := range n {
		m := invite(i)
		// about 600 bytes each, so that they need more than one batch of 256 KiB
		m.Why = strings.Repeat("w", 400)
		msgs = append(msgs, m)
		want[m.ID()] = true
	}
	send(t, h, msgs...)
	for range n {
		got := h.Receive(t, message.Invitations)
		if !want[got.MessageID] {
			t.Fatalf("received %s, which was not sent or was received before", got.MessageID)
		}
		delete(want, got.MessageID)
		h.Complete(t, message.Invitations, got.LockToken)
	}
}

func none(t *testing.T, h Harness) { send(t, h) }

func repeated(t *testing.T, h Harness) {
	first, second := invite(0), invite(1)
	send(t, h, first, first)
	send(t, h, first)
	send(t, h, second)
	for _, want := range []message.Message{first, second} {
		got := h.Receive(t, message.Invitations)
		if got.MessageID != want.ID() {
			t.Errorf("received %s, want %s", got.MessageID, want.ID())
		}
	}
}
