package replay_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/replay"
)

func sorted(all []brief) []brief {
	slices.SortFunc(all, func(a, b brief) int {
		return cmp.Or(cmp.Compare(a.Guest, b.Guest), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Target, b.Target))
	})
	return all
}

func TestFailedInvitationIsReplayedAndReopensTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rejected := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Rejected, Code: "target.forbidden", Text: "no"}
	w.imports("a", guest(0, failed(refuse), failed(refuse), rejected))
	w.change("a", 0, func(e *ledger.Entry) { e.Notify = failed(refuse) })
	w.now = w.now.Add(time.Hour)
	res, sent := w.run(replay.Selection{Import: "a"})
	if diff := gocmp.Diff([]brief{{message.Invite, "a", guestOf(0), 0, 2}}, sent); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if want := (replay.Result{Import: "a", Revision: 2, Guests: 1, Messages: 1}); res != want {
		t.Errorf("result %+v, want %+v", res, want)
	}
	e := w.entry("a", 0)
	planned := ledger.Step{Generation: 2, State: ledger.Planned}
	want := []ledger.Step{{Generation: 2, State: ledger.Sent, Due: w.now}, planned, rejected, planned}
	if diff := gocmp.Diff(want, []ledger.Step{e.Invite, e.Targets[0].Step, e.Targets[1].Step, e.Notify}); diff != "" {
		t.Errorf("steps, -want +got:\n%s", diff)
	}
}

func TestOnlyFailedTargetsAreReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	waiting := ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now}
	cancelled := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Cancelled, Code: "import.cancelled"}
	w.imports("a", guest(0, done(), done(), failed(gone), waiting), guest(1, done(), done()), guest(2, done(), failed(gone)), guest(3, cancelled, cancelled))
	before := []*ledger.Entry{w.entry("a", 1), w.entry("a", 3)}
	w.now = w.now.Add(time.Minute)
	res, sent := w.run(replay.Selection{Import: "a"})
	want := sorted([]brief{{message.Assign, "a", guestOf(0), 1, 2}, {message.Assign, "a", guestOf(2), 0, 2}})
	if diff := gocmp.Diff(want, sorted(sent)); diff != "" {
		t.Errorf("sent, -want +got:\n%s", diff)
	}
	if res.Guests != 2 || res.Messages != 2 {
		t.Errorf("result %+v, want two guests and two messages", res)
	}
	if diff := gocmp.Diff(before, []*ledger.Entry{w.entry("a", 1), w.entry("a", 3)}); diff != "" {
		t.Errorf("guests without a failed step changed:\n%s", diff)
	}
	e := w.entry("a", 0)
	if e.Invite != done() || e.Targets[0].Step != done() || e.Targets[2].Step != waiting {
		t.Errorf("steps that had not failed changed: %+v", e)
	}
	if s := e.Targets[1].Step; s != (ledger.Step{Generation: 2, State: ledger.Sent, Due: w.now}) {
		t.Errorf("the failed step: %+v; want it sent now and its failure forgotten", s)
	}
}

func TestSelections(t *testing.T) {
	t.Parallel()
	other := &message.Failure{Code: "app.unknown", Text: "Register it."}
	entries := func() []ledger.Entry {
		return []ledger.Entry{guest(0, done(), failed(gone), failed(other)), guest(1, done(), failed(gone)), guest(2, failed(refuse), failed(refuse)),
			guest(3, failed(refuse), failed(gone))}
	}
	all := []brief{{message.Assign, "a", guestOf(0), 0, 2}, {message.Assign, "a", guestOf(0), 1, 2}, {message.Assign, "a", guestOf(1), 0, 2},
		{message.Invite, "a", guestOf(2), 0, 2}, {message.Invite, "a", guestOf(3), 0, 2}}
	for name, c := range map[string]struct {
		sel  replay.Selection
		want []brief
	}{
		"everything":                  {replay.Selection{}, all},
		"a code":                      {replay.Selection{Code: "group.unknown"}, []brief{all[0], all[2]}},
		"the invitation's code":       {replay.Selection{Code: "invite.address-refused"}, all[3:]},
		"a guest":                     {replay.Selection{Guest: guestOf(0)}, all[:2]},
		"a code of a guest":           {replay.Selection{Guest: guestOf(0), Code: "app.unknown"}, all[1:2]},
		"a guest of another's import": {replay.Selection{Guest: guestOf(9)}, nil},
		"a code that nothing has":     {replay.Selection{Code: "group"}, nil},
		"a code of another guest":     {replay.Selection{Guest: guestOf(1), Code: "app.unknown"}, nil},
	} {
		w := newWorld(t)
		w.imports("a", entries()...)
		w.imports("b", entries()...)
		c.sel.Import = "a"
		guests := map[string]bool{}
		for _, b := range c.want {
			guests[b.Guest] = true
		}
		if n, err := w.replay().Count(t.Context(), c.sel); n != len(guests) || err != nil {
			t.Errorf("%s: Count says %d, %v; want %d", name, n, err, len(guests))
		}
		_, err := w.replay().Run(t.Context(), c.sel)
		if diff := gocmp.Diff(sorted(slices.Clone(c.want)), sorted(w.take())); diff != "" || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v; sent, -want +got:\n%s", name, err, diff)
		}
		if w.get("b").Revision != 1 {
			t.Errorf("%s: another import was touched", name)
		}
	}
}

func TestNothingToReplayChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), done()))
	before := w.get("a")
	_, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"})
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "replay.nothing" {
		t.Errorf("got %v, want replay.nothing", err)
	}
	if diff := gocmp.Diff(before, w.get("a")); diff != "" || w.take() != nil {
		t.Errorf("the import changed, or something was sent:\n%s", diff)
	}
	if _, err := w.replay().Run(t.Context(), replay.Selection{Import: "x"}); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("unknown import: %v", err)
	}
}

func TestSecondReplayFindsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)), guest(1, done(), failed(gone)))
	w.run(replay.Selection{Import: "a"})
	_, err := w.replay().Run(t.Context(), replay.Selection{Import: "a"})
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "replay.nothing" || w.get("a").Revision != 2 {
		t.Errorf("got %v at revision %d, want replay.nothing at 2", err, w.get("a").Revision)
	}
}

func TestReplayOpensAFinishedOrCancelledImportAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, done(), failed(gone)))
	if _, err := w.ledger.UpdateImport(t.Context(), "a", func(i *ledger.Import) error { i.Cancelled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	w.run(replay.Selection{Import: "a"})
	i := w.get("a")
	if i.Cancelled || !i.Finished.IsZero() || !i.Open() || i.State != ledger.Running {
		t.Errorf("import %+v; want it running, open, not cancelled and not finished", i)
	}
}

func TestOneGuestIsReplayedAndNotItsNeighbour(t *testing.T) {
	t.Parallel()
	other := 1
	for ledger.PartOf(guestOf(other)) != ledger.PartOf(guestOf(0)) {
		other++
	}
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse)), guest(other, failed(refuse)))
	if _, sent := w.run(replay.Selection{Import: "a", Guest: guestOf(0)}); len(sent) != 1 || sent[0].Guest != guestOf(0) {
		t.Errorf("sent %+v, want one message of the guest that was chosen", sent)
	}
}

// TestTargetThatFailedByItselfIsNotReopenedWithTheInvitation: its own cause is not mended by it.
func TestTargetThatFailedByItselfIsNotReopenedWithTheInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.imports("a", guest(0, failed(refuse), failed(gone), failed(refuse)))
	w.run(replay.Selection{Import: "a"})
	e := w.entry("a", 0)
	if e.Targets[0].Step != failed(gone) || e.Targets[1].State != ledger.Planned {
		t.Errorf("targets %+v; want the first as it was, the second planned", e.Targets)
	}
}
