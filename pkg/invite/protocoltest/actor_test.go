package protocoltest_test

import (
	"context"
	"fmt"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/crashtest"
	"guestlist/pkg/invite"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/notify"
)

// order lets an actor do what it is waiting to do.
type order struct {
	way       way
	slow, die bool
}

// actor is a worker that runs the real step in a goroutine and stops before everything that others can see or that it
// reads.
type actor struct {
	*real
	at     string // what it waits to do; empty if it does nothing
	stops  chan string
	orders chan order
	err    error
}

// ask stops before an act until the order comes.
func (a *actor) ask(what string) order {
	a.stops <- what
	o := <-a.orders
	if o.die {
		panic(crashtest.ErrCrash)
	}
	return o
}

func (w *real) start(m message.Message) *actor {
	a := &actor{real: w, stops: make(chan string), orders: make(chan order)}
	var do func(context.Context, message.Message) error
	holder := func() string { return fmt.Sprint("worker-", w.holders.Add(1)) }
	if m.Kind == message.Invite {
		do = (&invite.Step{Ledger: stepping{w.ledger, a}, Directory: a, Bus: gated{w.bus, a}, Pacer: w.pacer, Holder: holder, Mode: invite.None,
			Cancelled: ledger.NewFlags(w.ledger, 0).Cancelled, Lease: lease * tickOf, UncertainWait: bound * tickOf}).Do
	} else {
		do = (&notify.Step{Ledger: stepping{w.ledger, a}, Transport: postbox{a}, Bus: gated{w.bus, a}, Holder: holder, Lease: lease * tickOf,
			Sender: notify.Sender{From: "invitations@contoso.example", Language: "en"}, Redeem: a.redeem}).Do
	}
	go func() {
		var process crashtest.Process
		a.err = process.Run(func() error { return do(w.t.Context(), m) })
		a.stops <- ""
	}()
	a.at = <-a.stops
	return a
}

// step gives the order and waits until the actor stops again.
func (a *actor) step(o order) {
	a.orders <- o
	a.at = <-a.stops
}

// Find implements [invite.Directory].
func (a *actor) Find(context.Context, string) (string, error) {
	a.ask("find")
	if a.users == 0 || a.now().Before(a.shown) {
		return "", nil
	}
	return userID, nil
}

// Confirm implements [invite.Directory].
func (a *actor) Confirm(context.Context, string, string) (bool, error) { return a.users > 0, nil }

// Invite implements [invite.Directory].
func (a *actor) Invite(_ context.Context, i invite.Invitation) (invite.Invited, error) {
	o := a.ask("post")
	a.posts++
	gone := fmt.Errorf("%w: the connection broke", invite.ErrUncertain)
	switch o.way {
	case normal:
		return a.land(i.Mail, o.slow), nil
	case lostDone:
		a.land(i.Mail, o.slow)
		return invite.Invited{}, gone
	case refusedSurely:
		return invite.Invited{}, &message.Later{After: time.Second, Why: "throttled"}
	}
	return invite.Invited{}, gone
}

func (a *actor) redeem(ctx context.Context, _ ledger.Entry, begin notify.Begin) (string, string, error) {
	_, cancel, err := begin(ctx)
	if err != nil {
		return "", "", err
	}
	defer cancel()
	o := a.ask("redeem")
	a.posts++
	if o.way == lostUndone {
		return "", "", fmt.Errorf("%w: the connection broke", invite.ErrUncertain)
	}
	made := a.land(false, false)
	if o.way == lostDone {
		return "", "", fmt.Errorf("%w: the connection broke", invite.ErrUncertain)
	}
	return made.UserID, made.RedeemURL, nil
}

// postbox is the mail server.
type postbox struct{ *actor }

// Send implements [notify.Transport].
func (a postbox) Send(_ context.Context, m notify.Mail) error {
	o := a.ask("mail")
	if o.way == normal || o.way == lostDone {
		a.ours = append(a.ours, m.MessageID)
	}
	switch o.way {
	case normal:
		return nil
	case refusedSurely:
		return &message.Later{After: time.Second, Why: "too many mails"}
	}
	return fmt.Errorf("%w: the connection broke", notify.ErrUncertain)
}

// stepping is the ledger, one call at a time.
type stepping struct {
	ledger.Store
	*actor
}

// Now implements ledger.Store.
func (s stepping) Now(ctx context.Context) (time.Time, error) {
	s.ask("now")
	return s.Store.Now(ctx)
}

// Entry implements ledger.Entries.
func (s stepping) Entry(ctx context.Context, importID, guest string) (ledger.Entry, error) {
	s.ask("entry")
	return s.Store.Entry(ctx, importID, guest)
}

// Guest implements ledger.Guests.
func (s stepping) Guest(ctx context.Context, key string) (ledger.Guest, error) {
	s.ask("row")
	return s.Store.Guest(ctx, key)
}

// Claim implements ledger.Guests.
func (s stepping) Claim(ctx context.Context, key, holder string, d time.Duration) (ledger.Guest, error) {
	s.ask("claim")
	return s.Store.Claim(ctx, key, holder, d)
}

// SaveGuest implements ledger.Guests.
func (s stepping) SaveGuest(ctx context.Context, g ledger.Guest) (ledger.Guest, error) {
	if g.Holder == "" {
		s.ask("release")
	} else {
		s.ask("save")
	}
	return s.Store.SaveGuest(ctx, g)
}

// UpdateEntry implements ledger.Entries.
func (s stepping) UpdateEntry(ctx context.Context, importID, guest string, change func(*ledger.Entry) error) (ledger.Entry, ledger.Tally, error) {
	s.ask("update")
	return s.Store.UpdateEntry(ctx, importID, guest, change)
}

// gated is the broker, one send at a time.
type gated struct {
	bus.Sender
	*actor
}

// Send implements bus.Sender.
func (g gated) Send(ctx context.Context, msgs ...message.Message) error {
	g.ask("send")
	return g.Sender.Send(ctx, msgs...)
}
