package servicebus_test

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	gocmp "github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/servicebus"
)

func TestMessageArrivesAsItWasSent(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	id, subject, correlation, kind, to, ttl := "id-1", "invite", "import-1", "application/json", "dest", time.Hour
	f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{MessageID: &id, Subject: &subject, CorrelationID: &correlation,
		ContentType: &kind, To: &to, TimeToLive: &ttl, Body: []byte(`{"a":1}`),
		ApplicationProperties: map[string]any{"attempt": int64(3), "source": "partners", "flag": true}}, nil))
	m := f.one(f.receiver(nil))
	type view struct {
		ID, Subject, Correlation, Kind, To, Body string
		TTL                                      time.Duration
		Properties                               map[string]any
		Deliveries                               uint32
		Sequence                                 int64
		State                                    azservicebus.MessageState
	}
	got := view{m.MessageID, *m.Subject, *m.CorrelationID, *m.ContentType, *m.To, string(m.Body), *m.TimeToLive,
		m.ApplicationProperties, m.DeliveryCount, *m.SequenceNumber, m.State}
	want := view{id, subject, correlation, kind, to, `{"a":1}`, ttl,
		map[string]any{"attempt": int64(3), "source": "partners", "flag": true}, 1, 1, azservicebus.MessageStateActive}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if until := time.Until(*m.LockedUntil); until < 50*time.Second || until > time.Minute {
		t.Errorf("locked for %s, want the default of a minute", until)
	}
	if age := time.Since(*m.EnqueuedTime); age < -time.Second || age > time.Minute {
		t.Errorf("enqueued %s ago", age)
	}
}

func TestServiceAssignsAMissingMessageID(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	if m := f.one(f.receiver(nil)); m.MessageID == "" {
		t.Error("no message id")
	}
}

func TestCompletedMessageIsGone(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	if f.server.Idle() || f.stats().Locked != 1 || f.stats().Active != 1 {
		t.Errorf("while locked: idle %v, %+v", f.server.Idle(), f.stats())
	}
	f.must(r.CompleteMessage(f.ctx, m, nil))
	f.must(f.server.WaitIdle(f.ctx))
	if d := gocmp.Diff(servicebus.QueueStats{Name: "q", Sent: 1, Completed: 1}, f.stats()); d != "" {
		t.Error(d)
	}
	wantCode(t, r.CompleteMessage(f.ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil), azservicebus.CodeLockLost)
}

func TestAbandonedMessageComesBackCountedAndChanged(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	f.must(r.AbandonMessage(f.ctx, m, &azservicebus.AbandonMessageOptions{PropertiesToModify: map[string]any{"why": "later"}}))
	again := f.one(r)
	if again.DeliveryCount != 2 || again.ApplicationProperties["why"] != "later" || *again.SequenceNumber != *m.SequenceNumber {
		t.Errorf("count %d, properties %v, number %d", again.DeliveryCount, again.ApplicationProperties, *again.SequenceNumber)
	}
}

func TestRenewedLockOutlivesTheLockDuration(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{LockDuration: 8 * time.Second})
	f.send("a", "b")
	r := f.receiver(nil)
	both := f.many(r, 2)
	first := *both[0].LockedUntil
	for time.Now().Before(first.Add(time.Second)) { // b's lock ends at first, and what a's first renewal gave soon after it
		f.must(r.RenewMessageLock(f.ctx, both[0], nil))
		<-time.After(50 * time.Millisecond)
	}
	f.until("b's lock to expire", func() bool { return f.stats().LockExpired >= 1 })
	f.must(r.CompleteMessage(f.ctx, both[0], nil))
	wantCode(t, r.RenewMessageLock(f.ctx, both[1], nil), azservicebus.CodeLockLost)
}

func TestExpiredLockLosesTheMessageToTheNextReceiver(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{LockDuration: time.Second})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	again := f.one(r)
	if again.DeliveryCount != 2 {
		t.Errorf("count %d, want 2", again.DeliveryCount)
	}
	wantCode(t, r.CompleteMessage(f.ctx, m, nil), azservicebus.CodeLockLost)
	f.finish(r, again)
}

func TestDeadReceiversMessagesGoToTheOtherOne(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{LockDuration: 2 * time.Second})
	f.send("a", "b", "c", "d")
	doomed := f.connect()
	f.many(f.receiverOf(doomed, nil), 4)
	f.must(doomed.Close(f.ctx))
	r := f.receiver(nil)
	for range 4 {
		m := f.one(r)
		if n, ended := m.DeliveryCount, f.stats().LockExpired; n < 2 || n > 2 && ended == 4 { // a slow machine lets more locks end
			t.Errorf("%s: count %d after the end of %d locks, want 2", m.Body, n, ended)
		}
		f.finish(r, m)
	}
	f.must(f.server.WaitIdle(f.ctx))
}

func TestDeadLetterOnTheLinkKeepsReasonAndCount(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	f.must(r.AbandonMessage(f.ctx, f.one(r), nil))
	reason, text := "rejected", "no such group"
	f.must(r.DeadLetterMessage(f.ctx, f.one(r), &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &text,
		PropertiesToModify: map[string]any{"row": int64(7)}}))
	dead := f.deadLetters()
	m := f.one(dead)
	if *m.DeadLetterReason != reason || *m.DeadLetterErrorDescription != text || m.ApplicationProperties["row"] != int64(7) {
		t.Errorf("reason %v, description %v, properties %v", *m.DeadLetterReason, *m.DeadLetterErrorDescription, m.ApplicationProperties)
	}
	if m.DeliveryCount != 2 {
		t.Errorf("count %d, want 2", m.DeliveryCount)
	}
	f.must(dead.AbandonMessage(f.ctx, m, nil))
	if m = f.one(dead); m.DeliveryCount != 2 {
		t.Errorf("count %d after abandoning the dead letter, want 2", m.DeliveryCount)
	}
	if !f.server.Idle() || f.stats().DeadLettered != 1 {
		t.Errorf("dead letters must not count as busy: %+v", f.stats())
	}
	f.must(dead.CompleteMessage(f.ctx, m, nil))
	if n := f.stats().DeadLettered; n != 0 {
		t.Errorf("%d dead letters left", n)
	}
}

func TestAnotherClientDeadLettersByLockToken(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a", "b")
	r := f.receiver(nil)
	both := f.many(r, 2)
	other := f.receiverOf(f.connect(), nil)
	reason, text := "never", "address unknown"
	byToken := &azservicebus.ReceivedMessage{LockToken: both[0].LockToken}
	f.must(other.RenewMessageLock(f.ctx, byToken, nil))
	f.must(other.DeadLetterMessage(f.ctx, byToken, &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &text}))
	wantCode(t, other.DeadLetterMessage(f.ctx, byToken, nil), azservicebus.CodeLockLost)
	wantCode(t, r.CompleteMessage(f.ctx, both[0], nil), azservicebus.CodeLockLost)
	f.must(r.CompleteMessage(f.ctx, both[1], nil))
	if m := f.one(f.deadLetters()); *m.DeadLetterReason != reason || *m.DeadLetterErrorDescription != text {
		t.Errorf("reason %q, description %q", *m.DeadLetterReason, *m.DeadLetterErrorDescription)
	}
}

func TestClosingAReceiverKeepsItsLocks(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	f.must(r.Close(f.ctx))
	f.must(f.receiver(nil).CompleteMessage(f.ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil))
	f.must(f.server.WaitIdle(f.ctx))
}

func TestMaxDeliveryCountBuriesTheMessage(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{MaxDeliveryCount: 3})
	f.send("a")
	r := f.receiver(nil)
	for range 3 {
		f.must(r.AbandonMessage(f.ctx, f.one(r), nil))
	}
	m := f.one(f.deadLetters())
	if *m.DeadLetterReason != "MaxDeliveryCountExceeded" {
		t.Errorf("reason %q", *m.DeadLetterReason)
	}
}

func TestDeferredMessageIsReceivedByNumberOnly(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a", "b")
	r := f.receiver(nil)
	m := f.one(r)
	f.must(r.DeferMessage(f.ctx, m, nil))
	if b := f.one(r); string(b.Body) != "b" {
		t.Errorf("received %q, want b", b.Body)
	}
	peeked, err := r.PeekMessages(f.ctx, 5, nil)
	f.must(err)
	if len(peeked) != 2 || peeked[0].State != azservicebus.MessageStateDeferred {
		t.Fatalf("peeked %d", len(peeked))
	}
	back, err := r.ReceiveDeferredMessages(f.ctx, []int64{*m.SequenceNumber}, nil)
	f.must(err)
	f.must(r.AbandonMessage(f.ctx, back[0], nil))
	back, err = r.ReceiveDeferredMessages(f.ctx, []int64{*m.SequenceNumber}, nil)
	f.must(err)
	if back[0].DeliveryCount != 2 {
		t.Errorf("count %d, want 2: abandoning a deferred message counts and keeps it deferred", back[0].DeliveryCount)
	}
	f.must(r.CompleteMessage(f.ctx, back[0], nil))
	if s := f.stats(); s.Deferred != 0 || s.Active != 1 {
		t.Errorf("%+v", s)
	}
}

func TestBatchArrivesWhole(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	b, err := f.sender.NewMessageBatch(f.ctx, nil)
	f.must(err)
	for i := range 500 {
		f.must(b.AddMessage(&azservicebus.Message{Body: bytes.Repeat([]byte{byte(i)}, 100)}, nil))
	}
	f.must(f.sender.SendMessageBatch(f.ctx, b, nil))
	all := f.many(f.receiver(nil), 500)
	slices.SortFunc(all, func(a, b *azservicebus.ReceivedMessage) int { // the client gives some back between two calls
		return cmp.Compare(*a.SequenceNumber, *b.SequenceNumber)
	})
	for i, m := range all {
		if !bytes.Equal(m.Body, bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Fatalf("message %d is another", i)
		}
	}
}

func TestLargeMessageTakesManyFrames(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	body := bytes.Repeat([]byte("guest"), 40_000)
	f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: body}, nil))
	r := f.receiver(nil)
	m := f.one(r)
	if !bytes.Equal(m.Body, body) {
		t.Errorf("%d bytes came back of %d", len(m.Body), len(body))
	}
	f.must(r.CompleteMessage(f.ctx, m, nil))
}

func TestTooLargeMessageIsRefused(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	err := f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: make([]byte, 300_000)}, nil)
	if err != azservicebus.ErrMessageTooLarge {
		t.Errorf("error %v", err)
	}
	f.send("a")
}

func TestReceiveAndDeleteLeavesNothing(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a", "b")
	f.many(f.receiver(&azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete}), 2)
	if !f.server.Idle() {
		t.Errorf("%+v", f.stats())
	}
}

func TestUnknownQueueIsNotFound(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	s, err := f.client.NewSender("nowhere", nil)
	f.must(err)
	wantCode(t, s.SendMessage(f.ctx, &azservicebus.Message{}, nil), azservicebus.CodeNotFound)
	r, err := f.client.NewReceiverForQueue("nowhere", nil)
	f.must(err)
	_, err = r.ReceiveMessages(f.ctx, 1, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
}

func TestQueueNamesIgnoreCase(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{Name: "Q"})
	f.send("a")
	f.one(f.receiver(nil))
}
