package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
)

func TestMailsTheGuestOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", nil)
	for range 3 {
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.server.taken) != 1 {
		t.Fatalf("%d mails, want one", len(w.server.taken))
	}
	got := w.server.taken[0]
	if got.To != address || got.ReplyTo != "invitations@contoso.example" || got.FromName != "Contoso" || !strings.HasSuffix(got.MessageID, "@contoso.example") {
		t.Errorf("mail %+v to %s", got, got.To)
	}
	for _, body := range []string{got.Text, got.HTML} {
		if !strings.Contains(body, secret) || !strings.Contains(body, "Partners") || !strings.Contains(body, "Welcome ") {
			t.Errorf("the mail lacks link, access or text:\n%s", body)
		}
	}
	g, e := w.guest(), w.entry("a")
	if g.Mail != ledger.MailSent || g.RedeemURL != "" || g.MailID != got.MessageID || g.MailedBy != "a" || g.Holder != "" {
		t.Errorf("row: %+v", g)
	}
	if e.Notify.Outcome != ledger.Done || e.Notify.Code != "" || e.Outcome() != ledger.Done || w.reports() != 3 {
		t.Errorf("entry %+v, %d reports", e, w.reports())
	}
}

// TestCrashAnywhere kills the worker before and after each of its acts in turn. Whatever comes next, the guest is mailed;
// twice only where the worker died between handing over the mail and noting it, then under the same Message-ID, and said.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"redelivery", "another import first"} {
		points, repeats := 0, 0
		for ; ; points++ {
			w := newWorld(t)
			w.row(func(g *ledger.Guest) { g.RedeemURL = "" }) // so that renewing is among the acts
			withCopy := func(e *ledger.Entry) { e.CC = "boss@contoso.example" }
			a, b := w.plan("a", withCopy), w.plan("b", nil)
			w.process.DieAt(points)
			if err := w.deliver(a); !w.process.Died() {
				if err != nil {
					t.Fatalf("without a crash: %v", err)
				}
				break
			}
			order := []message.Message{a, b}
			if next != "redelivery" {
				order = []message.Message{b, a}
			}
			for _, m := range order {
				if err := w.settle(m); err != nil {
					t.Fatalf("%s, crash at point %d: %v", next, points, err)
				}
			}
			repeats += w.once(fmt.Sprintf("%s, crash at point %d", next, points))
		}
		if points < 14 || repeats != 2 { // after the server took it, and before that is noted: the same gap from both ends
			t.Errorf("%s: %d crash points, %d of them repeated the mail; want at least 14, and exactly two", next, points, repeats)
		}
		t.Logf("%s: %d crash points", next, points)
	}
}

// once checks what must hold after imports a and b are done, and returns how many mails were more than one.
func (w *world) once(when string) int {
	w.t.Helper()
	mails := w.server.to(address)
	ids, codes := map[string]bool{}, ""
	for _, m := range mails {
		ids[m.MessageID] = true
	}
	already := 0
	for _, id := range []string{"a", "b"} {
		e := w.entry(id)
		if e.Notify.State != ledger.Ended || e.Outcome() != ledger.Done {
			w.t.Errorf("%s: import %s was left at %+v", when, id, e.Notify)
		}
		codes += e.Notify.Code + " "
		if e.Notify.Code == "mail.already" {
			already++
		}
	}
	if len(mails) == 0 || len(ids) != 1 || already != 1 {
		w.t.Errorf("%s: %d mails with %d Message-IDs, codes %s", when, len(mails), len(ids), codes)
	}
	if g := w.guest(); g.Mail != ledger.MailSent || g.RedeemURL != "" {
		w.t.Errorf("%s: row %+v", when, g)
	}
	if said := strings.Contains(codes, "mail.uncertain"); len(mails) > 1 && !said {
		w.t.Errorf("%s: %d mails, but no row says that they were repeated", when, len(mails))
	}
	return len(mails) - 1
}

// TestInvitationUnderWayIsWaitedFor finds the guest being invited anew: the mail goes when there is a guest to mail.
func TestInvitationUnderWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, user := range map[string]string{"first invitation": "", "own invitation again, for the link": userID} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.row(func(g *ledger.Guest) { g.UserID, g.Invite = user, ledger.InvitePosting })
			m := w.plan("a", nil)
			if _, ok := errors.AsType[*message.Later](w.deliver(m)); !ok || w.server.offers != 0 {
				t.Fatalf("%d mails were offered; want the message to come later", w.server.offers)
			}
			w.row(func(g *ledger.Guest) { g.UserID, g.Invite = userID, ledger.Invited })
			if err := w.settle(m); err != nil {
				t.Fatal(err)
			}
			if e := w.entry("a"); len(w.server.taken) != 1 || e.Notify.Outcome != ledger.Done {
				t.Errorf("%d mails, step %+v", len(w.server.taken), e.Notify)
			}
		})
	}
}

func TestPostponedMovesTheDueTimeOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", nil)
	want, until := *w.entry("a"), w.now.Add(20*time.Minute)
	if err := w.step().Postponed(t.Context(), m, until); err != nil {
		t.Fatal(err)
	}
	m.Generation--
	if err := w.step().Postponed(t.Context(), m, until.Add(time.Hour)); err != nil { // of another generation: it moves nothing
		t.Fatal(err)
	}
	want.Notify.Due, want.Version = until, w.entry("a").Version
	if d := cmp.Diff(want, *w.entry("a")); d != "" || w.reports() != 0 {
		t.Errorf("%d reports, -want +got:\n%s", w.reports(), d)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	later := &message.Later{After: time.Hour, Why: "deferred", Budget: 24 * time.Hour, Spent: &message.Failure{Code: "mail.deferred", Text: "451"}}
	uncertain := fmt.Errorf("%w: broken", notify.ErrUncertain)
	for name, c := range map[string]struct {
		answer  func(n int, m notify.Mail) (error, bool)
		mails   int
		outcome ledger.Outcome
		code    string
	}{
		"deferred twice":         {func(n int, _ notify.Mail) (error, bool) { return unless(n > 2, later), false }, 1, ledger.Done, ""},
		"deferred for ever":      {func(int, notify.Mail) (error, bool) { return later, false }, 0, ledger.Partial, "mail.deferred"},
		"refused":                {func(int, notify.Mail) (error, bool) { return message.Never("mail.refused", "550 no"), false }, 0, ledger.Partial, "mail.refused"},
		"no connection for ever": {func(int, notify.Mail) (error, bool) { return errors.New("dial"), false }, 0, ledger.Partial, "mail.failed"},
		"no connection at first": {func(n int, _ notify.Mail) (error, bool) { return unless(n > 3, errors.New("dial")), false }, 1, ledger.Done, ""},
		"answer lost, taken":     {func(n int, _ notify.Mail) (error, bool) { return unless(n > 1, uncertain), true }, 2, ledger.Done, "mail.uncertain"},
		"answer lost, not taken": {func(n int, _ notify.Mail) (error, bool) { return unless(n > 1, uncertain), false }, 1, ledger.Done, "mail.uncertain"},
		"lost, then deferred": {func(n int, _ notify.Mail) (error, bool) {
			return [...]error{uncertain, later, nil}[min(n, 3)-1], n == 1
		}, 2, ledger.Done, "mail.uncertain"},
		"copy refused":            {forCopy(message.Never("mail.refused", "550 no")), 1, ledger.Done, "mail.copy-refused"},
		"copy deferred for ever":  {forCopy(later), 1, ledger.Done, "mail.copy-refused"},
		"copy lost for ever":      {forCopy(uncertain), 1, ledger.Done, "mail.uncertain"},
		"everything as it should": {nil, 1, ledger.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.server.answer = c.answer
			m := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
			err := w.settle(m)
			e := w.entry("a")
			if n := len(w.server.to(address)); n != c.mails || e.Outcome() != c.outcome || e.Notify.Code != c.code {
				t.Errorf("%d mails, outcome %s, code %s (%s); error %v", n, e.Outcome(), e.Notify.Code, e.Notify.Text, err)
			}
			if w.guest().RedeemURL != "" {
				t.Error("the link is kept until the mail's step ends, and no longer")
			}
			if w.reports() == 0 {
				t.Error("no report was asked for")
			}
		})
	}
}

func unless(good bool, err error) error {
	if good {
		return nil
	}
	return err
}

func forCopy(err error) func(int, notify.Mail) (error, bool) {
	return func(_ int, m notify.Mail) (error, bool) { return unless(m.To == address, err), false }
}

func TestCopyHasNoLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.settle(w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })); err != nil {
		t.Fatal(err)
	}
	copies := w.server.to("boss@contoso.example")
	if len(copies) != 1 || len(w.server.taken) != 2 || copies[0].MessageID == w.server.taken[0].MessageID {
		t.Fatalf("taken: %v", w.server.taken)
	}
	for _, body := range []string{copies[0].Text, copies[0].HTML} {
		if strings.Contains(body, "SECRET") || strings.Contains(body, "redeem.example") || !strings.Contains(body, address) {
			t.Errorf("copy:\n%s", body)
		}
	}
}

// TestTargetEndsWhileMailing: the last target asks for the mail anew while it is being sent. The message that sent it ends the
// step, so that the next one does not send the copy again.
func TestTargetEndsWhileMailing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
	w.server.answer = func(n int, _ notify.Mail) (error, bool) {
		if n > 1 {
			return nil, false
		}
		_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error {
			e.Notify.Generation++
			e.Notify.Send(w.now)
			return nil
		})
		return err, false
	}
	second := first
	second.Generation++
	for _, m := range []message.Message{first, second} {
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
	}
	if step := w.entry("a").Notify; step.State != ledger.Ended || step.Outcome != ledger.Done || step.Generation != second.Generation {
		t.Errorf("step %+v", step)
	}
	if len(w.server.to(address)) != 1 || len(w.server.to("boss@contoso.example")) != 1 {
		t.Errorf("taken: %v", w.server.taken)
	}
}

// TestTwoMessagesSendOneCopy delivers a message a second time while the first sends the copy: the guest's mail is recorded
// by then, and the copy is claimed like it.
func TestTwoMessagesSendOneCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
	w.server.answer = func(n int, _ notify.Mail) (error, bool) {
		if n == 2 {
			if _, waits := errors.AsType[*message.Later](w.step().Do(t.Context(), m)); !waits {
				t.Error("the second message does not wait for the first")
			}
		}
		return nil, false
	}
	for range 2 {
		if err := w.settle(m); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.server.to(address)) != 1 || len(w.server.to("boss@contoso.example")) != 1 {
		t.Errorf("taken: %v", w.server.taken)
	}
}

// overtaken is the ledger of a message that another overtakes right before its n-th claim.
type overtaken struct {
	ledger.Store
	n     int
	other func()
}

// Claim implements ledger.Guests.
func (o *overtaken) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	if o.n--; o.n == 0 {
		o.other()
	}
	return o.Store.Claim(ctx, key, holder, d)
}

// TestOvertakenMessageSendsNoCopy: another message for the guest sends the copy after this one has looked and before it claims.
func TestOvertakenMessageSendsNoCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", func(e *ledger.Entry) { e.CC = "boss@contoso.example" })
	s := w.step()
	s.Ledger = &overtaken{Store: w.ledger, n: 2, other: func() {
		if err := w.settle(m); err != nil {
			t.Error(err)
		}
	}}
	if err := s.Do(t.Context(), m); err != nil {
		t.Error(err)
	}
	if len(w.server.to(address)) != 1 || len(w.server.to("boss@contoso.example")) != 1 {
		t.Errorf("taken: %v", w.server.taken)
	}
}

func TestNothingToMail(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*ledger.Guest){
		"mail.already":       func(g *ledger.Guest) { g.Mail, g.MailID, g.MailedBy = ledger.MailSent, "microsoft", "m" },
		"mail.no-invitation": func(g *ledger.Guest) { *g = ledger.Guest{Key: g.Key, Version: g.Version} },
	} {
		w := newWorld(t)
		w.row(change)
		if err := w.settle(w.plan("a", nil)); err != nil {
			t.Fatal(err)
		}
		if e := w.entry("a"); w.server.offers != 0 || e.Notify.Code != code || e.Outcome() != ledger.Done {
			t.Errorf("%s: %d offers, %+v", code, w.server.offers, e.Notify)
		}
	}
}

// TestMailOfAnothersInvitation lets an import that found the guest there be ready first: it mails, and stays "already".
func TestMailOfAnothersInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	was := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Already}
	b := w.plan("b", func(e *ledger.Entry) { e.Invite, e.Targets[0].Step = was, was })
	if err := w.settle(b); err != nil {
		t.Fatal(err)
	}
	if err := w.settle(w.plan("a", nil)); err != nil {
		t.Fatal(err)
	}
	if got := w.entry("b").Outcome(); got != ledger.Already || w.entry("a").Outcome() != ledger.Done || len(w.server.taken) != 1 {
		t.Errorf("b %s, a %s, %d mails; want already, done and one", got, w.entry("a").Outcome(), len(w.server.taken))
	}
}

func TestOldGenerationAndCancelledActOnNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", nil)
	old := m
	old.Generation = 0
	if err := w.deliver(old); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.UpdateImport(t.Context(), "a", func(i *ledger.Import) error { i.Cancelled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(m); err != nil || w.server.offers != 0 || len(w.bus.Sent()) != 0 {
		t.Errorf("%v, %d offers, sent %v", err, w.server.offers, w.bus.Sent())
	}
}

// TestTwoImportsAtOnce has another import hold the guest's row.
func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", nil)
	if _, err := w.ledger.Claim(t.Context(), guest, "somebody", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := w.deliver(m); w.server.offers != 0 {
		t.Fatalf("mailed under somebody else's claim: %v", err)
	}
	if err := w.settle(m); err != nil || len(w.server.taken) != 1 {
		t.Errorf("%v, %d mails", err, len(w.server.taken))
	}
}

// TestOutageOfTheMailServer lasts an hour, in each way: nothing but time is used up, and the guest has one mail, or knows of more.
func TestOutageOfTheMailServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		taken bool
		mails int // at most
	}{
		"unreachable":                {&message.Later{After: 5 * time.Minute, Why: "the mail server cannot be reached", Budget: 24 * time.Hour}, false, 1},
		"answers lost, nothing done": {fmt.Errorf("%w: broken", notify.ErrUncertain), false, 1},
		"answers lost, mails taken":  {fmt.Errorf("%w: broken", notify.ErrUncertain), true, 7},
	} {
		w := newWorld(t)
		start := w.now
		w.server.answer = func(int, notify.Mail) (error, bool) {
			if w.now.Sub(start) < time.Hour {
				return c.err, c.taken
			}
			return nil, false
		}
		if err := w.settle(w.plan("a", nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		e := w.entry("a")
		if e.Notify.Outcome != ledger.Done || len(w.server.taken) > c.mails || c.mails > 1 && e.Notify.Code != "mail.uncertain" {
			t.Errorf("%s: %d mails, %+v", name, len(w.server.taken), e.Notify)
		}
		for _, m := range w.server.taken {
			if m.MessageID != w.server.taken[0].MessageID {
				t.Errorf("%s: Message-ID %s, and %s", name, m.MessageID, w.server.taken[0].MessageID)
			}
		}
		if took := w.now.Sub(start); took > 4*time.Hour+10*time.Minute {
			t.Errorf("%s: mailed after %s", name, took)
		}
	}
}

// TestOutageOfTheLedgerAfterTheMail: what the mail server took is recorded as soon as the ledger is back, and not sent again.
func TestOutageOfTheLedgerAfterTheMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		away  time.Duration
		mails int
	}{"for twenty seconds": {20 * time.Second, 1}, "for longer than anybody insists": {time.Minute, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				m := w.plan("a", nil)
				l := &awayAfter{Store: w.ledger}
				w.server.answer = func(int, notify.Mail) (error, bool) {
					if l.until.IsZero() {
						l.until = time.Now().Add(c.away)
					}
					return nil, false
				}
				for err := error(message.ErrNever); err != nil; {
					s := w.step()
					s.Ledger, s.Insist = l, 45*time.Second
					if err = s.Do(t.Context(), m); err != nil {
						time.Sleep(15 * time.Second)
						w.now = w.now.Add(3 * time.Minute) // the lease is over
					}
				}
				if n := len(w.server.taken); n != c.mails || w.guest().Mail != ledger.MailSent || w.guest().Holder != "" {
					t.Errorf("%d mails, want %d; row %+v", n, c.mails, w.guest())
				}
			})
		})
	}
}

// awayAfter is a ledger that takes no guest's row until a time.
type awayAfter struct {
	*memledger.Store
	until time.Time
}

func (l *awayAfter) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	if time.Now().Before(l.until) {
		return g, errors.New("no connection")
	}
	return l.Store.SaveGuest(ctx, g)
}

// TestReplayOfARefusedMailAsksForALink: the link was erased with the refusal. No crash around the refusal keeps it.
func TestReplayOfARefusedMailAsksForALink(t *testing.T) {
	t.Parallel()
	for points := 0; ; points++ {
		w := newWorld(t)
		w.server.answer = func(n int, _ notify.Mail) (error, bool) {
			return unless(w.renewed > 0, message.Never("mail.refused", "550 no")), false
		}
		m := w.plan("a", nil)
		refusal := message.AsFailure(w.deliver(m), "")
		w.process.DieAt(points)
		err := w.process.Run(func() error { return w.step().Failed(t.Context(), m, refusal) })
		died := w.process.Died()
		if died {
			w.now = w.now.Add(3 * time.Minute) // the lease of who died runs out
			err = w.step().Failed(t.Context(), m, message.AsFailure(w.deliver(m), ""))
		}
		if err != nil || w.guest().RedeemURL != "" || w.entry("a").Notify.Code != "mail.refused" {
			t.Fatalf("point %d: %v; %+v", points, err, w.entry("a").Notify)
		}
		w.update("a", func(e *ledger.Entry) { e.Notify.Generation++; e.Notify.Send(w.now) })
		m.Generation++
		if err := w.settle(m); err != nil || w.renewed != 1 || len(w.server.to(address)) != 1 {
			t.Errorf("point %d: replay: %v; %d links, %d mails", points, err, w.renewed, len(w.server.to(address)))
		}
		if !died {
			if points < 6 {
				t.Errorf("%d points; the acts are not wrapped", points)
			}
			return
		}
	}
}
