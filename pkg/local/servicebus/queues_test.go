package servicebus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
)

func TestQueuesComeAndGoWhileItRuns(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	info, err := f.server.CreateQueue(servicebus.Queue{Name: "second", UserMetadata: "mine"})
	f.must(err)
	if info.LockDuration != time.Minute || info.MaxDeliveryCount != 10 || info.Status != servicebus.StatusActive || info.Created.IsZero() {
		t.Errorf("%+v", info)
	}
	if _, err := f.server.CreateQueue(servicebus.Queue{Name: "SECOND"}); !errors.Is(err, servicebus.ErrQueueExists) {
		t.Errorf("created twice: %v", err)
	}
	s, err := f.client.NewSender("second", nil)
	f.must(err)
	f.must(s.SendMessage(f.ctx, &azservicebus.Message{Body: make([]byte, 1000)}, nil))
	info, _ = f.server.Queue("Second")
	if info.Stats.Active != 1 || info.Bytes < 1000 || info.Accessed.Before(info.Created) {
		t.Errorf("%+v", info)
	}
	f.must(f.server.DeleteQueue("second"))
	contains(t, s.SendMessage(f.ctx, &azservicebus.Message{}, nil), "The messaging entity 'second' could not be found.")
	if err := f.server.DeleteQueue("second"); !errors.Is(err, servicebus.ErrQueueNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if err := f.server.DeleteQueue("q/$DeadLetterQueue"); !errors.Is(err, servicebus.ErrQueueNotFound) {
		t.Errorf("deleted a dead-letter queue: %v", err)
	}
	if n := len(f.server.Queues()); n != 1 || !f.server.Idle() {
		t.Errorf("%d queues left, idle %v", n, f.server.Idle())
	}
}

func TestUpdatingAQueueDetachesItsLinksAndClientsComeBack(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.send("a")
	r := f.receiver(nil)
	m := f.one(r)
	_, err := f.server.UpdateQueue(servicebus.Queue{Name: "q", MaxDeliveryCount: 1})
	f.must(err)
	f.send("b")
	if b := f.one(r); string(b.Body) != "b" {
		t.Errorf("received %q", b.Body)
	}
	f.must(r.AbandonMessage(f.ctx, &azservicebus.ReceivedMessage{LockToken: m.LockToken}, nil))
	if dead := f.one(f.deadLetters()); string(dead.Body) != "a" {
		t.Errorf("dead letter %q", dead.Body)
	}
	_, err = f.server.UpdateQueue(servicebus.Queue{Name: "q", DuplicateWindow: time.Hour})
	if !errors.Is(err, servicebus.ErrBadSettings) {
		t.Errorf("duplicate detection was turned on: %v", err)
	}
}

// The client's frames that cross our detach must neither confuse the session nor be answered.
func TestDetachByTheServer(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 100)
	r.attachSender(1, "q")
	r.attachReceiver(2, "q")
	_, err := s.UpdateQueue(servicebus.Queue{Name: "q"})
	must(t, err)
	for range 2 {
		if d := read[*amqp.Detach](r); !d.Closed || d.Error.Condition != "amqp:link:detach-forced" {
			t.Errorf("%+v", d)
		}
	}
	r.send(1, 0, &amqp.Message{Body: amqp.AppendValue(nil, "lost")})
	r.credit(2, 0, 5, false)
	r.write(&amqp.Detach{Handle: 1, Closed: true})
	r.write(&amqp.Detach{Handle: 2, Closed: true})
	r.sendAll("after")
	if st := s.Stats()[0]; st.Sent != 1 {
		t.Errorf("%+v", st)
	}
}

func TestDisabledQueuesRefuseLinks(t *testing.T) {
	t.Parallel()
	for status, refused := range map[servicebus.QueueStatus][2]bool{servicebus.StatusActive: {false, false}, servicebus.StatusDisabled: {true, true},
		servicebus.StatusSendDisabled: {true, false}, servicebus.StatusReceiveDisabled: {false, true}} {
		r, s := dial(t, 100)
		_, err := s.UpdateQueue(servicebus.Queue{Name: "q", Status: status})
		must(t, err)
		for i, a := range []*amqp.Attach{{Name: "out", SenderMode: 2, Target: terminus(0x29, "q"), InitialDeliveryCount: new(uint32)},
			{Name: "in", Handle: 1, Receiver: true, ReceiverMode: 1, Source: terminus(0x28, "q")}} {
			r.write(a)
			read[*amqp.Attach](r)
			if refused[i] {
				if d := read[*amqp.Detach](r); d.Error.Condition != "com.microsoft:entity-disabled" {
					t.Errorf("%s: %+v", status, d.Error)
				}
			} else if i == 0 {
				read[*amqp.Flow](r)
			}
		}
		r.write(&amqp.End{})
		read[*amqp.End](r)
	}
}

func TestExpiredMessagesGoWhereTheQueueSays(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{DefaultTTL: 100 * time.Millisecond, DeadLetterExpired: true})
	long := time.Hour // longer than the queue allows
	f.must(f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: []byte("a"), TimeToLive: &long}, nil))
	f.send("b")
	for _, m := range f.many(f.deadLetters(), 2) {
		if *m.DeadLetterReason != "TTLExpiredException" || *m.DeadLetterErrorDescription != "The message expired and was dead lettered." ||
			*m.TimeToLive != 100*time.Millisecond {
			t.Errorf("%q, %q, %s", *m.DeadLetterReason, *m.DeadLetterErrorDescription, *m.TimeToLive)
		}
	}
	if s := f.stats(); s.Expired != 2 {
		t.Errorf("%+v", s)
	}
}

func TestFullQueueRefusesMessages(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{MaxSizeMegabytes: 1})
	var err error
	for range 10 {
		if err = f.sender.SendMessage(f.ctx, &azservicebus.Message{Body: make([]byte, 200_000)}, nil); err != nil {
			break
		}
	}
	contains(t, err, "amqp:resource-limit-exceeded")
	if n := f.stats().Active; n != 6 {
		t.Fatalf("refused after %d messages", n)
	}
	r := f.receiver(&azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	f.many(r, 6)
	f.send("fits again")
}

func TestSizeLimitsOfTheTiers(t *testing.T) {
	t.Parallel()
	s, err := servicebus.Serve(servicebus.Config{Tier: servicebus.Premium, Queues: []servicebus.Queue{{Name: "q"}, {Name: "small", MaxMessageKilobytes: 1024}}})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	f := &fixture{t: t, server: s, ctx: t.Context()}
	f.client = f.connect()
	for queue, refused := range map[string]bool{"q": false, "small": true} {
		sender, err := f.client.NewSender(queue, nil)
		must(t, err)
		err = sender.SendMessage(f.ctx, &azservicebus.Message{Body: make([]byte, 3_000_000)}, nil)
		if (err == azservicebus.ErrMessageTooLarge) != refused || err != nil && !refused {
			t.Errorf("%s: %v", queue, err)
		}
	}
}

func TestWhatIsNotServedIsRefusedByName(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	r, err := f.client.NewReceiverForSubscription("topic", "subscription", nil)
	f.must(err)
	_, err = r.ReceiveMessages(f.ctx, 1, nil)
	wantCode(t, err, azservicebus.CodeNotFound)
	contains(t, err, "no topics and subscriptions")
	_, err = f.client.AcceptSessionForQueue(f.ctx, "q", "s", nil)
	contains(t, err, "serves no sessions")
	_, err = f.server.CreateQueue(servicebus.Queue{Name: "s", RequiresSession: true})
	contains(t, err, `queue "s" asks for sessions: not served by this emulator`)
}

func TestMessagesAreLookedAtWithoutBeingTouched(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	s, err := f.client.NewSender("q", nil)
	f.must(err)
	later := time.Now().Add(time.Hour)
	f.must(s.SendMessage(f.ctx, &azservicebus.Message{Body: []byte("now"), ApplicationProperties: map[string]any{"attempt": int64(2), "source": "x"}}, nil))
	f.must(s.SendMessage(f.ctx, &azservicebus.Message{Body: []byte("later"), ScheduledEnqueueTime: &later}, nil))
	f.must(s.SendMessage(f.ctx, &azservicebus.Message{Body: []byte("dead")}, nil))
	r := f.receiver(nil)
	first := f.one(r)
	f.must(r.DeadLetterMessage(f.ctx, f.one(r), nil))
	all, err := f.server.Messages("q")
	f.must(err)
	if len(all) != 2 || string(all[0].Body) != "now" || !all[0].Locked || all[0].Properties["attempt"] != int64(2) || all[0].Properties["source"] != "x" ||
		string(all[1].Body) != "later" || !all[1].Scheduled || all[1].Locked {
		t.Errorf("%+v", all)
	}
	f.must(r.CompleteMessage(f.ctx, first, nil)) // its lock is as good as before
	dead, err := f.server.Messages("q/$deadletterqueue")
	f.must(err)
	if len(dead) != 1 || string(dead[0].Body) != "dead" {
		t.Errorf("dead letters: %+v", dead)
	}
	if _, err := f.server.Messages("other"); !errors.Is(err, servicebus.ErrQueueNotFound) {
		t.Errorf("no queue: %v", err)
	}
}
