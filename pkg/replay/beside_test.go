package replay_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/work"
)

var errKilled = errors.New("killed")

// TestReplayThatDiesAtItsLastPageIsFinished: the guests of the first page have ended and are reported on; whether the process
// dies right before or right after those of the last page are reopened, all of them end and are reported on.
func TestReplayThatDiesAtItsLastPageIsFinished(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		w := newWorld(t)
		w.imports("a", many(50)...)
		pages, dead := 0, false
		r := w.replay()
		r.Ledger = watching{Store: w.ledger, before: func(what string) error {
			if what == "UpdateEntries" {
				if pages++; pages == 2 {
					w.endSent(50)
					w.mustReport(w.ledger)
					dead = !after
				}
			}
			if dead {
				return errKilled
			}
			return nil
		}, after: func(what string) { dead = dead || what == "UpdateEntries" && pages == 2 }}
		r.Bus = until{w.bus, &dead}
		if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); !errors.Is(err, errKilled) {
			t.Fatalf("after %t: %v", after, err)
		}
		w.take()
		for range 4 {
			w.sweepAndWork(31 * time.Minute)
		}
		left := 0
		for n := range 50 {
			if w.entry("a", n).Targets[0].Outcome == ledger.Failed {
				left++
			}
		}
		i, _ := w.ledger.Tally(t.Context(), "a")
		if i.Open != 0 || w.get("a").Open() || after && left != 0 || !after && left != 10 {
			t.Errorf("after %t: %d are open, import open: %t, %d as they were", after, i.Open, w.get("a").Open(), left)
		}
	}
}

// sweepAndWork sweeps after a while, and does what was sent.
func (w *world) sweepAndWork(after time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(after)
	if err := w.sweep().Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	for _, b := range w.take() {
		switch b.Kind {
		case message.Report:
			w.mustReport(w.ledger)
		case message.Assign:
			_, _, err := w.ledger.UpdateEntry(w.t.Context(), b.Import, b.Guest, func(e *ledger.Entry) error {
				e.Targets[b.Target].End(ledger.Done, w.now)
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// until is a broker that a process reaches until it is dead.
type until struct {
	*membus.Bus
	dead *bool
}

func (u until) Send(ctx context.Context, msgs ...message.Message) error {
	if *u.dead {
		return errKilled
	}
	return u.Bus.Send(ctx, msgs...)
}

// TestReplayThatStoodStill: the results are written while the process stands still, before it keeps the import open for its
// last page, or after that; in the second case it then dies. Nobody is reopened whom no sweep sees.
func TestReplayThatStoodStill(t *testing.T) {
	t.Parallel()
	for _, between := range []bool{true, false} {
		w := newWorld(t)
		w.imports("a", many(50)...)
		still := func() {
			w.endSent(50)
			w.now = w.now.Add(6 * time.Minute)
			w.mustReport(w.ledger)
		}
		pages, dead := 0, false
		r := w.replay()
		r.Ledger = watching{Store: w.ledger, before: func(what string) error {
			switch {
			case dead:
				return errKilled
			case what == "UpdateEntries":
				if pages++; pages == 2 && !between {
					still()
				}
			}
			return nil
		}, after: func(what string) {
			switch {
			case what == "UpdateEntries" && pages == 1 && between:
				still()
			case what == "UpdateEntries" && pages == 2 && !between:
				dead = true
			}
		}}
		_, err := r.Run(t.Context(), replay.Selection{Import: "a"})
		tally, terr := w.ledger.Tally(t.Context(), "a")
		i := w.get("a")
		if terr != nil || tally.Open > 0 && !i.Open() || (err == nil) != between || (tally.Open > 0) != between {
			t.Errorf("between pages %t: %v, %v; %d are open, revision %d of which %d is reported", between, err, terr, tally.Open, i.Revision, i.Reported)
		}
	}
}

// TestCancelDuringAReplayIsKept: the operator was told that the import is cancelled.
func TestCancelDuringAReplayIsKept(t *testing.T) {
	t.Parallel()
	for _, state := range []ledger.ImportState{ledger.Running, ledger.Broken} {
		w := newWorld(t)
		w.create(ledger.Import{ID: "a", State: state, Code: "plan.broke", Revision: 1, Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
		w.insert("a", guest(0, done(), failed(gone)), guest(1, ledger.Step{Generation: 1, State: ledger.Waiting, Wait: ledger.WaitDay}))
		once := sync.OnceFunc(func() {
			if _, err := sweep.Cancel(t.Context(), w.ledger, "a"); err != nil {
				t.Error(err)
			}
		})
		r := w.replay()
		r.Ledger = watching{Store: w.ledger, before: func(string) error { once(); return nil }}
		_, err := r.Run(t.Context(), replay.Selection{Import: "a"})
		if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "replay.cancelling" || !w.get("a").Cancelled || w.get("a").State != state {
			t.Errorf("%s: %v; %+v, want it cancelled", state, err, w.get("a"))
		}
		w.now = w.now.Add(time.Minute)
		if err := w.sweep().Run(t.Context()); err != nil || w.entry("a", 1).Outcome() != ledger.Cancelled {
			t.Errorf("%s: %v; %+v, want nobody invited", state, err, w.entry("a", 1).Invite)
		}
	}
}

// listed is a ledger in which something happens after the open imports were listed.
type listed struct {
	*memledger.Store
	then func()
}

func (l listed) ListImports(ctx context.Context, open bool) iter.Seq2[ledger.Import, error] {
	return func(yield func(ledger.Import, error) bool) {
		for i, err := range l.Store.ListImports(ctx, open) {
			l.then()
			if !yield(i, err) {
				return
			}
		}
	}
}

// sweepOf sweeps what was listed before something happened.
func (w *world) sweepOf(then func()) {
	w.t.Helper()
	s := w.sweep()
	s.Ledger = listed{w.ledger, sync.OnceFunc(then)}
	if err := s.Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestSweepOfAnEarlierListLeavesAReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(ledger.Import{ID: "a", State: ledger.Running, Cancelled: true, Revision: 1, Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	w.insert("a", guest(0, done(), failed(gone)))
	w.sweepOf(func() {
		if res, _ := w.run(replay.Selection{Import: "a"}); res.Messages != 1 {
			t.Errorf("replay: %+v", res)
		}
	})
	if s := w.entry("a", 0).Targets[0].Step; s.State != ledger.Sent {
		t.Errorf("the replayed target is %+v", s)
	}
}

func TestSweepOfAnEarlierListLeavesARestartedPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(ledger.Import{ID: "a", State: ledger.Broken, Code: "attempts.exhausted", Revision: 1, Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	w.sweepOf(func() {
		w.run(replay.Selection{Import: "a"})
		w.insert("a", guest(0, ledger.Step{Generation: 1, State: ledger.Planned})) // the plan goes on
	})
	if s := w.entry("a", 0).Invite; s.State != ledger.Planned {
		t.Errorf("import %s; the guest who was just planned is %+v", w.get("a").State, s)
	}
}

// TestResultsBegunBetweenTwoPagesAreNotTheLast: the first page's guests have ended, and the last of them has asked for the
// report, which is still being written when the second page's have ended too.
func TestResultsBegunBetweenTwoPagesAreNotTheLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(ledger.Import{ID: "a", State: ledger.Running, Revision: 1, Reported: 1, Finished: w.now, Rows: 50, Run: "r", Stage: ledger.Phase{Generation: 1}, Plan: ledger.Phase{Generation: 1}})
	w.insert("a", many(50)...)
	w.workFiles(50)
	wrote, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	early := &report.Step{Blobs: w.blobs, Ledger: watching{Store: w.ledger, before: func(what string) error {
		if what == "UpdateImport" { // its files are written
			close(wrote)
			<-finish
		}
		return nil
	}}}
	pages := 0
	r := w.replay()
	r.Ledger = watching{Store: w.ledger, before: func(what string) error {
		if what != "UpdateEntries" {
			return nil
		}
		if pages++; pages == 2 {
			w.endSent(50)
			go func() { ended <- early.Do(t.Context(), message.NewReport(message.Message{Import: "a"})) }()
			select {
			case <-wrote:
			case err := <-ended: // it did not begin
				ended <- err
			}
		}
		return nil
	}}
	if _, err := r.Run(t.Context(), replay.Selection{Import: "a"}); err != nil {
		t.Fatal(err)
	}
	w.endSent(50)
	close(finish)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.mustReport(w.ledger) // the last guest asks for it
	if i, text := w.get("a"), w.results(); i.Open() || strings.Contains(text, ",partial,") || strings.Count(text, ",done,") != 50 {
		t.Errorf("revision %d of %d is reported:\n%s", i.Reported, i.Revision, text)
	}
}

// TestReplayAsksForResultsThatCouldNotBeWritten: every guest had ended before the replay had.
func TestReplayAsksForResultsThatCouldNotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", many(3)...)
	r := w.replay()
	r.Ledger = watching{Store: w.ledger, after: func(what string) {
		if what == "UpdateEntries" {
			w.endSent(3)
			w.mustReport(w.ledger)
		}
	}}
	res, err := r.Run(t.Context(), replay.Selection{Import: "a"})
	if err != nil || !w.get("a").Open() {
		t.Fatalf("%v; %+v, want it open", err, w.get("a"))
	}
	sent := w.take()
	if last := sent[len(sent)-1]; last.Kind != message.Report || res.Messages != 3 {
		t.Fatalf("sent %+v, want a report at last; %+v", sent, res)
	}
	if w.mustReport(w.ledger); w.get("a").Open() {
		t.Errorf("%+v, want it reported", w.get("a"))
	}
}

// workFiles writes the rows that results are made of.
func (w *world) workFiles(n int) {
	w.t.Helper()
	files := work.NewWriter(w.t.Context(), w.blobs, "a/r")
	var err error
	for g := range n {
		err = errors.Join(err, files.Add(work.Row{Line: g + 2, Cells: []string{"x"}, Guest: guestOf(g), Targets: []ledger.Target{{Kind: ledger.Group, ID: "g0"}}}))
	}
	if err = errors.Join(err, files.Header([]string{"Email"}), files.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// results returns the last result file of import a.
func (w *world) results() string {
	w.t.Helper()
	b, _, err := w.blobs.Open(w.t.Context(), report.Container, strings.TrimSuffix(w.get("a").Results, ".summary.json")+".result.csv", "")
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := io.ReadAll(b)
	if err = errors.Join(err, b.Close()); err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
