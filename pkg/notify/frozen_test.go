package notify_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestFrozenWorkerDoesNotMail: the worker stands still beyond its lease, and another import mails the guest. When it goes on
// it must not hand the mail over, at whatever place it stood.
func TestFrozenWorkerDoesNotMail(t *testing.T) {
	t.Parallel()
	for place, code := range map[string]string{crashtest.AfterClaim: "", crashtest.BeforeSave: "", crashtest.AfterSave: "mail.uncertain"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				first, second := w.plan("a", nil), w.plan("b", nil)
				step := w.step()
				f := &crashtest.Frozen{Store: w.ledger, At: place, Freeze: func() {
					w.now = w.now.Add(3 * time.Minute)
					time.Sleep(3 * time.Minute)
					if err := w.settle(second); err != nil {
						t.Fatal(err)
					}
				}}
				step.Ledger = f
				err := step.Do(t.Context(), first)
				if _, later := errors.AsType[*message.Later](err); !f.Stood() || !later {
					t.Errorf("stood still: %t; verdict %v, want a Later", f.Stood(), err)
				}
				if err := w.settle(first); err != nil || len(w.server.taken) != 1 {
					t.Errorf("%d mails, %v", len(w.server.taken), err)
				}
				if a, b := w.entry("a").Notify, w.entry("b").Notify; a.Code != "mail.already" || b.Code != code {
					t.Errorf("codes %q and %q, want mail.already for who came late and %q", a.Code, b.Code, code)
				}
			})
		})
	}
}

// TestNewLinkIsAskedForInTheLeaseOnly: the wait for the invitation's turn may use up the lease. Nothing is asked for then.
func TestNewLinkIsAskedForInTheLeaseOnly(t *testing.T) {
	t.Parallel()
	for turn, want := range map[time.Duration]int{59 * time.Second: 1, 61 * time.Second: 0} {
		w := newWorld(t)
		w.row(func(g *ledger.Guest) { g.RedeemURL = "" })
		m := w.plan("a", nil)
		w.turn = turn
		err := w.deliver(m)
		if _, later := errors.AsType[*message.Later](err); w.renewed != want || later != (want == 0) {
			t.Errorf("turn after %s: asked %d times, want %d; verdict %v, want a Later where it was not asked", turn, w.renewed, want, err)
		}
		w.turn = 0
		if err := w.settle(m); err != nil || len(w.server.taken) != 1 || w.guest().Mail != ledger.MailSent {
			t.Errorf("turn after %s: %d mails, %v", turn, len(w.server.taken), err)
		}
	}
}
