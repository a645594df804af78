package replay_test

import (
	"errors"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

func (w *world) list(importID string) []replay.Letter {
	w.t.Helper()
	all, err := w.replay().List(w.t.Context(), importID)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) tidy() int {
	w.t.Helper()
	n, err := w.replay().Tidy(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestListDescribesDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse), failed(refuse)), guest(1, done(), done(), failed(gone)))
	w.imports("b", guest(2, failed(refuse)))
	w.bury(assign("a", 1, 1, 1), invite("a", 0, 1), invite("b", 2, 1))
	target := w.entry("a", 1).Targets[1]

	all := w.list("")
	if len(all) != 3 {
		t.Fatalf("%d letters, want 3: %+v", len(all), all)
	}
	if got := []string{all[0].Message.Import, all[1].Message.Import, all[2].Message.Import}; !slices.Equal(got, []string{"a", "b", "a"}) {
		t.Errorf("imports %v; want the queues in order, each oldest first", got)
	}
	l := all[2]
	if l.Queue != message.Assignments || l.Source != "partners" || l.File != "in/a.csv" || l.Address != "guest1@partner.example" ||
		!slices.Equal(l.Lines, []int{3}) || l.Reason != gone.Code || l.Description != gone.Text {
		t.Errorf("letter %+v", l)
	}
	if diff := gocmp.Diff(&target, l.Target); diff != "" {
		t.Errorf("target, -want +got:\n%s", diff)
	}
	if all[0].Target != nil {
		t.Errorf("an invitation has no target, got %+v", all[0].Target)
	}
	if got := w.list("b"); len(got) != 1 || got[0].Address != "guest2@partner.example" {
		t.Errorf("of import b: %+v", got)
	}
}

// TestListedCodesReplay: the code that the list shows is one that a replay can be told to select by.
func TestListedCodesReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), done()))
	w.change("a", 0, func(e *ledger.Entry) {
		e.Notify = failed(&message.Failure{Code: "mail.failed", Text: "The mail could not be sent (attempts.exhausted)."})
	})
	w.bury(message.Message{Kind: message.Notify, Import: "a", Guest: guestOf(0), Generation: 1, Attempt: 10})
	all := w.list("a")
	if len(all) != 1 || all[0].Reason != "mail.failed" {
		t.Fatalf("letters %+v", all)
	}
	if _, sent := w.run(replay.Selection{Import: "a", Code: all[0].Reason}); len(sent) != 1 {
		t.Errorf("sent %v", sent)
	}
}

func TestDeadLettersBehindManyOthersAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)))
	w.imports("b", guest(1, failed(refuse)))
	for range 1100 {
		w.bury(invite("a", 0, 1))
	}
	w.bury(invite("b", 1, 1))
	if got := w.list("b"); len(got) != 1 {
		t.Errorf("%d letters of import b, want 1", len(got))
	}
	if got := w.list(""); len(got) != 1101 {
		t.Errorf("%d letters, want all", len(got))
	}
}

// TestPastDeadLettersAreLeftOutAndRemoved has one letter of each kind twice: one that is done with, and one that is not.
func TestPastDeadLettersAreLeftOutAndRemoved(t *testing.T) {
	t.Parallel()
	cancelled := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Cancelled, Code: "import.cancelled"}
	sent := ledger.Step{Generation: 1, State: ledger.Sent}
	w := newWorld(t)
	w.imports("run", guest(0, failed(refuse)), guest(1, done(), failed(gone), done(), cancelled, sent), guest(2, done()))
	w.create(ledger.Import{ID: "broken", State: ledger.Broken, Revision: 2, Reported: 1, Stage: ledger.Phase{Generation: 2}, Plan: ledger.Phase{Generation: 2}})
	w.create(ledger.Import{ID: "well", State: ledger.Running, Revision: 1, Reported: 1, Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	phase := func(k message.Kind, id string, generation int) message.Message {
		return message.Message{Kind: k, Import: id, Generation: generation}
	}
	keep := []message.Message{
		phase(message.Stage, "broken", 2), phase(message.Plan, "broken", 2), {Kind: message.Report, Import: "broken"},
		invite("run", 0, 1), assign("run", 1, 0, 1),
		{Kind: message.Event, Event: []byte(`{"eventType":"x"}`)},
		assign("run", 1, 7, 1), // a target that cannot be: a defect that a person must see
	}
	drop := []message.Message{
		phase(message.Stage, "broken", 1), phase(message.Plan, "broken", 1), phase(message.Stage, "well", 1), phase(message.Plan, "well", 1),
		{Kind: message.Report, Import: "well"},
		invite("run", 0, 0), invite("run", 2, 1), assign("run", 1, 1, 1), assign("run", 1, 2, 1), assign("run", 1, 3, 1),
		invite("run", 8, 1), invite("purged", 0, 1), phase(message.Stage, "purged", 1),
	}
	w.bury(append(slices.Clone(keep), drop...)...)
	w.bus.SendRaw(message.Invitations, []byte("no JSON"), nil)
	w.buryNext(message.Invitations)

	if got := len(w.list("")); got != len(keep)+1 {
		t.Errorf("%d letters are listed, want %d", got, len(keep)+1)
	}
	if got := w.tidy(); got != len(drop) {
		t.Errorf("%d letters removed, want %d", got, len(drop))
	}
	left, unreadable := map[string]bool{}, 0
	for _, queue := range message.Queues {
		for _, d := range w.dead(queue) {
			if d.Unreadable != nil {
				unreadable++
				continue
			}
			left[d.Message.ID()] = true
		}
	}
	for _, m := range keep {
		m.Attempt = max(1, m.Attempt)
		if !left[m.ID()] {
			t.Errorf("removed %+v, which is not done with", m)
		}
		delete(left, m.ID())
	}
	if len(left) != 0 || unreadable != 1 {
		t.Errorf("%d letters that are done with are left, and %d unreadable ones, want 0 and 1", len(left), unreadable)
	}
	if got := w.tidy(); got != 0 {
		t.Errorf("a second time: %d removed", got)
	}
}

func TestReplayRemovesTheDeadLettersOfWhatItReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)), guest(1, done(), failed(gone)))
	w.imports("b", guest(0, failed(refuse)))
	w.bury(invite("a", 0, 1), assign("a", 1, 0, 1), invite("b", 0, 1))
	res, _ := w.run(replay.Selection{Import: "a", Code: gone.Code})
	if res.Removed != 1 || len(w.dead(message.Assignments)) != 0 || len(w.dead(message.Invitations)) != 2 {
		t.Errorf("removed %d; want the one letter whose step was replayed", res.Removed)
	}
	if got := w.list(""); len(got) != 2 {
		t.Errorf("%d letters are listed, want the two that were not replayed", len(got))
	}
}

func TestReplayedStepThatFailsAgainHasADeadLetterAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)))
	w.bury(invite("a", 0, 1))
	w.run(replay.Selection{Import: "a"})
	w.change("a", 0, func(e *ledger.Entry) { e.Invite.Fail(ledger.Failed, refuse, w.now) })
	w.bury(invite("a", 0, 2))
	if got := w.list(""); len(got) != 1 || got[0].Message.Generation != 2 {
		t.Errorf("listed: %+v, want the second failure", got)
	}
	if res, sent := w.run(replay.Selection{Import: "a"}); res.Revision != 3 || len(sent) != 1 || sent[0].Generation != 3 {
		t.Errorf("result %+v, sent %+v; want generation 3 and revision 3", res, sent)
	}
}

func TestBrokerErrorsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)))
	w.bus.Refuse(errBroker)
	_, err := w.replay().List(t.Context(), "")
	if _, tidy := w.replay().Tidy(t.Context()); !errors.Is(tidy, errBroker) || !errors.Is(err, errBroker) {
		t.Errorf("List: %v, Tidy: %v; want the broker's error", err, tidy)
	}
	if err := w.replay().RunEvent(t.Context(), 1); !errors.Is(err, errBroker) {
		t.Errorf("RunEvent: %v, want the broker's error", err)
	}
}
