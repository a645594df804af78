package notify_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
)

const (
	address = "ana@partner.example"
	userID  = "user-of-ana"
	secret  = "https://redeem.example/?ticket=SECRET"
)

var guest = message.GuestKey(address)

// world is a ledger with one guest who was invited, a mail server, and a clock that only the test moves.
type world struct {
	t       *testing.T
	now     time.Time
	ledger  *memledger.Store
	bus     *membus.Bus
	server  *server
	pace    notify.Pace
	renewed int
	turn    time.Duration // how long a new redeem link waits for its turn
	process crashtest.Process
	holders int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.ledger, w.bus = memledger.New(clock), membus.New(membus.Options{Now: clock})
	w.server = &server{w: w}
	w.row(func(g *ledger.Guest) {
		g.UserID, g.Invite, g.Mode, g.InvitedBy, g.RedeemURL = userID, ledger.Invited, "own", "a", secret
	})
	return w
}

// row changes the guest's row.
func (w *world) row(change func(*ledger.Guest)) {
	w.t.Helper()
	g, err := w.ledger.Claim(w.t.Context(), guest, "test", time.Hour)
	if err == nil {
		change(&g)
		g.Holder, g.Until = "", time.Time{}
		_, err = w.ledger.SaveGuest(w.t.Context(), g)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) guest() ledger.Guest {
	w.t.Helper()
	g, err := w.ledger.Guest(w.t.Context(), guest)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// plan inserts the guest's entry into an import: invited, one target granted, the mail sent for.
func (w *world) plan(importID string, change func(*ledger.Entry)) message.Message {
	w.t.Helper()
	if _, _, err := w.ledger.CreateImport(w.t.Context(), ledger.Import{ID: importID, State: ledger.Running, Revision: 1, Created: w.now}); err != nil {
		w.t.Fatal(err)
	}
	done := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Done}
	e := ledger.Entry{Import: importID, Guest: guest, Address: address, DisplayName: "Ana", Lines: []int{2}, RedirectURL: "https://apps.example/",
		Text: "Welcome <b>Ana</b>", Mail: "own", UserID: userID, Invite: done,
		Targets: []ledger.Target{{Kind: ledger.Group, ID: "g", Name: "Partners", Step: done}},
		Notify:  ledger.Step{Generation: 1, State: ledger.Sent, Due: w.now}}
	if change != nil {
		change(&e)
	}
	if _, err := w.ledger.InsertEntries(w.t.Context(), []ledger.Entry{e}); err != nil {
		w.t.Fatal(err)
	}
	return message.Message{Kind: message.Notify, Import: importID, Guest: guest, Generation: 1, Attempt: 1, Source: "partners"}
}

func (w *world) step() *notify.Step {
	return &notify.Step{Ledger: w.process.Ledger(w.ledger), Transport: w.server,
		Bus:    w.process.Sender(w.bus),
		Sender: notify.Sender{From: "invitations@contoso.example", Organization: "Contoso", Language: "en"}, Pace: w.pace,
		Redeem: func(ctx context.Context, _ ledger.Entry, begin notify.Begin) (string, string, error) {
			w.now = w.now.Add(w.turn)
			_, cancel, err := begin(ctx)
			if err != nil {
				return "", "", err
			}
			defer cancel()
			type renewal struct{ id, url string }
			r, err := crashtest.Act(&w.process, func() (renewal, error) {
				w.renewed++
				return renewal{userID, fmt.Sprint(secret, w.renewed)}, nil
			})
			return r.id, r.url, err
		},
		Holder: func() string { w.holders++; return fmt.Sprint("worker-", w.holders) }, Lease: 2 * time.Minute}
}

// deliver runs Do once; a crash ends it wherever it was.
func (w *world) deliver(m message.Message) error {
	return w.process.Run(func() error { return w.step().Do(w.t.Context(), m) })
}

// settle delivers m as a broker and the verdict engine would until it is done, moving the clock instead of waiting.
func (w *world) settle(m message.Message) error {
	w.t.Helper()
	for range 300 {
		err := w.deliver(m)
		later, isLater := errors.AsType[*message.Later](err)
		failure, isFailure := errors.AsType[*message.Failure](err)
		if isLater {
			next, spent := m.Delayed(later, w.now)
			if m = next; spent == nil {
				w.now = w.now.Add(later.After)
				continue
			}
			failure, isFailure = spent, true
		} else if err != nil && !isFailure && !errors.Is(err, crashtest.ErrCrash) {
			next, ok := m.Retried(w.now)
			if w.now = w.now.Add(time.Minute); ok {
				m = next
				continue
			}
			failure, isFailure = message.AsFailure(err, "attempts.exhausted"), true
		}
		switch {
		case err == nil:
			return nil
		case isFailure:
			if err := w.step().Failed(w.t.Context(), m, failure); err != nil {
				w.t.Fatal(err)
			}
			return failure
		}
		w.now = w.now.Add(3 * time.Second) // a crash: redelivered soon
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

func (w *world) update(importID string, change func(*ledger.Entry)) {
	w.t.Helper()
	if _, _, err := w.ledger.UpdateEntry(w.t.Context(), importID, guest, func(e *ledger.Entry) error { change(e); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) reports() (n int) {
	for _, m := range w.bus.Sent() {
		if m.Kind == message.Report {
			n++
		}
	}
	return n
}

// server is a mail server: what it took, and what it answers.
type server struct {
	w      *world
	taken  []notify.Mail
	offers int
	// answer is the verdict on the n-th offer, and whether the mail was taken all the same.
	answer func(n int, m notify.Mail) (error, bool)
}

func (s *server) Send(_ context.Context, m notify.Mail) error {
	_, err := crashtest.Act(&s.w.process, func() (struct{}, error) {
		s.offers++
		if s.answer != nil {
			if err, taken := s.answer(s.offers, m); err != nil {
				if taken {
					s.taken = append(s.taken, m)
				}
				return struct{}{}, err
			}
		}
		s.taken = append(s.taken, m)
		return struct{}{}, nil
	})
	return err
}

// to returns the mails that an address got.
func (s *server) to(a string) (all []notify.Mail) {
	for _, m := range s.taken {
		if m.To == a {
			all = append(all, m)
		}
	}
	return all
}

var _ notify.Transport = (*server)(nil)
