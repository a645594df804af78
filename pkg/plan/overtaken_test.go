package plan_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/sweep/sweeptest"
)

// TestRenamedThereAndBack: the stage comes while the file has another name, and the rename back keeps its ETag.
func TestRenamedThereAndBack(t *testing.T) {
	t.Parallel()
	w, store := newMoving(t)
	first := w.put("a.csv", version("b"))
	store.from, store.to = "a.csv", "b.csv"
	w.settled(first)
	if i := w.only(); i.State != ledger.Superseded || i.Code != "file.deleted" {
		t.Fatalf("%s %s, want it deleted under this name", i.State, i.Code)
	}
	store.from, store.to = "", "" // renamed back
	w.settled(w.renamed("a.csv", "b.csv"), w.renamed("b.csv", "a.csv"), w.renamed("b.csv", "a.csv"))
	ran := 0
	for _, i := range w.imports() {
		if i.State == ledger.Running && i.Path == "a.csv" && i.Open() {
			ran++
		}
	}
	if ran != 1 {
		t.Errorf("the file lies in the inbox under its name, and is imported %d times: %v", ran, w.outcome())
	}
}

// TestLateEventOfADeletedFileIsNoReturn: only who has seen the file knows that it came back.
func TestLateEventOfADeletedFileIsNoReturn(t *testing.T) {
	t.Parallel()
	w, store := newMoving(t)
	first := w.put("a.csv", version("b"))
	store.from, store.to = "a.csv", "elsewhere.csv"
	w.settled(first)
	w.settled(first)
	if i := w.only(); i.State != ledger.Superseded || i.Revision != 1 {
		t.Errorf("%+v, want it left as it was", i)
	}
}

// TestPolicyThatComesWhileAFileIsRead: the file is judged by it, though it was missing when the reading began.
func TestPolicyThatComesWhileAFileIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := &plan.Sources{Ledger: w.ledger, Blobs: w.blobs, Bus: w}
	w.settled(w.put("first.csv", version("b")))
	p, err := s.Propose(t.Context(), w.source, w.only().ID)
	w.must(err)
	released := 0
	w.plan.Blobs = &during{Blobs: w.blobs, inbox: w.inbox, after: 100, act: func() {
		var err error
		released, err = s.Add(t.Context(), p)
		w.must(err)
	}}
	w.settled(w.put("second.csv", version("b")))
	w.rest()
	if released != 1 {
		t.Errorf("%d held files are said to be judged again, want the first", released)
	}
	for _, i := range w.imports() {
		if i.State == ledger.Held {
			t.Errorf("%s is held as %s although the source has its policy", i.Path, i.Code)
		}
	}
}

// standing stands still before it inserts entries for the first time. lost is the error that it then returns.
type standing struct {
	ledger.Store
	act  func()
	lost error
}

func (s *standing) InsertEntries(ctx context.Context, e []ledger.Entry) (int, error) {
	act := s.act
	if act == nil || len(e) == 0 {
		return s.Store.InsertEntries(ctx, e)
	}
	s.act = nil
	act()
	n, err := s.Store.InsertEntries(ctx, e)
	return n, errors.Join(err, s.lost)
}

// ending sweeps and reports until an import has its results.
func (w *world) ending(id string) {
	w.t.Helper()
	for range 3 {
		w.now = w.now.Add(2 * time.Minute)
		sweeptest.Once(w.t, w.ledger, w)
		w.must((&report.Step{Ledger: w.ledger, Blobs: w.blobs}).Do(w.t.Context(), message.NewReport(message.Message{Import: id})))
	}
	t, err := w.ledger.Tally(w.t.Context(), id)
	w.must(err)
	if i := w.only(); i.Open() || t.Open > 0 {
		w.t.Fatalf("%d guests are open; %+v", t.Open, i)
	}
}

// plansThatEnd are ways in which an import's plan ends while one of its messages is worked on.
var plansThatEnd = map[string]func(*world, message.Message){
	"cancelled": func(w *world, m message.Message) {
		_, err := sweep.Cancel(w.t.Context(), w.ledger, m.Import)
		w.must(err)
		w.must(w.plan.Do(w.t.Context(), m)) // the redelivery
	},
	"failed": func(w *world, m message.Message) {
		w.must(w.plan.Failed(w.t.Context(), m, &message.Failure{Code: "delivery.exhausted", Text: "x"}))
	},
}

// stoodStill lets a planner work on the first message of a plan, and stand still until the plan has ended and the results are
// written. It returns the message and how the work on it ended.
func stoodStill(t *testing.T, lost error, end func(*world, message.Message)) (*world, message.Message, error) {
	t.Helper()
	w := newWorld(t)
	w.allow(nil)
	w.until(ledger.Planning, w.put("a.csv", version("a")))
	m := w.queue[0]
	w.queue = nil
	frozen := w.planner()
	frozen.Ledger = &standing{w.ledger, func() { end(w, m); w.ending(m.Import) }, lost}
	return w, m, frozen.Do(t.Context(), m)
}

// TestPlannerThatStoodStill goes on when another message of the plan has ended it, the import was cancelled or the plan failed as
// a whole, and the results are written. Nobody is invited any more, and nobody stays open.
func TestPlannerThatStoodStill(t *testing.T) {
	t.Parallel()
	for name, end := range plansThatEnd {
		t.Run(name, func(t *testing.T) {
			w, m, err := stoodStill(t, nil, end)
			w.must(err)
			w.ending(m.Import)
			if n := w.different(message.Invite); n > 0 {
				t.Errorf("%d guests are invited after the end", n)
			}
		})
	}
}

// TestPlannerThatStoodStillAndLostTheAnswer leaves it to its message, which comes again, to see that somebody is open.
func TestPlannerThatStoodStillAndLostTheAnswer(t *testing.T) {
	t.Parallel()
	for name, end := range plansThatEnd {
		t.Run(name, func(t *testing.T) {
			w, m, err := stoodStill(t, errors.New("storage: connection reset"), end)
			if err == nil { // it has handed over
				m = w.queue[slices.IndexFunc(w.queue, func(m message.Message) bool { return m.Kind == message.Plan })]
			}
			_ = w.plan.Do(t.Context(), m) // of a plan that failed: the failure
			w.ending(m.Import)
		})
	}
}
