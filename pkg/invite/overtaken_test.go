package invite_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// TestFailureOfAnotherDeliveryDuringThePost: the other one has lost its lock, so its dead letter is refused. This one makes it.
func TestFailureOfAnotherDeliveryDuringThePost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 1)
	w.dir.err = func(int) error {
		return w.step().Failed(t.Context(), m, &message.Failure{Code: "attempts.exhausted", Text: "503"})
	}
	err := w.deliver(m)
	if f, ok := errors.AsType[*message.Failure](err); !ok || f.Code != "attempts.exhausted" || w.entry("a").UserID == "" {
		t.Errorf("%v; row %+v, want the recorded failure, and the user's id kept", err, w.entry("a"))
	}
}

// TestFailureOfAnotherDeliveryLeavesNoLink, by whichever of the two dies or not: a replay asks for a new one.
func TestFailureOfAnotherDeliveryLeavesNoLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mode = "own"
	m := w.plan("a", 1)
	w.change("a", func(e *ledger.Entry) { e.Notify.State = ledger.Planned })
	w.dir.err = func(int) error {
		return w.step().Failed(t.Context(), m, &message.Failure{Code: "attempts.exhausted", Text: "503"})
	}
	if f, ok := errors.AsType[*message.Failure](w.deliver(m)); !ok || f.Code != "attempts.exhausted" {
		t.Errorf("%v, want the recorded failure", f)
	}
	if g, err := w.ledger.Guest(t.Context(), guest); err != nil || g.RedeemURL != "" || g.Invite != ledger.Invited {
		t.Errorf("%+v, %v, want an invited guest without a link", g, err)
	}
}

// still is a ledger in which something happens before the first entry is written.
type still struct {
	ledger.Store
	then func()
}

func (l still) UpdateEntry(ctx context.Context, id, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error) {
	l.then()
	return l.Store.UpdateEntry(ctx, id, guest, change)
}

// TestLateRecordKeepsTheNewUserID: a worker stands still between the guest's row and the entry; meanwhile the account is deleted,
// and another delivery has the guest invited anew.
func TestLateRecordKeepsTheNewUserID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.plan("a", 1)
	s := w.step()
	s.Ledger = still{w.ledger, sync.OnceFunc(func() {
		w.now = w.now.Add(20 * time.Minute)
		_, _, err := w.ledger.UpdateEntry(t.Context(), "a", guest, func(e *ledger.Entry) error {
			e.UserID = "user-made-anew"
			e.Invite.End(ledger.Done, w.now)
			e.Targets[0].Send(w.now)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})}
	if err := s.Do(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if id := w.entry("a").UserID; id != "user-made-anew" {
		t.Errorf("the entry's user is %s, who is deleted; its target is still to be granted", id)
	}
}
