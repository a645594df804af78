package invite_test

import (
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// planOwn is plan for a source whose guests Guestlist mails.
func (w *world) planOwn(importID string, targets int) message.Message {
	w.t.Helper()
	m := w.plan(importID, targets)
	_, _, err := w.ledger.UpdateEntry(w.t.Context(), importID, guest, func(e *ledger.Entry) error {
		e.Mail, e.Notify = invite.Own, ledger.Step{Generation: 1, State: ledger.Planned}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) row(t *testing.T) ledger.Guest {
	t.Helper()
	g, err := w.ledger.Guest(t.Context(), guest)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestOwnMailKeepsTheLinkAndAsksForTheMail(t *testing.T) {
	t.Parallel()
	for targets, wait := range map[int]time.Duration{0: 0, 2: 10 * time.Minute} {
		w := newWorld(t)
		if err := w.settle(w.planOwn("a", targets)); err != nil {
			t.Fatal(err)
		}
		g, e := w.row(t), w.entry("a")
		if w.dir.mails != 0 || g.RedeemURL == "" || g.Mode != invite.Own || g.Mail != ledger.MailNone {
			t.Errorf("%d targets: %d mails by Microsoft, row %+v", targets, w.dir.mails, g)
		}
		if e.Notify.State != ledger.Sent || !e.Notify.Due.Equal(w.now.Add(wait)) || w.sent(message.Notify) != 1 || w.sent(message.Report) != 0 {
			t.Errorf("%d targets: notify %+v, sent %v", targets, e.Notify, w.bus.Sent())
		}
		for _, m := range w.bus.Sent() {
			if m.Kind == message.Notify && !m.At.Equal(e.Notify.Due) {
				t.Errorf("%d targets: the mail's message acts at %s, want %s", targets, m.At, e.Notify.Due)
			}
		}
	}
}

func TestGuestOfTheDirectoryGetsNoMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.made = map[string]time.Time{address: w.now.Add(-time.Hour)}
	if err := w.settle(w.planOwn("a", 0)); err != nil {
		t.Fatal(err)
	}
	if e := w.entry("a"); w.sent(message.Notify) != 0 || !e.Ended() || e.Outcome() != ledger.Already || w.sent(message.Report) != 1 {
		t.Errorf("entry %+v, sent %v", e, w.bus.Sent())
	}
}

// TestCrashAnywhereWithOwnMail kills the worker at each of its acts. The guest is made once, Microsoft mails nobody, the
// row ends with a link, and each import asks for the mail.
func TestCrashAnywhereWithOwnMail(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 5 * time.Minute} {
		points := 0
		for ; ; points++ {
			w := newWorld(t)
			w.dir.lag = lag
			a, b := w.planOwn("a", 1), w.planOwn("b", 0)
			w.process.DieAt(points)
			if err := w.deliver(a); !w.process.Died() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			for _, m := range []message.Message{b, a} {
				if err := w.settle(m); err != nil {
					t.Fatalf("crash at point %d: %v", points, err)
				}
			}
			when := fmt.Sprintf("lag %s, crash at point %d", lag, points)
			if g := w.row(t); w.dir.users != 1 || w.dir.mails != 0 || g.RedeemURL == "" || g.Invite != ledger.Invited {
				t.Errorf("%s: %d users, %d mails by Microsoft, row %+v", when, w.dir.users, w.dir.mails, g)
			}
			for _, id := range []string{"a", "b"} {
				if e := w.entry(id); e.Invite.State != ledger.Ended || e.Notify.State != ledger.Sent {
					t.Errorf("%s: import %s was left at %+v", when, id, e)
				}
			}
			if w.sent(message.Notify) < 2 {
				t.Errorf("%s: sent %v", when, w.bus.Sent())
			}
		}
		if points < 10 {
			t.Errorf("only %d crash points: the acts are not instrumented", points)
		}
	}
}

// TestTheImportThatInvitedStaysIt loses the first answer: the second POST is for the link alone.
func TestTheImportThatInvitedStaysIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.lost = func(n int) bool { return n == 1 }
	a, b := w.planOwn("a", 0), w.planOwn("b", 0)
	if err := w.deliver(a); err == nil {
		t.Fatal("a lost answer is no success")
	}
	w.now = w.now.Add(time.Minute)
	for _, m := range []message.Message{b, a} {
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
	}
	if g := w.row(t); g.InvitedBy != "a" || w.dir.posts != 2 || w.entry("a").Invite.Outcome != ledger.Done || w.entry("b").Invite.Outcome != ledger.Already {
		t.Errorf("row %+v, %d POSTs", g, w.dir.posts)
	}
}

// TestRefusalKeepsAnEarlierInvitation loses the first answer; the second POST, for the link, is throttled. The guest is one
// whom we invited all the same, and gets the mail.
func TestRefusalKeepsAnEarlierInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dir.lost = func(n int) bool { return n == 1 }
	w.dir.err = func(n int) error {
		if n == 2 {
			return &message.Later{After: 7 * time.Second, Why: "throttled"}
		}
		return nil
	}
	if err := w.settle(w.planOwn("a", 0)); err != nil {
		t.Fatal(err)
	}
	g, e := w.row(t), w.entry("a")
	if g.Invite != ledger.Invited || g.RedeemURL == "" || e.Invite.Outcome != ledger.Done || w.sent(message.Notify) != 1 {
		t.Errorf("row %+v, entry %+v, sent %v; want a guest who is invited and mailed", g, e, w.bus.Sent())
	}
}

// TestMicrosoftsMailWaitsForAnInvitationWithoutOne loses the answer to an invitation that mails nobody, then kills the
// import with Microsoft's mail at each of its acts. Where it has not come to its POST, the guest is still to be mailed by us.
func TestMicrosoftsMailWaitsForAnInvitationWithoutOne(t *testing.T) {
	t.Parallel()
	for points := 0; ; points++ {
		w := newWorld(t)
		w.dir.lost = func(n int) bool { return n == 1 }
		a, b := w.planOwn("a", 0), w.plan("b", 0)
		if err := w.deliver(a); err == nil {
			t.Fatal("a lost answer is no success")
		}
		w.process.DieAt(points)
		if _ = w.deliver(b); !w.process.Died() {
			break
		}
		w.now = w.now.Add(time.Hour)
		for _, m := range []message.Message{b, a} {
			if err := w.settle(m); err != nil {
				t.Fatal(err)
			}
		}
		if g := w.row(t); w.dir.users != 1 || w.dir.mails > 1 || w.sent(message.Notify) == 0 || g.Mail == ledger.MailSent && w.dir.mails == 0 {
			t.Errorf("crash at point %d: %d users, %d mails by Microsoft, row %+v, sent %v", points, w.dir.users, w.dir.mails, g, w.bus.Sent())
		}
	}
}

// TestSourceDecidesWhoMails lets an entry say otherwise than the installation.
func TestSourceDecidesWhoMails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mode = invite.None
	m := w.plan("a", 0)
	_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error { e.Mail = invite.Microsoft; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := w.settle(m); err != nil || w.dir.mails != 1 || w.row(t).Mail != ledger.MailSent {
		t.Errorf("%v, %d mails by Microsoft, row %+v", err, w.dir.mails, w.row(t))
	}
}

// TestCancelDuringThePostErasesTheLink: the sweep ends the entry while the POST is under way, so nobody will mail. No crash
// keeps the link.
func TestCancelDuringThePostErasesTheLink(t *testing.T) {
	t.Parallel()
	for points := 0; ; points++ {
		w := newWorld(t)
		w.mode = invite.Own
		m := w.plan("a", 0)
		w.change("a", func(e *ledger.Entry) { e.Notify = ledger.Step{Generation: 1, State: ledger.Planned} })
		w.dir.err = func(int) error {
			w.change("a", func(e *ledger.Entry) { e.EndAll(ledger.Cancelled, &message.Failure{Code: "import.cancelled"}, w.now) })
			return nil
		}
		w.process.DieAt(points)
		err := w.deliver(m)
		if died := w.process.Died(); died {
			w.now = w.now.Add(20 * time.Minute)
			err = w.settle(m)
		} else if points < 10 {
			t.Errorf("%d points; the acts are not wrapped", points)
		}
		g, _ := w.ledger.Guest(t.Context(), guest)
		if err != nil || g.RedeemURL != "" {
			t.Errorf("point %d: the link is kept (%v)", points, err)
		}
		if !w.process.Died() {
			return
		}
	}
}

func (w *world) change(importID string, change func(*ledger.Entry)) {
	w.t.Helper()
	if _, _, err := w.ledger.UpdateEntry(w.t.Context(), importID, guest, func(e *ledger.Entry) error { change(e); return nil }); err != nil {
		w.t.Fatal(err)
	}
}
