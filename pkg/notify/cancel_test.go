package notify_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
	"guestlist/pkg/sweep"
	"guestlist/pkg/sweep/sweeptest"
)

// TestCancelWhileALinkIsRenewed: the redeem link is missing, and while a worker asks for a new one under its lease an operator
// cancels and a sweep comes. No link is left, and a row whose mail went does not say that it was cancelled before.
func TestCancelWhileALinkIsRenewed(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{true, false} {
		w := newWorld(t)
		w.row(func(g *ledger.Guest) { g.RedeemURL = "" })
		m := w.plan("a", nil)
		if !taken {
			w.server.answer = func(int, notify.Mail) (error, bool) {
				return &message.Later{After: 5 * time.Minute, Why: "greylisted", Budget: notify.Patience, Class: notify.Class}, false
			}
		}
		s := w.step()
		redeem, cancel := s.Redeem, sync.OnceFunc(func() { w.cancel("a"); sweeptest.Once(t, w.ledger, w.bus) })
		s.Redeem = func(ctx context.Context, e ledger.Entry, begin notify.Begin) (string, string, error) {
			id, url, err := redeem(ctx, e, begin)
			cancel() // while the call to Microsoft Graph is under way
			return id, url, err
		}
		if err := s.Do(t.Context(), m); taken && err != nil {
			t.Fatal(err)
		}
		if err := w.settle(m); err != nil { // its copy
			t.Errorf("taken %t: %v", taken, err)
		}
		w.now = w.now.Add(24 * time.Hour)
		sweeptest.Once(t, w.ledger, w.bus)
		g, e := w.guest(), w.entry("a")
		if g.RedeemURL != "" || !e.Ended() {
			t.Errorf("taken %t: redeem link %q, step %+v", taken, g.RedeemURL, e.Notify)
		}
		if want := map[bool]ledger.Outcome{true: ledger.Done, false: ledger.Cancelled}[taken]; e.Notify.Outcome != want {
			t.Errorf("taken %t: %d mails went, and the row says %s: %s", taken, len(w.server.taken), e.Notify.Outcome, e.Notify.Text)
		}
	}
}

// TestCancelledStepErasesTheLink: the sweep has ended the step, and the worker that asked for the link has died since.
func TestCancelledStepErasesTheLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", func(e *ledger.Entry) { e.Notify.End(ledger.Cancelled, w.now) })
	if err := w.deliver(m); err != nil || w.guest().RedeemURL != "" || len(w.server.taken) != 0 {
		t.Errorf("%v; redeem link %q, %d mails", err, w.guest().RedeemURL, len(w.server.taken))
	}
}

// cancel cancels an import long enough ago that nobody can be at its guests but under a lease.
func (w *world) cancel(importID string) {
	w.t.Helper()
	if _, err := sweep.Cancel(w.t.Context(), w.ledger, importID); err != nil {
		w.t.Fatal(err)
	}
	_, err := w.ledger.UpdateImport(w.t.Context(), importID, func(i *ledger.Import) error { i.CancelledAt = w.now.Add(-time.Hour); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}
