package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/local/servicebus/internal/amqp"
)

func (f *fixture) faults(all ...servicebus.Fault) {
	f.t.Helper()
	f.must(f.server.SetFaults(1, all...))
}

func TestBusyServerIsToldInTheServicesWords(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 100)
	must(t, s.SetFaults(1, servicebus.Fault{Kind: servicebus.ServerBusy, Queue: "Q", Times: 2}))
	r.attachSender(9, "q")
	r.send(9, 0, &amqp.Message{Body: amqp.AppendValue(nil, "a")})
	d := read[*amqp.Disposition](r)
	if refusal(d) != "com.microsoft:server-busy" || !strings.Contains(d.State.(*amqp.Rejected).Error.Description, "50009") {
		t.Errorf("%+v", d)
	}
	if m := r.ask("q/$management", "com.microsoft:peek-message", amqp.Map{}); m.Application.Get("statusCode") != int32(503) {
		t.Errorf("%+v", m.Application.Map())
	}
	r.send(9, 1, &amqp.Message{Body: amqp.AppendValue(nil, "a")})
	if d := read[*amqp.Disposition](r); !accepted(d) {
		t.Errorf("%+v", d)
	}
}

func TestClientsOutliveFaults(t *testing.T) {
	t.Parallel()
	for _, kind := range []servicebus.FaultKind{servicebus.DropConnection, servicebus.DetachLink, servicebus.ServerBusy, servicebus.LoseAnswer} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := start(t, servicebus.Queue{LockDuration: time.Second, MaxDeliveryCount: 100})
			f.faults(servicebus.Fault{Kind: kind, Chance: 0.3, Times: 10})
			for i := range 20 {
				f.send(fmt.Sprint(i))
			}
			r := f.receiver(nil)
			for f.stats().Completed < 20 {
				got, err := r.ReceiveMessages(f.ctx, 5, nil)
				f.must(err)
				for _, m := range got {
					ctx, cancel := context.WithTimeout(f.ctx, time.Second)
					r.CompleteMessage(ctx, m, nil) // after an error the lock expires and the message comes again
					cancel()
				}
			}
		})
	}
}

func TestLostSettlementBringsTheMessageAgain(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{LockDuration: 8 * time.Second}) // time enough to settle
	f.faults(servicebus.Fault{Kind: servicebus.LoseSettlement, Times: 1})
	f.send("a")
	r := f.receiver(nil)
	first := f.one(r)
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error)
	go func() { ended <- r.CompleteMessage(ctx, first, nil) }()
	f.until("the lock to expire", func() bool { return f.stats().LockExpired == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a settlement that nobody answered: %v", err)
	}
	m := f.one(r)
	if m.DeliveryCount != 2 {
		t.Errorf("count %d, want 2", m.DeliveryCount)
	}
	f.finish(r, m)
	f.must(f.server.WaitIdle(f.ctx))
}

func TestMessageIsDeliveredTwiceThoughCompleted(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.faults(servicebus.Fault{Kind: servicebus.DeliverTwice, Times: 1})
	f.send("a")
	r := f.receiver(nil)
	first := f.one(r)
	f.must(r.CompleteMessage(f.ctx, first, nil))
	again := f.one(r)
	if *again.SequenceNumber != *first.SequenceNumber || again.DeliveryCount != 2 {
		t.Errorf("number %d, count %d", *again.SequenceNumber, again.DeliveryCount)
	}
	f.must(r.CompleteMessage(f.ctx, again, nil))
	f.must(f.server.WaitIdle(f.ctx))
}

func TestDelayedOperationIsDoneLater(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	f.faults(servicebus.Fault{Kind: servicebus.Delay, Seconds: 0.2, Times: 1})
	begin := time.Now()
	f.send("a")
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("took %s", took)
	}
	if m := f.one(f.receiver(nil)); string(m.Body) != "a" {
		t.Errorf("received %q", m.Body)
	}
}

func TestThrottleLetsThroughWhatItSays(t *testing.T) {
	t.Parallel()
	r, s := dial(t, 100)
	must(t, s.SetFaults(1, servicebus.Fault{Kind: servicebus.Throttle, PerSecond: 1}))
	r.attachSender(9, "q")
	through := 0
	for i := range 50 {
		r.send(9, uint32(i), &amqp.Message{Body: amqp.AppendValue(nil, "a")})
		if accepted(read[*amqp.Disposition](r)) {
			through++
		}
	}
	if through < 1 || through == 50 {
		t.Errorf("%d of 50 passed", through)
	}
}

// The same seed must strike the same operations.
func TestFaultsAreRepeatable(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (struck []int) {
		r, s := dial(t, 1000)
		must(t, s.SetFaults(seed, servicebus.Fault{Kind: servicebus.ServerBusy, Chance: 0.2}))
		r.attachSender(9, "q")
		for i := range 60 {
			r.send(9, uint32(i), &amqp.Message{Body: amqp.AppendValue(nil, "a")})
			if !accepted(read[*amqp.Disposition](r)) {
				struck = append(struck, i)
			}
		}
		return struck
	}
	one := run(7)
	if d := cmp.Diff(one, run(7)); d != "" || len(one) == 0 || len(one) > 40 {
		t.Errorf("struck %v; %s", one, d)
	}
	if cmp.Equal(one, run(8)) {
		t.Error("another seed strikes the same operations")
	}
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	f := start(t, servicebus.Queue{})
	for _, fault := range []servicebus.Fault{{}, {Kind: "fire"}, {Kind: servicebus.Delay}, {Kind: servicebus.Throttle},
		{Kind: servicebus.ServerBusy, Chance: 2}, {Kind: servicebus.ServerBusy, Times: -1}} {
		if err := f.server.SetFaults(1, fault); err == nil {
			t.Errorf("%+v was taken", fault)
		}
	}
	f.faults()
	f.send("as if nothing had been")
}
