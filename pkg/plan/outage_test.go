package plan_test

import (
	"context"
	"errors"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// flaky is a ledger of which every so many-th write of entries fails; those before it were done.
type flaky struct {
	ledger.Store
	every, writes int
}

func (f *flaky) fails() error {
	if f.writes++; f.writes%f.every == 0 {
		return errors.New("no connection")
	}
	return nil
}

func (f *flaky) InsertEntries(ctx context.Context, entries []ledger.Entry) (int, error) {
	if err := f.fails(); err != nil {
		return 0, err
	}
	return f.Store.InsertEntries(ctx, entries)
}

func (f *flaky) UpdateEntries(ctx context.Context, importID string, guests []string, change func(*ledger.Entry) error) ([]ledger.Entry, error) {
	if err := f.fails(); err != nil {
		return nil, err
	}
	return f.Store.UpdateEntries(ctx, importID, guests, change)
}

// TestOutageNowAndThenDoesNotBeginThePlanAnew: a plan goes on where it was, so that it ends even if one of three writes fails.
func TestOutageNowAndThenDoesNotBeginThePlanAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.allow(nil)
	l := &flaky{Store: w.ledger, every: 3}
	w.plan.Ledger = l
	if err := w.deliver(w.put("a.csv", rows(300))); err != nil {
		t.Fatal(err)
	}
	tally, err := w.ledger.Tally(t.Context(), w.only().ID)
	if err != nil || w.only().State != ledger.Running || tally.InviteSent != 300 || w.different(message.Invite) != 300 {
		t.Errorf("%s, %+v, %d invitations, %v", w.only().State, tally, w.different(message.Invite), err)
	}
	if l.writes > 400 { // 64 parts, each inserted and sent, and half as many failures
		t.Errorf("%d writes", l.writes)
	}
}
