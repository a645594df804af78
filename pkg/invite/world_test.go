package invite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

const address = "ana@partner.example"

var guest = message.GuestKey(address)

// world is one tenant: a ledger, a directory that shows new users late, and a clock that only the test moves.
type world struct {
	t       *testing.T
	now     time.Time
	ledger  *memledger.Store
	dir     *directory
	bus     *membus.Bus
	process crashtest.Process
	holders int
	mode    string
	pace    pace.Settings
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), mode: "microsoft",
		pace: pace.Settings{Writes: pace.Unlimited, Invitations: pace.Unlimited}}
	clock := func() time.Time { return w.now }
	w.ledger, w.bus = memledger.New(clock), membus.New(membus.Options{Now: clock})
	w.dir = &directory{w: w, lag: 10 * time.Second}
	return w
}

// plan inserts the guest's entry into an import, with targets planned.
func (w *world) plan(importID string, targets int) message.Message {
	w.t.Helper()
	ctx := w.t.Context()
	if _, _, err := w.ledger.CreateImport(ctx, ledger.Import{ID: importID, State: ledger.Running, Revision: 1, Created: w.now}); err != nil {
		w.t.Fatal(err)
	}
	e := ledger.Entry{Import: importID, Guest: guest, Address: address, Lines: []int{2}, RedirectURL: "https://apps.example/",
		Invite: ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now}, Notify: ledger.Step{State: ledger.Ended}}
	for i := range targets {
		e.Targets = append(e.Targets, ledger.Target{Kind: ledger.Group, ID: fmt.Sprint("g", i), Step: ledger.Step{Generation: 1, State: ledger.Planned}})
	}
	if _, err := w.ledger.InsertEntries(ctx, []ledger.Entry{e}); err != nil {
		w.t.Fatal(err)
	}
	return message.Message{Kind: message.Invite, Import: importID, Guest: guest, Generation: 1, Attempt: 1}
}

func (w *world) step() *invite.Step {
	return &invite.Step{Ledger: w.process.Ledger(w.ledger), Directory: w.dir,
		Bus: w.process.Sender(w.bus), Mode: w.mode, Pacer: pace.New(w.ledger, w.pace),
		Cancelled: ledger.NewFlags(w.ledger, 0).Cancelled,
		Holder:    func() string { w.holders++; return fmt.Sprint("worker-", w.holders) },
		Lease:     2 * time.Minute, UncertainWait: 15 * time.Minute}
}

// deliver runs Do once; a crash ends it wherever it was.
func (w *world) deliver(m message.Message) error {
	return w.process.Run(func() error { return w.step().Do(w.t.Context(), m) })
}

// settle delivers m as a broker and the verdict engine would until it is done, moving the clock instead of waiting.
func (w *world) settle(m message.Message) error {
	w.t.Helper()
	for range 200 {
		err := w.deliver(m)
		later, isLater := errors.AsType[*message.Later](err)
		failure, isFailure := errors.AsType[*message.Failure](err)
		switch {
		case err == nil:
			return nil
		case isLater:
			w.now = w.now.Add(later.After)
			m.Delay++
		case isFailure:
			if err := w.step().Failed(w.t.Context(), m, failure); err != nil {
				w.t.Fatal(err)
			}
			return failure
		default: // a crash or a failed attempt: redelivered soon
			w.now = w.now.Add(3 * time.Second)
		}
	}
	w.t.Fatal("the message was never done")
	return nil
}

func (w *world) entry(importID string) *ledger.Entry {
	w.t.Helper()
	e, err := w.ledger.Entry(w.t.Context(), importID, guest)
	if err != nil {
		w.t.Fatal(err)
	}
	return &e
}

// directory is a tenant: users by address, shown lag after they were made, and the mails that Microsoft sent.
type directory struct {
	w     *world
	lag   time.Duration
	made  map[string]time.Time
	users int
	mails int
	posts int
	err   func(n int) error // verdict on the n-th POST, before it does anything
	lost  func(n int) bool  // whether the answer of the n-th POST is lost
}

func (d *directory) Find(_ context.Context, a string) (string, error) {
	if made, ok := d.made[a]; ok && d.w.now.Sub(made) >= d.lag {
		return "user-of-" + a, nil
	}
	return "", nil
}

func (d *directory) Confirm(_ context.Context, id, a string) (bool, error) {
	_, there := d.made[a]
	return there && id == "user-of-"+a, nil
}

func (d *directory) Invite(_ context.Context, i invite.Invitation) (invite.Invited, error) {
	return crashtest.Act(&d.w.process, func() (invite.Invited, error) {
		d.posts++
		if d.err != nil {
			if err := d.err(d.posts); err != nil {
				return invite.Invited{}, err
			}
		}
		if d.made == nil {
			d.made = map[string]time.Time{}
		}
		if _, ok := d.made[i.Address]; !ok {
			d.made[i.Address] = d.w.now
			d.users++
		}
		if i.Mail {
			d.mails++
		}
		if d.lost != nil && d.lost(d.posts) {
			return invite.Invited{}, fmt.Errorf("%w: 504", invite.ErrUncertain)
		}
		return invite.Invited{UserID: "user-of-" + i.Address, RedeemURL: fmt.Sprint("https://redeem.example/", d.posts)}, nil
	})
}
