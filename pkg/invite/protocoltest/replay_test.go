package protocoltest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/crashtest"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// waits names what the real code is about to do where a worker of the model is.
var waits = map[op][]string{idle: {""}, claim: {"claim"}, clock: {"now"}, find: {"find"}, check: {"now"}, mark: {"save"}, keep: {"save"},
	promise: {"save"}, post: {"post"}, redeem: {"redeem"}, mail: {"mail"}, release: {"release"}, record: {"now"}, follow: {"", "update", "send"}}

// does has the real code do a step of the model, and returns how the two differ after it; "" if they agree.
func (w *real) does(a action, after state) string {
	switch {
	case a.Way == tick:
		w.ticks.Add(1)
	case a.Way == arrives:
		w.land(a.Mails, a.Slow)
	case a.Way == taken:
		w.takes(a)
	case a.Way == copied || a.Way == stood:
	default:
		w.acts(a)
	}
	for i := range w.workers {
		at := ""
		if b := w.workers[i]; b != nil {
			if after.Workers[i].At == idle {
				b.drain()
			}
			at = b.at
		}
		if want := waits[after.Workers[i].At]; !slices.Contains(want, at) {
			return fmt.Sprintf("worker %d is about to do %q, in the model one of %q", i+1, at, want)
		}
	}
	return cmp.Diff(w.modelled(after), w.seen(after))
}

func (w *real) takes(a action) {
	k := message.Invite
	if a.Kind == notifying {
		k = message.Notify
	}
	b := w.start(message.Message{Kind: k, Import: importIDs[a.Import], Guest: guest, Generation: 1, Attempt: 1})
	for b.at == "entry" || b.at == "row" {
		b.step(order{})
	}
	w.workers[a.Worker] = b
}

func (w *real) acts(a action) {
	b := w.workers[a.Worker]
	switch {
	case b.at == "": // it had nothing to send, so it is through
	case a.Way == died:
		b.step(order{die: true})
		if !errors.Is(b.err, crashtest.ErrCrash) {
			w.t.Errorf("killed, and came to %v", b.err)
		}
	case a.Op == record:
		b.step(order{})
		b.step(order{})
	case a.Op == follow:
		b.drain()
	default:
		b.step(order{way: a.Way, slow: a.Slow})
	}
}

// drain lets an actor come to its end, if all that it has left to do is to read, or to send again.
func (a *actor) drain() {
	for a.at == "now" || a.at == "update" || a.at == "send" {
		a.step(order{})
	}
}

// view is what model and real code have to agree on.
type view struct {
	Row                      row
	Users, ByMicrosoft, Ours int
	IDs                      int
	Entries                  [2]entry
}

func (w *real) modelled(s state) view {
	v := view{Row: s.Row, Users: int(s.Users), ByMicrosoft: int(s.ByMicrosoft), Ours: int(s.Ours), Entries: s.Entries}
	if s.Ours > 0 {
		v.IDs = 1
	}
	return v
}

func (w *real) seen(s state) view {
	v := view{Users: w.users, ByMicrosoft: w.byMicrosoft, Ours: len(w.ours)}
	ids := map[string]bool{}
	for _, id := range w.ours {
		ids[id] = true
	}
	v.IDs = len(ids)
	g, err := w.ledger.Guest(w.t.Context(), guest)
	if err == nil {
		v.Row = w.abstract(g, s.Row.MailID)
	}
	for i, id := range importIDs {
		e, err := w.ledger.Entry(w.t.Context(), id, guest)
		if err != nil {
			w.t.Fatal(err)
		}
		v.Entries[i] = abstractEntry(e)
	}
	return v
}

// abstract returns a row as the model sees it. A Message-ID of ours tells nothing of the import: id is what to call it.
func (w *real) abstract(g ledger.Guest, id who) row {
	by := map[string]who{"": nobody, "a": importA, "b": importB, invite.Microsoft: byMicrosoft}
	r := row{User: g.UserID != "", Mode: mode(slices.Index(modeNames[:], g.Mode)), By: by[g.InvitedBy], MailedBy: by[g.MailedBy], Repeats: uint8(g.MailRepeats),
		URL: g.RedeemURL != "", MailID: by[g.MailID]}
	if g.MailID != "" && g.MailID != invite.Microsoft {
		r.MailID = id
	}
	r.Invite = map[ledger.InviteState]invitation{ledger.InviteNone: inviteNone, ledger.InvitePosting: posting, ledger.Invited: invited}[g.Invite]
	r.Mail = map[ledger.MailState]mailing{ledger.MailNone: mailNone, ledger.MailSending: sending, ledger.MailSent: sent}[g.Mail]
	if r.Invite == posting {
		r.Age = uint8(min(w.now().Sub(g.Since)/tickOf, bound))
	}
	if g.Holder != "" {
		r.Left = uint8(max(g.Until.Sub(w.now())/tickOf, 0))
	}
	return r
}

func abstractEntry(e ledger.Entry) entry {
	return entry{Ended: e.Invite.State == ledger.Ended, User: e.UserID != "",
		Outcome: map[ledger.Outcome]outcome{ledger.None: noOutcome, ledger.Done: done, ledger.Already: already}[e.Invite.Outcome],
		Notify:  map[ledger.State]notice{ledger.Planned: planned, ledger.Sent: asked, ledger.Ended: ended}[e.Notify.State],
		Mailed:  abstractLetter(e.Notify)}
}

func abstractLetter(s ledger.Step) letter {
	switch {
	case s.Code == "mail.no-invitation":
		return gone
	case s.Code == "mail.already":
		return others
	case s.Code == "mail.uncertain":
		return uncertain
	case s.Outcome == ledger.None:
		return notAsked
	}
	return ours
}

// replay has the real code do all steps, and compares after each. The promises are checked too: a walk has more faults than
// the search.
func replay(t *testing.T, r rules, steps []action) bool {
	t.Helper()
	w := newReal(t, r)
	defer w.kill()
	s := r.start()
	for i, a := range steps {
		s = r.after(t, s, a)
		if broken := r.breaks(s); broken != "" {
			t.Errorf("broken: %s\n%s", broken, written(steps[:i+1]))
			return false
		}
		if differs := w.does(a, s); differs != "" {
			t.Errorf("after step %d the real code (+) is not where the model (-) is:\n%s\n%s", i+1, written(steps[:i+1]), differs)
			return false
		}
	}
	if want := posts(steps); w.posts != want {
		t.Errorf("%d POSTs, in the model %d\n%s", w.posts, want, written(steps))
	}
	for i, id := range importIDs {
		if s.Entries[i].Notify != planned && r.modes[i] == own && s.over() && !r.existing && !w.asked(id) {
			t.Errorf("the mail of import %s was never asked for\n%s", id, written(steps))
		}
	}
	return !t.Failed()
}

// posts counts the POSTs, whatever became of them.
func posts(steps []action) (n int) {
	for _, a := range steps {
		if (a.Op == post || a.Op == redeem) && a.Way != died && a.Way != stood {
			n++
		}
	}
	return n
}

func (w *real) asked(importID string) bool {
	return slices.ContainsFunc(w.bus.Sent(), func(m message.Message) bool { return m.Kind == message.Notify && m.Import == importID })
}

// kill ends the workers that a trace leaves in the midst of their work.
func (w *real) kill() {
	for _, b := range w.workers {
		if b != nil && b.at != "" {
			b.step(order{die: true})
		}
	}
}

// after is the state that a step leads to.
func (r rules) after(t *testing.T, s state, a action) state {
	t.Helper()
	var next []state
	r.next(s, func(b action, n state) {
		if a == b {
			next = append(next, n)
		}
	})
	if len(next) != 1 {
		t.Fatalf("step %q leads to %d states", a, len(next))
	}
	return next[0]
}
