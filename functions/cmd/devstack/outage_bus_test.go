package main

import (
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
)

// TestOutageServiceBus: connections end and are refused for a while, shortly and for longer than a lock lasts; then everything
// is answered with 50009, and at last nothing is answered at all. The queues keep what they have.
func TestOutageServiceBus(t *testing.T) {
	t.Parallel()
	w, l := wiredWorld(t, nil)
	w.through(60, 4*time.Minute, 1, 6, func(d *drop) {
		for _, out := range []struct{ at, seconds int }{{0, 10}, {20, 65}} {
			w.reaches(d, out.at)
			l.bus.cut()
			w.during(time.Duration(out.seconds) * time.Second)
			l.bus.mend()
		}
		w.reaches(d, 40)
		if err := w.bus.SetFaults(1, servicebus.Fault{Kind: servicebus.ServerBusy}); err != nil {
			t.Fatal(err)
		}
		w.during(12 * time.Second)
		if err := w.bus.SetFaults(1); err != nil {
			t.Fatal(err)
		}
		w.reaches(d, 70)
		thaw := l.bus.freeze()
		w.during(12 * time.Second)
		thaw()
	})
}

// TestOutageQueueFull: no queue takes anything, as when their quotas are used up; then one after the other has room again, in
// the order in which work flows. What would follow a step waits in the step's own queue, and a file's event at Event Grid.
func TestOutageQueueFull(t *testing.T) {
	t.Parallel()
	w, _ := wiredWorld(t, nil)
	var empty []func()
	for _, queue := range message.Queues {
		empty = append(empty, w.fill(queue))
	}
	w.through(30, 4*time.Minute, 1, 2, func(*drop) {
		w.during(5 * time.Second) // the file's event waits at Event Grid
		for n, e := range empty {
			waited := w.ends().verdicts["later"]
			e()
			if n+1 < len(empty) {
				w.until("a step waits for "+message.Queues[n+1], func() bool { return w.ends().verdicts["later"] > waited })
			}
		}
	})
}

// fill uses up the quota of a queue, with messages for tomorrow. The function that it returns takes them out again.
func (w *world) fill(queue string) (empty func()) {
	w.t.Helper()
	info, _ := w.bus.Queue(queue)
	info.Queue.MaxSizeMegabytes = 1
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	_, err := w.bus.UpdateQueue(info.Queue)
	must(err)
	client, err := azservicebus.NewClientFromConnectionString(w.bus.ConnectionString(), nil)
	must(err)
	sender, err := client.NewSender(queue, nil)
	must(err)
	var all []int64
	for range 6 {
		numbers, err := sender.ScheduleMessages(w.ctx, []*azservicebus.Message{{Body: make([]byte, 200<<10)}}, time.Now().Add(24*time.Hour), nil)
		must(err)
		all = append(all, numbers...)
	}
	return func() {
		w.t.Helper()
		must(sender.CancelScheduledMessages(w.ctx, all, nil))
		must(client.Close(w.ctx))
	}
}
