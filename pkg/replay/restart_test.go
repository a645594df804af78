package replay_test

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

var errBroker = errors.New("503 server busy")

func TestBrokenImportIsRestartedWhereItBroke(t *testing.T) {
	t.Parallel()
	for kind, i := range map[message.Kind]ledger.Import{
		message.Stage: {Stage: ledger.Phase{Generation: 3}},
		message.Plan:  {Stage: ledger.Phase{Generation: 3}, Plan: ledger.Phase{Generation: 5}},
	} {
		w := newWorld(t)
		i.ID, i.State, i.Code, i.Text, i.Revision, i.Reported, i.Finished = "a", ledger.Broken, "attempts.exhausted", "It broke.", 1, 1, w.now
		i.ReportDue = w.now.Add(time.Hour)
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
		if p := after.Phase(); after.Final() || after.Code != "" || after.Text != "" || !after.Open() || !after.Finished.IsZero() || !after.ReportDue.IsZero() ||
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
	w.bus.Refuse(errBroker)
	if _, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"}); !errors.Is(err, errBroker) {
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

// TestRestartReplaysThoseWhoFailedWithThePlan and not those who failed for a reason of their own.
func TestRestartReplaysThoseWhoFailedWithThePlan(t *testing.T) {
	t.Parallel()
	broke := &message.Failure{Code: "attempts.exhausted", Text: "It broke."}
	w := newWorld(t)
	w.create(ledger.Import{ID: "a", State: ledger.Broken, Code: broke.Code, Text: broke.Text, Revision: 1, Reported: 1,
		Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	w.insert("a", guest(0, failed(broke), failed(broke)), guest(1, failed(refuse)), guest(2, done(), failed(gone)))
	res, sent := w.run(replay.Selection{Import: "a"})
	want := []brief{{Kind: message.Plan, Import: "a", Generation: 2}, {message.Invite, "a", guestOf(0), 0, 2}}
	if diff := gocmp.Diff(want, sent); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if want := (replay.Result{Import: "a", Revision: 2, Guests: 1, Messages: 2}); res != want {
		t.Errorf("result %+v, want %+v", res, want)
	}
	if e := w.entry("a", 0); e.Targets[0].State != ledger.Planned {
		t.Errorf("target %+v, want planned", e.Targets[0].Step)
	}
}

// TestImportThatIsBeingCancelledIsNotReplayed: its open guests would be invited after all.
func TestImportThatIsBeingCancelledIsNotReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), failed(gone)), guest(1, ledger.Step{Generation: 1, State: ledger.Planned}))
	if _, err := w.ledger.UpdateImport(t.Context(), "a", func(i *ledger.Import) error { i.Cancelled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	before := w.get("a")
	_, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"})
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "replay.cancelling" {
		t.Errorf("got %v, want replay.cancelling", err)
	}
	if diff := gocmp.Diff(before, w.get("a")); diff != "" || w.take() != nil {
		t.Errorf("the import changed, or something was sent:\n%s", diff)
	}
}

// TestReportOfAReplayIsNotHeldBack by one that a sweep asks for before the guests are reopened.
func TestReportOfAReplayIsNotHeldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), failed(gone)))
	r := w.replay()
	r.Ledger = watching{Store: w.ledger, before: func(what string) error {
		if what == "UpdateEntries" {
			return w.sweep().Run(t.Context())
		}
		return nil
	}}
	if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); err != nil {
		t.Fatal(err)
	}
	if reports := w.bus.Depth(message.Reports).Active; reports != 1 {
		t.Fatalf("the sweep asked for %d reports, want one", reports)
	}
	if due := w.get("a").ReportDue; !due.IsZero() {
		t.Errorf("the sweep would not ask again before %s", due)
	}
}
