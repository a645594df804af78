package functionshost

import (
	"context"
	"errors"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

const (
	settleTime  = time.Minute      // for one settlement with its retries; the real client's try time-out
	linkTime    = 3 * time.Second  // of that, for the link that brought the message
	renewBefore = 10 * time.Second // how long before its end a lock is renewed; half its time for short ones
)

// delivery is one message on its way through the function.
type delivery struct {
	queue   *queue
	message *azservicebus.ReceivedMessage
	link    context.Context // ends when the link that brought it is known to be gone
}

// settlement is a way to settle: what to do, and what to count.
type settlement struct {
	name  string
	act   func(context.Context, *azservicebus.Receiver, *azservicebus.ReceivedMessage) error
	count func(*Counts)
}

// handle runs the message through the function and settles it.
func (d *delivery) handle() {
	c, err := d.queue.call(d.message)
	if err != nil {
		d.log("Message cannot be bound", err)
		d.abandon()
		return
	}
	stop := d.keepLock()
	err = d.queue.host.invoke(c)
	stop()
	switch {
	case err != nil:
		d.abandon()
	case d.queue.function.Queue.AutoComplete:
		d.complete()
	}
}

func (d *delivery) complete() {
	d.settle(settlement{"complete", func(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
		return r.CompleteMessage(ctx, m, nil)
	}, func(n *Counts) { n.Completed++ }})
}

func (d *delivery) abandon() {
	d.settle(settlement{"abandon", func(ctx context.Context, r *azservicebus.Receiver, m *azservicebus.ReceivedMessage) error {
		return r.AbandonMessage(ctx, m, nil)
	}, func(n *Counts) { n.Abandoned++ }})
}

// settle tells the broker. A lost lock is one line and nothing more: the handler may have settled by itself.
func (d *delivery) settle(s settlement) {
	err := d.try(s)
	tally, name := &d.queue.host.tally, d.queue.function.Name
	switch {
	case err == nil:
		tally.function(name, s.count)
	case lockLost(err):
		tally.function(name, func(n *Counts) { n.LocksLost++ })
		d.log("MessageLockLost: could not "+s.name, err)
	default:
		d.log("Could not "+s.name+", the lock will expire", err)
	}
}

// try settles on the link that brought the message. If that is gone it settles by lock token on the present one, as the
// real host's client does by itself; the Go client would go on trying the dead link.
func (d *delivery) try(s settlement) error {
	ctx, cancel := d.settleContext()
	defer cancel()
	if done, err := d.tryLink(ctx, s); done {
		return err
	}
	return s.act(ctx, d.queue.present(), &azservicebus.ReceivedMessage{LockToken: d.message.LockToken})
}

// tryLink settles on the link, while it is there, and reports whether that is the end of it.
func (d *delivery) tryLink(ctx context.Context, s settlement) (done bool, err error) {
	d.queue.settling.RLock()
	defer d.queue.settling.RUnlock()
	if d.link.Err() != nil || !d.queue.listens() {
		return false, nil
	}
	onLink, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	defer context.AfterFunc(d.link, cancel)()
	err = s.act(onLink, d.queue.receiver.Load(), d.message)
	return err == nil || lockLost(err) || ctx.Err() != nil, err
}

// settleContext bounds a settlement, and more tightly from the moment that the host stops.
func (d *delivery) settleContext() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	forget := context.AfterFunc(d.queue.host.life, func() { time.AfterFunc(closeTime, cancel) })
	return ctx, func() {
		forget()
		cancel()
	}
}

func lockLost(err error) bool {
	var e *azservicebus.Error
	return errors.As(err, &e) && e.Code == azservicebus.CodeLockLost
}

// keepLock renews the lock until the returned function is called, the lock is lost, or maxAutoLockRenewalDuration is over.
// The function returns when no renewal is under way.
func (d *delivery) keepLock() (stop func()) {
	ctx, cancel := context.WithCancel(d.queue.host.life)
	if limit := d.queue.host.conf.ServiceBus.MaxLockRenewal; limit >= 0 {
		cancel()
		ctx, cancel = context.WithTimeout(d.queue.host.life, limit)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.renew(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (d *delivery) renew(ctx context.Context) {
	for m := (&azservicebus.ReceivedMessage{LockToken: d.message.LockToken, LockedUntil: d.message.LockedUntil}); m.LockedUntil != nil; {
		left := time.Until(*m.LockedUntil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(left-min(left/2, renewBefore), pollEvery)):
		}
		err := d.queue.present().RenewMessageLock(ctx, m, nil)
		switch {
		case ctx.Err() != nil:
			return
		case lockLost(err):
			d.queue.host.log.Debug("Lock is gone: settled by the handler, or expired", "messageId", d.message.MessageID)
			return
		case err != nil && time.Until(*m.LockedUntil) <= 0:
			d.log("Could not renew the lock before its end", err)
			return
		}
	}
}

func (d *delivery) log(what string, err error) {
	d.queue.host.log.Error(what, "function", d.queue.function.Name, "entity", d.queue.entity(), "messageId", d.message.MessageID, "error", err)
}
