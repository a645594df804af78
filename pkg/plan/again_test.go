package plan_test

import (
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
		"ana@partner.example,Ana,World,,," + groupB + ",,\n" +
		"ANA@partner.example,Anna,Hello,,," + groupA + ",,\n"
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
}
