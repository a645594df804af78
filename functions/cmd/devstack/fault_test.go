package main

import (
	"syscall"
	"testing"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

// Those faults of the list that live in the broker and in processes, with the real ones. The others are in
// functions/cmd/handler.

// forty imports forty guests while f happens to the stack, and judges the end.
func (w *world) forty(f func(d *drop)) {
	w.t.Helper()
	d := w.put(w.file("forty.csv", guests(40)), "forty.csv")
	f(d)
	i := w.wait(d)[0]
	if outcomesOf(i) != "40 done" {
		w.t.Errorf("outcomes: %s", outcomesOf(i))
	}
	if n := w.entra.Stats().UsersCreated; n != 40 {
		w.t.Errorf("%d users, want 40", n)
	}
	w.mailed(40)
	w.oracle(0, i)
}

// brokerFaults sets faults of the broker, which are over when each has struck so often.
func (w *world) brokerFaults(all ...servicebus.Fault) {
	w.t.Helper()
	if err := w.bus.SetFaults(1, all...); err != nil {
		w.t.Fatal(err)
	}
}

// TestFault02AckLostOverAMQP: the broker does what it is asked and the connection ends instead of an answer: of sends of
// the plan, of outgoing messages, of copies for later, of settlements.
func TestFault02AckLostOverAMQP(t *testing.T) {
	t.Parallel()
	for _, dedup := range []string{"on", "off"} {
		t.Run("duplicate_detection_"+dedup, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *options) { o.dedup, o.faults = dedup, "off" })
			w.brokerFaults(servicebus.Fault{Kind: servicebus.LoseAnswer, Chance: 0.2, Times: 40})
			w.forty(func(*drop) {})
		})
	}
}

// TestFault17ServiceBusBusy: Service Bus answers 50009 to sends, settlements and peeks, and to an operator's command that
// receives dead letters.
func TestFault17ServiceBusBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.faults = "off" })
	const member = "99999999-0000-4000-8000-000000000001"
	if _, err := w.entra.AddUser(entra.User{ID: member, Mail: "guest001@partner.example", UserType: "Member"}); err != nil {
		t.Fatal(err)
	}
	w.brokerFaults(servicebus.Fault{Kind: servicebus.ServerBusy, Chance: 0.2, Times: 80})
	i := w.wait(w.put(w.file("forty.csv", guests(40)), "forty.csv"))[0]
	if outcomesOf(i) != "39 done, 1 failed" {
		t.Errorf("outcomes: %s", outcomesOf(i))
	}
	w.oracle(1, i)
	w.control("DELETE", "/users/"+member)
	w.brokerFaults(servicebus.Fault{Kind: servicebus.ServerBusy, Chance: 0.3, Times: 10}, servicebus.Fault{Kind: servicebus.BusyReceiver, Times: 2})
	r := &replay.Replay{Ledger: w.services.Ledger, Bus: w.services.Bus, DeadLetters: w.services.Bus}
	w.until("the replay is taken", func() bool {
		_, err := r.Run(w.ctx, replay.Selection{Import: i.ID})
		return err == nil || message.AsFailure(err, "").Code == "replay.nothing" // a replay that was refused half-way is repeated
	})
	i = w.wait(&drop{importID: i.ID})[0]
	if outcomesOf(i) != "40 done" {
		t.Errorf("after the replay: %s", outcomesOf(i))
	}
	w.until("the sweep removes the dead letter where the replay could not", func() bool {
		_, dead := oracle.Busy(w.bus.Stats())
		return dead == 0
	})
	w.mailed(40)
	w.oracle(0, i)
}

// TestFault24DeployOfTheRealProcess: the handler gets SIGTERM with messages in hand, then a host is drained and replaced,
// while another host works on beside them.
func TestFault24DeployOfTheRealProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.handlers = 2 })
	w.forty(func(d *drop) {
		w.progress(d, 5)
		if pid := w.platform.handlerPID(); pid <= 0 || syscall.Kill(pid, syscall.SIGTERM) != nil {
			t.Error("no handler to stop")
		}
		w.progress(d, 25)
		h := w.platform.current()
		if err := h.Drain(w.ctx); err != nil {
			t.Error(err)
		}
		if err := h.Stop(); err != nil {
			t.Error(err)
		}
		w.until("the platform starts a new host", func() bool { return w.platform.current() != h })
	})
}
