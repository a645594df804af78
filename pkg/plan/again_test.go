package plan_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

func TestOldGenerationsActOnNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	if err := w.one(w.put("a.csv", rows(3))); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []message.Kind{message.Stage, message.Plan} {
		m := w.sent[len(w.sent)-1]
		if m.Kind != kind {
			t.Fatalf("the last message is a %s, want a %s", m.Kind, kind)
		}
		before, sent := w.only(), len(w.sent)
		old := m
		old.Generation--
		if err := w.one(old); err != nil {
			t.Fatal(err)
		}
		if i := w.only(); i.Version != before.Version || len(w.sent) != sent {
			t.Errorf("a %s message of an older generation left %+v and sent %d messages", kind, i, len(w.sent)-sent)
		}
		if err := w.one(m); err != nil {
			t.Fatal(err)
		}
		sent = len(w.sent)
		if err := w.one(old); err != nil || len(w.sent) != sent {
			t.Errorf("after the %s an older message of it: %v, %d messages", kind, err, len(w.sent)-sent)
		}
	}
	if n := w.different(message.Invite); n != 3 {
		t.Errorf("%d invitations, want 3", n)
	}
}

// TestTheImportKnowsWhatBecameOfItsMessage postpones a stage and a plan, and has them fail as a whole.
func TestTheImportKnowsWhatBecameOfItsMessage(t *testing.T) {
	t.Parallel()
	for before, kind := range map[int]message.Kind{1: message.Stage, 2: message.Plan} {
		w := newWorld(t)
		w.allow(nil)
		m := w.put("a.csv", rows(3))
		for range before {
			if err := w.one(m); err != nil {
				t.Fatal(err)
			}
			m = w.sent[len(w.sent)-1]
		}
		old, until := m, w.now.Add(20*time.Minute)
		old.Generation--
		if m.Kind != kind {
			t.Fatalf("the last message is a %s, want a %s", m.Kind, kind)
		}
		for _, p := range []struct {
			message.Message
			until time.Time
		}{{m, until}, {old, until.Add(time.Hour)}} {
			if err := w.plan.Postponed(t.Context(), p.Message, p.until); err != nil {
				t.Fatal(err)
			}
		}
		if i := w.only(); !i.Phase().Due.Equal(until) {
			t.Errorf("%s: due %s, want %s", kind, i.Phase().Due, until)
		}
		f := &message.Failure{Code: "attempts.exhausted", Text: "503"}
		for _, failed := range []message.Message{old, m} {
			if err := w.plan.Failed(t.Context(), failed, f); err != nil {
				t.Fatal(err)
			}
		}
		if i := w.only(); i.State != ledger.Broken || i.Code != f.Code || i.Text != f.Text || w.different(message.Report) != 1 {
			t.Errorf("%s: import %+v and %d reports", kind, i, w.different(message.Report))
		}
		if err := w.plan.Do(t.Context(), m); !errors.Is(err, message.ErrNever) {
			t.Errorf("%s: a redelivery must be dead-lettered again: %v", kind, err)
		}
	}
}

// TestRowsOfOneGuestAreMerged names a guest in three rows, in letters of either case.
func TestRowsOfOneGuestAreMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	file := header +
		"Ana@Partner.example,,Hello,,," + groupA + ",,\n" +
		"ana@partner.example,Ana,World,https://apps.example/a,," + groupB + ",boss@partner.example,de\n" +
		"ANA@partner.example,Anna,Hello,https://apps.example/b,," + groupA + ",other@partner.example,fr\n"
	if err := w.deliver(w.put("a.csv", file)); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.Rows != 3 || i.GuestsPlanned != 1 || w.different(message.Invite) != 1 {
		t.Errorf("%d rows, %d guests, %d invitations; want 3, 1, 1", i.Rows, i.GuestsPlanned, w.different(message.Invite))
	}
	e := w.entry("ana@partner.example")
	if len(e.Lines) != 3 || len(e.Targets) != 2 || e.Text != "Hello\n\nWorld" || e.DisplayName != "Ana" {
		t.Errorf("entry: lines %v, %d targets, text %q, name %q", e.Lines, len(e.Targets), e.Text, e.DisplayName)
	}
	if e.RedirectURL != "https://apps.example/a" || e.CC != "boss@partner.example" || e.Language != "de" {
		t.Errorf("entry: page %s, copy to %s, language %s; want those of the first row that has some", e.RedirectURL, e.CC, e.Language)
	}
}

// TestMessagesOfAnImportThatIsOverActOnNothing delivers late what belongs to an import that was purged, or is not planned.
func TestMessagesOfAnImportThatIsOverActOnNothing(t *testing.T) {
	t.Parallel()
	for _, state := range []ledger.ImportState{ledger.Held, ledger.Refused, ledger.Superseded} {
		w := newWorld(t)
		w.allow(nil)
		for _, m := range []message.Message{w.put("a.csv", rows(3)), {}} {
			if m.Kind == "" {
				m = w.sent[len(w.sent)-1] // the stage
			}
			if err := w.one(m); err != nil {
				t.Fatal(err)
			}
		}
		m := w.sent[len(w.sent)-1]
		_, err := w.ledger.UpdateImport(t.Context(), m.Import, func(i *ledger.Import) error { i.State = state; return nil })
		sent := len(w.sent)
		purged := m
		purged.Import = "0123456789abcdef0123"
		err = errors.Join(err, w.one(m), w.one(purged))
		purged.Kind = message.Stage
		err = errors.Join(err, w.one(purged), w.plan.Postponed(t.Context(), purged, w.now), w.plan.Failed(t.Context(), purged, &message.Failure{Code: "x"}))
		if i := w.only(); m.Kind != message.Plan || err != nil || i.State != state || len(w.sent) != sent {
			t.Errorf("%s message, %v: import %+v, %d messages", m.Kind, err, i, len(w.sent)-sent)
		}
	}
}

// meddling is a directory that has something happen to the import while stage asks it.
type meddling struct {
	*world
	do func(*ledger.Import)
}

func (d meddling) Group(ctx context.Context, t ledger.Target) (ledger.Target, error) {
	for _, i := range d.imports() {
		if _, err := d.ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error { d.do(i); return nil }); err != nil {
			return t, err
		}
	}
	return d.world.Group(ctx, t)
}

// TestStageThatWasOvertakenRecordsNothing has the sweep take the stage for lost while it reads: the message that the sweep
// sent reads again.
func TestStageThatWasOvertakenRecordsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	if err := w.one(w.put("a.csv", rows(3))); err != nil {
		t.Fatal(err)
	}
	w.plan.Directory = meddling{w, func(i *ledger.Import) { i.Stage.Generation++ }}
	if err := w.one(w.sent[0]); err != nil {
		t.Fatal(err)
	}
	if i := w.only(); i.State != ledger.Staging || i.Run != "" || len(w.sent) != 1 {
		t.Errorf("import %+v, %d messages sent", i, len(w.sent)-1)
	}
}

func TestStageOfACancelledImportReadsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	if err := w.one(w.put("a.csv", rows(3))); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger.UpdateImport(t.Context(), w.only().ID, func(i *ledger.Import) error { i.Cancelled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.one(w.sent[0]); err != nil || len(w.asked) != 0 || len(w.sent) != 1 || w.only().State != ledger.Staging {
		t.Errorf("%v: asked for %v, %d messages sent, import %+v", err, w.asked, len(w.sent)-1, w.only())
	}
}

// TestLongPlanIsHandedOver has each part take a minute: no message works for longer than four, and all guests are sent.
func TestLongPlanIsHandedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	w.plan.Now = func() time.Time { w.now = w.now.Add(time.Minute); return w.now }
	if err := w.deliver(w.put("a.csv", rows(60))); err != nil {
		t.Fatal(err)
	}
	if n := w.different(message.Plan); n < 10 {
		t.Errorf("%d plan messages for an hour of planning, want at least 10", n)
	}
	if i := w.only(); i.State != ledger.Running || w.different(message.Invite) != 60 {
		t.Errorf("import %+v, %d invitations", i, w.different(message.Invite))
	}
}
