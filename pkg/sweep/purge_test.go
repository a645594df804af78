package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/blobstore/memblob"
	"guestlist/pkg/bus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
	"guestlist/pkg/report"
	"guestlist/pkg/sweep"
	"guestlist/pkg/work"
)

const purgeAfter = 90 * 24 * time.Hour

// archive is a world with blob storage and old imports.
type archive struct {
	*world
	blobs   *memblob.Store
	process crashtest.Process
	files   int // how often files were removed
}

func newArchive(t *testing.T) *archive {
	w := newWorld(t)
	return &archive{world: w, blobs: memblob.New("account", func() time.Time { return w.now })}
}

// old is an import that has ended, with guests, grants, work files, results of two revisions, and a dead letter.
func (a *archive) old(id string, finished time.Time, guests int) {
	a.t.Helper()
	var all []ledger.Entry
	by := map[string]string{}
	for n := range guests {
		all = append(all, guest(n, ended(ledger.Done), ended(ledger.Done), ended(ledger.Failed)))
		by[guestOf(n)] = id
	}
	a.imports(ledger.Import{ID: id, State: ledger.Running, Reported: 2, Revision: 2, Finished: finished, Created: a.now.AddDate(-1, 0, 0), Path: "a/b.csv"}, all...)
	if err := a.ledger.Grant(a.t.Context(), all[0].Targets[0].Key(), by); err != nil {
		a.t.Fatal(err)
	}
	base := "partners/a/b.csv/20251124T090000Z-" + id
	for container, paths := range map[string][]string{
		work.Container:   {id + "/run1/part-00.jsonl", id + "/run2/part-00.jsonl", id + "/run2/report-x-00.jsonl"},
		report.Container: {base + ".result.csv", base + ".summary.json", base + ".r2.failed.csv"},
	} {
		for _, path := range paths {
			if err := a.blobs.Create(a.t.Context(), container, path).Close(); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	m := message.Message{Kind: message.Assign, Import: id, Guest: guestOf(0), Target: 1, Generation: 1}
	if err := a.bus.Send(a.t.Context(), m); err != nil {
		a.t.Fatal(err)
	}
	d, _ := a.bus.Receive(message.Assignments)
	if err := a.bus.DeadLetter(a.t.Context(), message.Assignments, d.LockToken, "group.forbidden", "No."); err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) replay() *replay.Replay {
	return &replay.Replay{Ledger: a.ledger, Bus: a.bus, DeadLetters: a.bus}
}

// letters are dead letters whose removal is an act.
func (a *archive) letters(ctx context.Context, imports map[string]bool) (int, error) {
	return crashtest.Act(&a.process, func() (int, error) { return a.replay().RemoveAll(ctx, imports) })
}

func (a *archive) remove(ctx context.Context, i ledger.Import) error {
	_, err := crashtest.Act(&a.process, func() (struct{}, error) {
		a.files++
		return struct{}{}, errors.Join(work.Remove(ctx, a.blobs, i.ID), report.Remove(ctx, a.blobs, i))
	})
	return err
}

func (a *archive) purging() *sweep.Sweep {
	s := a.sweep()
	s.Ledger = a.process.Ledger(a.ledger)
	s.Purge = sweep.Purge{After: purgeAfter, Files: a.remove, Letters: a.letters}
	return s
}

// run sweeps once; a crash ends it wherever it was.
func (a *archive) run() error {
	return a.process.Run(func() error { return a.purging().Run(a.t.Context()) })
}

// left tells what there is of an import, in words; empty if there is nothing.
func (a *archive) left(id string) (left []string) {
	a.t.Helper()
	ctx := a.t.Context()
	if _, err := a.ledger.Import(ctx, id); err == nil {
		left = append(left, "row")
	}
	for part := range ledger.Parts {
		for range a.ledger.ListEntries(ctx, id, part, "") {
			left = append(left, "entries")
		}
	}
	for _, container := range []string{work.Container, report.Container} {
		for b, err := range a.blobs.List(ctx, container, "") {
			if err != nil {
				a.t.Fatal(err)
			}
			if strings.HasPrefix(b.Path, id+"/") || strings.Contains(b.Path, "-"+id+".") {
				left = append(left, container)
			}
		}
	}
	letters, err := a.bus.Browse(ctx, message.Assignments, 100)
	if err != nil {
		a.t.Fatal(err)
	}
	if slices.ContainsFunc(letters, func(d bus.DeadLetter) bool { return d.Message.Import == id }) {
		left = append(left, "dead letter")
	}
	by, err := a.ledger.GrantedBy(ctx, "group:g0:", []string{guestOf(0), guestOf(1), guestOf(2)})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, granted := range by {
		if granted == id {
			left = append(left, "grant")
		}
	}
	slices.Sort(left)
	return slices.Compact(left)
}

func TestOldImportsAreRemoved(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	all := []string{"dead letter", "entries", "grant", "results", "row", "work"}
	a.old("old1", a.now.Add(-purgeAfter-time.Hour), 3)
	if got := a.left("old1"); cmp.Diff(all, got) != "" {
		t.Fatalf("before: %q", got)
	}
	a.old("old2", a.now.Add(-purgeAfter-time.Second), 2) // grants two of them again
	a.old("young", a.now.Add(-purgeAfter+time.Second), 1)
	if err := a.run(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"old1", "old2"} {
		if got := a.left(id); got != nil {
			t.Errorf("of %s there is left: %q", id, got)
		}
	}
	if got := a.left("young"); cmp.Diff(all, got) != "" {
		t.Errorf("of young there is left only %q", got)
	}
}

// TestWorkThatIsOpenIsNotRemoved, however old it is.
func TestWorkThatIsOpenIsNotRemoved(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	long := a.now.AddDate(-1, 0, 0)
	a.old("replayed", long, 1)
	a.setImport("replayed", func(i *ledger.Import) { i.Revision++ })
	a.imports(ledger.Import{ID: "held", State: ledger.Held, Created: long})
	a.imports(ledger.Import{ID: "open guest", State: ledger.Running, Reported: 1, Finished: long}, guest(0, sent(a.now)))
	if err := a.run(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"replayed", "held", "open guest"} {
		if i := a.get(id); i.Purged != 0 {
			t.Errorf("%s is being removed", id)
		}
	}
}

// TestPurgeGoesOnAfterACrashAnywhere kills the sweep before and after each of its acts. Until the row goes, it leads to
// what is left.
func TestPurgeGoesOnAfterACrashAnywhere(t *testing.T) {
	t.Parallel()
	points := 0
	for ; ; points++ {
		a := newArchive(t)
		a.old("old", a.now.Add(-purgeAfter-time.Hour), 3)
		a.process.DieAt(points)
		err := a.run()
		if !a.process.Died() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if left := a.left("old"); len(left) > 0 && !slices.Contains(left, "row") {
			t.Errorf("point %d: the row went before %q", points, left)
		}
		if _, err := a.ledger.Import(t.Context(), "old"); err == nil && points > 1 {
			if _, err := a.replay().Run(t.Context(), replay.Selection{Import: "old"}); message.AsFailure(err, "").Code != "import.purged" {
				t.Errorf("point %d: replayed: %v", points, err)
			}
		}
		if err := a.run(); err != nil {
			t.Errorf("point %d: %v", points, err)
		}
		if left := a.left("old"); left != nil {
			t.Errorf("point %d: there is left %q", points, left)
		}
	}
	if points < 2*8 {
		t.Errorf("%d points; the acts are not wrapped", points)
	}
}

// TestReplayOvertakesThePurge: a replay that was there first keeps the import; one that comes later is told.
func TestReplayOvertakesThePurge(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.old("old", a.now.Add(-purgeAfter-time.Hour), 2)
	first := func() {
		if _, err := a.replay().Run(t.Context(), replay.Selection{Import: "old"}); err != nil {
			t.Error(err)
		}
	}
	s := a.purging()
	s.Ledger = overtaken{a.ledger, &first}
	if err := s.Run(t.Context()); err != nil || a.files != 0 {
		t.Errorf("%v; files removed %d times", err, a.files)
	}
	if i := a.get("old"); i.Purged != 0 || !i.Open() || a.entry("old", 1).Targets[1].State != ledger.Sent {
		t.Errorf("%+v; want the replayed import as it was", i)
	}
	if err := a.run(); err != nil || a.get("old").Purged != 0 {
		t.Errorf("removed by the next sweep: %v", err)
	}
}

func TestSweepsAtOncePurgeTogether(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for n := range 30 {
		a.old(fmt.Sprint("old", n), a.now.Add(-purgeAfter-time.Hour), 3)
	}
	errs := make(chan error, 4)
	for range cap(errs) {
		s := a.purging()
		s.Ledger, s.Tidy = a.ledger, func(context.Context) (int, error) { return 0, nil }
		s.Purge.Files = func(ctx context.Context, i ledger.Import) error { return work.Remove(ctx, a.blobs, i.ID) }
		s.Purge.Letters = a.replay().RemoveAll
		go func() { errs <- s.Run(t.Context()) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for range a.ledger.ListImports(t.Context(), false) {
		t.Fatal("an import is left")
	}
}

// TestRowThatAnotherSweepStillNeedsIsLeft: no error, and the next sweep goes on.
func TestRowThatAnotherSweepStillNeedsIsLeft(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.old("old", a.now.Add(-purgeAfter-time.Hour), 2)
	s := a.purging()
	s.Purge.Letters = func(context.Context, map[string]bool) (int, error) {
		a.setImport("old", func(i *ledger.Import) { i.Purged++ })
		return 0, nil
	}
	if err := s.Run(t.Context()); err != nil || a.get("old").Purged == 0 {
		t.Errorf("%v; import %+v, want it left to the other sweep", err, a.get("old"))
	}
	if err := a.run(); err != nil || a.left("old") != nil {
		t.Errorf("%v; left %q", err, a.left("old"))
	}
}

// TestPurgeThatStoodStillLeavesTheImportThatCameAgain: another sweep removed the old one meanwhile, and somebody has replayed its
// upload event, which makes an import of the same id.
func TestPurgeThatStoodStillLeavesTheImportThatCameAgain(t *testing.T) {
	t.Parallel()
	for still := 1; ; still++ { // at each write to the import's row, and then before the entries are removed
		a := newArchive(t)
		a.old("old", a.now.Add(-purgeAfter-time.Hour), 2)
		calls := 0
		s := a.purging()
		s.Ledger = slow{a.ledger, func() {
			if calls++; calls == still {
				if err := a.run(); err != nil {
					t.Error(err)
				}
				a.imports(ledger.Import{ID: "old", State: ledger.Running}, guest(7, sent(a.now)))
			}
		}}
		if err := s.Run(t.Context()); err != nil {
			t.Errorf("stood still at %d: %v", still, err)
		}
		if calls < still {
			if still < 4 {
				t.Errorf("it could stand still %d times", calls)
			}
			return
		}
		if i := a.get("old"); i.Purged != 0 || !i.Open() || a.entry("old", 7).Invite.State != ledger.Sent {
			t.Errorf("stood still at %d: %+v", still, i)
		}
	}
}

// slow is a ledger in which something happens before the row of an import is read or written.
type slow struct {
	*memledger.Store
	before func()
}

func (l slow) UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error) {
	l.before()
	return l.Store.UpdateImport(ctx, id, change)
}

func (l slow) Import(ctx context.Context, id string) (ledger.Import, error) {
	l.before()
	return l.Store.Import(ctx, id)
}

// TestOneOldImportDoesNotStopTheOthers, and not more than fifty are removed in one sweep.
func TestOneOldImportDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	for n := range 60 {
		a.old(fmt.Sprintf("old%02d", n), a.now.Add(-purgeAfter-time.Hour+time.Duration(n)), 1)
	}
	s := a.purging()
	remove := s.Purge.Files
	s.Purge.Files = func(ctx context.Context, i ledger.Import) error {
		if i.ID == "old00" {
			return errors.New("403 container is locked")
		}
		return remove(ctx, i)
	}
	for sweeps, want := range []int{60 - 49, 1} {
		if err := s.Run(t.Context()); err == nil {
			t.Error("the trouble with one was not told")
		}
		n := 0
		for range a.ledger.ListImports(t.Context(), false) {
			n++
		}
		if n != want {
			t.Errorf("after sweep %d there are %d imports, want %d", sweeps+1, n, want)
		}
	}
	if err := a.run(); err != nil || a.left("old00") != nil {
		t.Errorf("%v; left %q", err, a.left("old00"))
	}
}

// TestPurgeStopsInTime: what is not removed after a minute is left to the next sweep, and is no error.
func TestPurgeStopsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t)
		a.old("old", a.now.Add(-purgeAfter-time.Hour), 1)
		s := a.purging()
		s.Purge.Files = func(ctx context.Context, _ ledger.Import) error {
			<-ctx.Done()
			return ctx.Err()
		}
		start := time.Now()
		if err := s.Run(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if err := a.run(); err != nil || a.left("old") != nil {
			t.Errorf("the next sweep: %v; left %q", err, a.left("old"))
		}
	})
}
