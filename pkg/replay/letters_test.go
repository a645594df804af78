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
		!slices.Equal(l.Lines, []int{3}) || l.Reason != "some.code" || l.Description != "Some text." {
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

func TestBrokenImportIsRestartedWhereItBroke(t *testing.T) {
	t.Parallel()
	for kind, i := range map[message.Kind]ledger.Import{
		message.Stage: {Stage: ledger.Phase{Generation: 3}},
		message.Plan:  {Stage: ledger.Phase{Generation: 3}, Plan: ledger.Phase{Generation: 5}},
	} {
		w := newWorld(t)
		i.ID, i.State, i.Code, i.Text, i.Revision, i.Reported, i.Finished = "a", ledger.Broken, "attempts.exhausted", "It broke.", 1, 1, w.now
		w.create(i)
		generation := i.Phase().Generation
		if kind == message.Plan {
			generation = i.Plan.Generation
		}
		w.bury(message.Message{Kind: kind, Import: "a", Generation: generation})
		if got := w.list("a"); len(got) != 1 || got[0].File != "in/a.csv" {
			t.Errorf("%s: listed %+v", kind, got)
		}
		res, sent := w.run(replay.Selection{Import: "a"})
		if diff := gocmp.Diff([]brief{{Kind: kind, Import: "a", Generation: generation + 1}}, sent); diff != "" {
			t.Errorf("%s: sent, -want +got:\n%s", kind, diff)
		}
		if want := (replay.Result{Import: "a", Revision: 2, Messages: 1, Removed: 1}); res != want {
			t.Errorf("%s: result %+v, want %+v", kind, res, want)
		}
		after := w.get("a")
		if p := after.Phase(); after.Final() || after.Code != "" || after.Text != "" || !after.Open() || !after.Finished.IsZero() ||
			p.Generation != generation+1 || !p.Due.Equal(w.now) {
			t.Errorf("%s: import %+v", kind, after)
		}
		_, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"})
		if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "replay.nothing" {
			t.Errorf("%s: a second time: %v, want replay.nothing", kind, err)
		}
	}
}

// TestRestartThatWasNotSentIsSentByTheSweep crashes between the import and its message.
func TestRestartThatWasNotSentIsSentByTheSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(ledger.Import{ID: "a", State: ledger.Broken, Revision: 1, Reported: 1, Stage: ledger.Phase{Generation: 1}})
	w.bus.Refuse(errCrash)
	if _, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"}); !errors.Is(err, errCrash) {
		t.Fatalf("got %v, want the broker's error", err)
	}
	w.bus.Refuse(nil)
	w.now = w.now.Add(staleAfter + 1)
	if err := w.sweep().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]brief{{Kind: message.Stage, Import: "a", Generation: 3}}, w.take()); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
}

func TestDeadEventIsSentAsItCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := message.Message{Kind: message.Event, Event: []byte(`{"eventType":"Microsoft.Storage.BlobCreated"}`), Attempt: 10, Delay: 4, Trace: "00-1-2-01"}
	other := message.Message{Kind: message.Event, Event: []byte(`{"eventType":"another"}`)}
	w.bury(event, other)
	dead := w.dead(message.Uploads)
	if err := w.replay().RunEvent(t.Context(), dead[0].Sequence); err != nil {
		t.Fatal(err)
	}
	d, ok := w.bus.Receive(message.Uploads)
	if !ok || string(d.Body) != string(event.Event) || d.Message.Attempt != 1 || d.Message.Trace != event.Trace || d.MessageID == event.ID() {
		t.Errorf("received %+v; want the event, first attempt, under an id of its own", d)
	}
	first := message.Message{Kind: message.Event, Event: []byte(`{}`), Attempt: 1}
	w.bury(first)
	if err := w.replay().RunEvent(t.Context(), w.dead(message.Uploads)[1].Sequence); err != nil {
		t.Fatal(err)
	}
	if d, _ := w.bus.Receive(message.Uploads); d.MessageID == first.ID() {
		t.Error("the copy has the id of the dead letter: duplicate detection would drop it")
	}
	if left := w.dead(message.Uploads); len(left) != 1 || left[0].Sequence != dead[1].Sequence {
		t.Errorf("dead letters left: %+v, want the other event", left)
	}
}

func TestOnlyEventsAreSentAsTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bury(message.Message{Kind: message.Stage, Import: "a"})
	for _, sequence := range []int64{w.dead(message.Uploads)[0].Sequence, 77} {
		f, ok := errors.AsType[*message.Failure](w.replay().RunEvent(t.Context(), sequence))
		if !ok || f.Code != "replay.no-event" {
			t.Errorf("letter %d: %v, want replay.no-event", sequence, f)
		}
	}
	if w.take() != nil || len(w.dead(message.Uploads)) != 1 {
		t.Error("something was sent or removed")
	}
}

func TestDeadEventBehindManyOthersIsFoundAndRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 1100 {
		w.bury(message.Message{Kind: message.Event, Event: []byte(`{}`)})
	}
	last := w.dead(message.Uploads)[1099].Sequence
	if err := w.replay().RunEvent(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if n := len(w.dead(message.Uploads)); n != 1099 {
		t.Errorf("%d dead letters are left, want 1099", n)
	}
}

func TestBrokerErrorsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)))
	w.bus.Refuse(errCrash)
	_, err := w.replay().List(t.Context(), "")
	if _, tidy := w.replay().Tidy(t.Context()); !errors.Is(tidy, errCrash) || !errors.Is(err, errCrash) {
		t.Errorf("List: %v, Tidy: %v; want the broker's error", err, tidy)
	}
	if err := w.replay().RunEvent(t.Context(), 1); !errors.Is(err, errCrash) {
		t.Errorf("RunEvent: %v, want the broker's error", err)
	}
}
