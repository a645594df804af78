package sweep_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/sweep"
)

func TestCancelledBeforeAnythingWasPlannedIsRefused(t *testing.T) {
	t.Parallel()
	for _, state := range []ledger.ImportState{ledger.Staging, ledger.Held} {
		w := newWorld(t)
		w.imports(ledger.Import{ID: "a", State: state, Stage: ledger.Phase{Generation: 1, Due: w.now}})
		w.cancel("a")
		got := w.run()
		i := w.get("a")
		if i.State != ledger.Refused || i.Code != "import.cancelled" || i.Text == "" || !i.Stage.Due.IsZero() {
			t.Errorf("%s became %+v", state, i)
		}
		if len(got) != 1 || got[0].Kind != message.Report {
			t.Errorf("%s: sent %+v, want a report", state, briefs(got))
		}
	}
}

// TestCancelledPlanComesToAnEnd: the planner itself notices the cancel, so its lost message matters still.
func TestCancelledPlanComesToAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Planning, Plan: ledger.Phase{Generation: 1, Due: w.now}}, guest(0, sent(w.now)))
	w.cancel("a")
	got := briefs(w.later(staleAfter + time.Second))
	if diff := cmp.Diff([]brief{{message.Plan, "a", "", 0, 2}}, got); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
}

func TestCancelEndsWhatIsOpenAndKeepsWhatIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	planned := ledger.Step{Generation: 1, State: ledger.Planned}
	w.imports(ledger.Import{ID: "a", State: ledger.Running},
		guest(0, ended(ledger.Done), ended(ledger.Already), sent(w.now)),
		guest(1, sent(w.now.Add(-time.Hour)), planned),
		guest(2, ended(ledger.Done), ended(ledger.Failed)),
		guest(3, ledger.Step{Generation: 1, State: ledger.Waiting, Wait: "rate"}))
	w.cancel("a")
	untouched := w.entry("a", 2)
	got := w.later(time.Minute)
	if len(got) != 1 || got[0].Kind != message.Report {
		t.Errorf("sent %+v, want only a report", briefs(got))
	}
	if diff := cmp.Diff(untouched, w.entry("a", 2)); diff != "" {
		t.Errorf("a guest that had ended changed:\n%s", diff)
	}
	e := w.entry("a", 0)
	if e.UserID != "user-0" || e.Invite.Outcome != ledger.Done || e.Targets[0].Outcome != ledger.Already {
		t.Errorf("what was done became %+v", e)
	}
	for _, s := range []ledger.Step{e.Targets[1].Step, w.entry("a", 1).Invite, w.entry("a", 1).Targets[0].Step, w.entry("a", 3).Invite} {
		if s.State != ledger.Ended || s.Outcome != ledger.Cancelled || s.Code != "import.cancelled" || !s.At.Equal(w.now) {
			t.Errorf("an open step became %+v, want cancelled now", s)
		}
	}
}

// TestCancelLeavesWhatSomebodyMayBeAt: a row that says "cancelled before this was done" must not be wrong because the last write
// was under way. What nobody has sent ends at once.
func TestCancelLeavesWhatSomebodyMayBeAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, guest(0, ended(ledger.Done), sent(w.now)), guest(1, waits(ledger.WaitDay)), guest(2, sent(w.now)))
	w.cancel("a")
	if got := w.later(55 * time.Second); len(got) != 0 || w.entry("a", 0).Ended() || w.entry("a", 1).Outcome() != ledger.Cancelled || w.entry("a", 2).Ended() {
		t.Errorf("55 s later: sent %+v, %+v, %+v", briefs(got), w.entry("a", 0).Targets, w.entry("a", 1).Invite)
	}
	if _, err := w.ledger.Claim(t.Context(), guestOf(2), "inviting", 2*time.Minute); err != nil { // Microsoft mails this one
		t.Fatal(err)
	}
	w.later(5 * time.Second)
	if w.entry("a", 0).Targets[0].Outcome != ledger.Cancelled || w.entry("a", 2).Ended() {
		t.Errorf("a minute later: %+v, want it cancelled; %+v, want it left to who works on it", w.entry("a", 0).Targets, w.entry("a", 2).Invite)
	}
	if got := w.later(3 * time.Minute); len(got) != 1 || got[0].Kind != message.Report || w.entry("a", 2).Outcome() != ledger.Cancelled {
		t.Errorf("when its lease has run out: sent %+v, %+v", briefs(got), w.entry("a", 2).Invite)
	}
}

func TestCancelOfWhatHasEndedSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports(ledger.Import{ID: "finished", State: ledger.Running, Reported: 1})
	w.imports(ledger.Import{ID: "refused", State: ledger.Refused})
	for _, id := range []string{"finished", "refused"} {
		_, err := sweep.Cancel(t.Context(), w.ledger, id)
		f, ok := errors.AsType[*message.Failure](err)
		if !ok || f.Code != "import.ended" || !strings.Contains(f.Text, id) || w.get(id).Cancelled {
			t.Errorf("%s: %v, cancelled %t; want import.ended and no change", id, err, w.get(id).Cancelled)
		}
	}
	if _, err := sweep.Cancel(t.Context(), w.ledger, "unknown"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	w.imports(ledger.Import{ID: "running", State: ledger.Running})
	w.cancel("running")
	w.cancel("running") // twice is no error
	if !w.get("running").Cancelled {
		t.Error("the running import was not cancelled")
	}
}

// TestCancelKeepsAMailThatWent: only the copy for the CC address was still on its way, or the record of the mail was lost.
func TestCancelKeepsAMailThatWent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var entries []ledger.Entry
	for n, by := range []string{"a", "other", ""} {
		e := guest(n, ended(ledger.Done), ended(ledger.Done))
		e.Notify = sent(w.now)
		entries = append(entries, e)
		g, err := w.ledger.Claim(t.Context(), e.Guest, "worker", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		g.Holder, g.UserID, g.Invite = "", e.UserID, ledger.Invited
		if by != "" {
			g.Mail, g.MailedBy = ledger.MailSent, by
		}
		if _, err := w.ledger.SaveGuest(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, entries...)
	w.cancel("a")
	w.later(time.Minute)
	for n, want := range []ledger.Outcome{ledger.Done, ledger.Cancelled, ledger.Cancelled} {
		if got := w.entry("a", n).Notify; got.State != ledger.Ended || got.Outcome != want {
			t.Errorf("guest %d: %+v, want %s", n, got, want)
		}
	}
	if got := w.entry("a", 0).Outcome(); got != ledger.Done {
		t.Errorf("the mailed guest ended as %s", got)
	}
}

// TestCancelErasesRedeemLinks: no mail will carry them. A guest whom somebody works on is left to the next sweep.
func TestCancelErasesRedeemLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var entries []ledger.Entry
	for n := range 2 {
		e := guest(n, ended(ledger.Done))
		e.Notify = sent(w.now)
		entries = append(entries, e)
		g, err := w.ledger.Claim(t.Context(), e.Guest, "worker", 2*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		g.UserID, g.Invite, g.InvitedBy, g.RedeemURL = e.UserID, ledger.Invited, "a", "https://redeem.example/"
		if n == 0 {
			g.Holder = ""
		}
		if _, err := w.ledger.SaveGuest(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	w.imports(ledger.Import{ID: "a", State: ledger.Running}, entries...)
	w.cancel("a")
	kept := func() (n int) {
		for g := range 2 {
			row, err := w.ledger.Guest(t.Context(), guestOf(g))
			if err != nil {
				t.Fatal(err)
			}
			if row.RedeemURL != "" {
				n++
			}
		}
		return n
	}
	w.later(time.Minute)
	if n := kept(); n != 1 || w.entry("a", 0).Notify.Outcome != ledger.Cancelled || w.entry("a", 1).Ended() {
		t.Errorf("%d links kept, want that of the guest who is worked on; %+v", n, w.entry("a", 1).Notify)
	}
	w.later(3 * time.Minute) // the lease of whom the sweep found working has run out
	if n := kept(); n != 0 || !w.entry("a", 1).Ended() {
		t.Errorf("%d links kept when the lease had run out", n)
	}
}
