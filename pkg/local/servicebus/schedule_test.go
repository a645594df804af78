package servicebus_test

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/servicebus"
)

func (f *fixture) sendAt(id string, at time.Time) {
	f.t.Helper()
	f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{MessageID: &id, ScheduledEnqueueTime: &at, Body: []byte(id)}, nil))
}

func TestScheduledMessageComesAtItsTime(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("now") // opens the sender's link, which takes its time on a busy machine
	r := f.receiver(nil)
	f.must(r.CompleteMessage(f.ctx, f.one(r), nil))
	at := time.Now().Add(8 * time.Second)
	f.sendAt("later", at)
	if s := f.stats(); s.Scheduled != 1 || s.Active != 0 || f.server.Idle() {
		t.Errorf("idle %v, %+v", f.server.Idle(), s)
	}
	m := f.one(r)
	if early := time.Until(at); early > time.Millisecond {
		t.Errorf("came %s early", early)
	}
	if m.EnqueuedTime.Before(at.Add(-time.Millisecond)) {
		t.Errorf("enqueued at %s, want %s", m.EnqueuedTime, at)
	}
	f.must(r.CompleteMessage(f.ctx, m, nil))
}

func TestScheduleCancelAndPeekThroughManagement(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	at := time.Now().Add(time.Hour)
	numbers, err := f.sender.ScheduleMessages(f.ctx, []*azservicebus.Message{{Body: []byte("a")}, {Body: []byte("b")}}, at, nil)
	f.must(err)
	r := f.receiver(nil)
	peeked, err := r.PeekMessages(f.ctx, 10, nil)
	f.must(err)
	if len(peeked) != 2 || peeked[0].State != azservicebus.MessageStateScheduled || *peeked[1].SequenceNumber != numbers[1] {
		t.Fatalf("peeked %d messages, scheduled %v", len(peeked), numbers)
	}
	f.must(f.sender.CancelScheduledMessages(f.ctx, numbers, nil))
	if !f.server.Idle() {
		t.Errorf("%+v", f.stats())
	}
	wantCode(t, f.sender.CancelScheduledMessages(f.ctx, numbers, nil), azservicebus.CodeNotFound)
	peeked, err = r.PeekMessages(f.ctx, 10, nil)
	if err != nil || len(peeked) != 0 {
		t.Errorf("peeked %d, %v", len(peeked), err)
	}
}

func TestDuplicatesAreDroppedEvenAfterCompletion(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{DuplicateWindow: time.Hour})
	f.sendID("a")
	f.sendID("a")
	r := f.receiver(nil)
	f.must(r.CompleteMessage(f.ctx, f.one(r), nil))
	f.sendID("a")
	f.sendAt("a", time.Now().Add(time.Hour))
	f.sendAt("b", time.Now().Add(time.Hour))
	f.sendID("b")
	want := servicebus.QueueStats{Name: "q", Scheduled: 1, Sent: 6, Completed: 1, DuplicatesDropped: 4}
	if d := cmp.Diff(want, f.stats()); d != "" {
		t.Error(d)
	}
}

func TestWithoutDetectionDuplicatesPass(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.sendID("a")
	f.sendID("a")
	if s := f.stats(); s.Active != 2 {
		t.Errorf("%+v", s)
	}
}

func TestKnownIDPassesAgainAfterTheWindow(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{DuplicateWindow: 100 * time.Millisecond})
	f.sendID("a")
	f.until("the id to be forgotten", func() bool {
		f.sendID("a")
		return f.stats().Active == 2
	})
}
