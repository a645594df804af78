package replay_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
)

// watching is a ledger that calls back at some of its calls. The names are those of its methods.
type watching struct {
	*memledger.Store
	before func(what string) error // an error is what the call returns
	after  func(what string)
}

func (l watching) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	if err := l.call("UpdateImport"); err != nil {
		return ledger.Import{}, err
	}
	return l.Store.UpdateImport(ctx, id, change)
}

func (l watching) UpdateEntries(ctx context.Context, id string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	if err := l.call("UpdateEntries"); err != nil {
		return nil, err
	}
	all, err := l.Store.UpdateEntries(ctx, id, guests, change)
	if l.after != nil {
		l.after("UpdateEntries")
	}
	return all, err
}

func (l watching) ListEntries(ctx context.Context, id string, part int, after string) iter.Seq2[ledger.Entry, error] {
	if err := l.call("ListEntries"); err != nil {
		return func(yield func(ledger.Entry, error) bool) { yield(ledger.Entry{}, err) }
	}
	return l.Store.ListEntries(ctx, id, part, after)
}

func (l watching) Tally(ctx context.Context, id string) (ledger.Tally, error) {
	t, err := l.Store.Tally(ctx, id)
	if l.after != nil {
		l.after("Tally")
	}
	return t, err
}

func (l watching) call(what string) error {
	if l.before == nil {
		return nil
	}
	return l.before(what)
}

func (w *world) mustReport(l ledger.Store) {
	w.t.Helper()
	if err := (&report.Step{Ledger: l, Blobs: w.blobs}).Do(w.t.Context(), message.NewReport(message.Message{Import: "a"})); err != nil {
		w.t.Fatal(err)
	}
}

// mustBeOpen fails if no sweep would see the guests that are open, and if there are none.
func (w *world) mustBeOpen(when string) {
	w.t.Helper()
	t, err := w.ledger.Tally(w.t.Context(), "a")
	if err != nil {
		w.t.Fatal(err)
	}
	if i := w.get("a"); t.Open == 0 || !i.Open() {
		w.t.Errorf("%s: %d open guests, revision %d of which %d is reported; nobody would report on them", when, t.Open, i.Revision, i.Reported)
	}
}

// many returns n guests whose target failed: more than one batch of a replay.
func many(n int) (all []ledger.Entry) {
	for g := range n {
		all = append(all, guest(g, done(), failed(gone)))
	}
	return all
}

// TestRevisionIsRaisedBeforeTheEntries, also if results of the revision before are still to be written, or are being.
func TestRevisionIsRaisedBeforeTheEntries(t *testing.T) {
	t.Parallel()
	for _, reported := range []int{0, 1} {
		w := newWorld(t)
		w.imports("a", many(100)...)
		w.reported("a", reported)
		batches := 0
		r := w.replay()
		r.Ledger = watching{Store: w.ledger, before: func(what string) error {
			if i := w.get("a"); what == "UpdateEntries" {
				if batches++; !i.Open() || i.Revision != 2 {
					t.Errorf("entries are reopened at revision %d of which %d is reported", i.Revision, i.Reported)
				}
			}
			return nil
		}}
		if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); err != nil || batches < 2 {
			t.Errorf("%v; %d batches, want several", err, batches)
		}
	}
}

// reported says which revision of an import's results was written last.
func (w *world) reported(id string, revision int) {
	w.t.Helper()
	if _, err := w.ledger.UpdateImport(w.t.Context(), id, func(i *ledger.Import) error { i.Reported = revision; return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// TestResultsWrittenDuringAReplayAreNotTheLast lets every guest that was reopened end, and the report be written, before
// the next guests are reopened.
func TestResultsWrittenDuringAReplayAreNotTheLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", many(100)...)
	r := w.replay()
	r.Ledger = watching{Store: w.ledger, before: func(what string) error {
		if what == "UpdateEntries" {
			w.endSent(100)
			w.mustReport(w.ledger)
		}
		return nil
	}}
	res, err := r.Run(t.Context(), replay.Selection{Import: "a"})
	if err != nil {
		t.Fatal(err)
	}
	w.mustBeOpen("after the replay")
	if i := w.get("a"); res.Revision != i.Revision || res.Messages != 100 {
		t.Errorf("result %+v, import at revision %d; want the last revision and 100 messages", res, i.Revision)
	}
}

func TestReplayOvertakenByAnotherRaisesEachStepOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", many(3)...)
	var first replay.Result
	r := w.replay()
	r.Ledger = watching{Store: w.ledger, before: func(what string) error {
		if what == "UpdateEntries" {
			first, _ = w.run(replay.Selection{Import: "a"})
			w.now = w.now.Add(time.Second)
		}
		return nil
	}}
	if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); err != nil {
		t.Fatal(err)
	}
	if first.Messages != 3 {
		t.Fatalf("the other replay: %+v", first)
	}
	for n := range 3 {
		if s := w.entry("a", n).Targets[0].Step; s.Generation != 2 || s.State != ledger.Sent {
			t.Errorf("guest %d: %+v, want generation 2", n, s)
		}
	}
	for _, b := range w.take() {
		if b.Generation != 2 {
			t.Errorf("sent %+v, want at most copies of generation 2", b)
		}
	}
}

// endSent ends the targets of import a that were sent.
func (w *world) endSent(n int) {
	for g := range n {
		if w.entry("a", g).Targets[0].State == ledger.Sent {
			w.change("a", g, func(e *ledger.Entry) { e.Targets[0].End(ledger.Done, w.now) })
		}
	}
}

// TestReportThatIsOvertakenByAReplayIsNotRecorded starts a replay after each time that a report has counted the guests.
func TestReportThatIsOvertakenByAReplayIsNotRecorded(t *testing.T) {
	t.Parallel()
	counts := 0
	for at := 1; at <= max(1, counts); at++ {
		w := newWorld(t)
		w.imports("a", guest(0, done(), failed(gone)), guest(1, done(), done()))
		if _, err := w.ledger.UpdateImport(t.Context(), "a", func(i *ledger.Import) error { i.Revision++; return nil }); err != nil {
			t.Fatal(err)
		}
		n := 0
		w.mustReport(watching{Store: w.ledger, after: func(what string) {
			if what != "Tally" {
				return
			}
			if n++; n == at {
				// What a replay does that raised the revision before the report began.
				w.reopenAt(t)
			}
		}})
		counts = max(counts, n)
		if n >= at {
			w.mustBeOpen("after a report that was overtaken")
		}
	}
	if counts < 2 {
		t.Errorf("the report counts %d times, want at least twice", counts)
	}
}

// reopenAt replays the failed guest of import a, leaving out the first raise of the revision.
func (w *world) reopenAt(t *testing.T) {
	raised := false
	r := w.replay()
	r.Ledger = skipFirstRaise{watching{Store: w.ledger}, &raised}
	if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); err != nil {
		t.Fatal(err)
	}
}

type skipFirstRaise struct {
	watching
	raised *bool
}

func (l skipFirstRaise) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	if !*l.raised {
		*l.raised = true
		return l.Import(ctx, id)
	}
	return l.Store.UpdateImport(ctx, id, change)
}
