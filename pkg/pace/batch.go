package pace

import (
	"context"
	"time"

	"guestlist/pkg/ledger"
)

// bookTime limits one booking; the ledger gives up by itself about then.
const bookTime = 15 * time.Second

// enqueue hands a request to whoever books, and starts somebody if nobody does.
func (p *Pacer) enqueue(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, r)
	if !p.booking {
		p.booking = true
		go p.bookAll()
	}
}

// bookAll books until nobody waits for it.
func (p *Pacer) bookAll() {
	for {
		batch, succeeded := p.take()
		if len(batch) == 0 {
			return
		}
		p.book(batch, succeeded)
	}
}

// take returns what waits to be booked, assignments first, and the successes to be written with it.
func (p *Pacer) take() (batch []*request, succeeded int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, invitations := range []bool{false, true} {
		for _, r := range p.queue {
			if r.invitation == invitations && !r.gone {
				batch = append(batch, r)
			}
		}
	}
	p.queue, p.booking = nil, len(batch) > 0
	if !p.booking {
		return nil, 0
	}
	succeeded, p.succeeded = p.succeeded, 0
	return batch, succeeded
}

// book books what it can of a batch in one update of the row, in the name of its first, and puts the rest back for the next.
func (p *Pacer) book(batch []*request, succeeded int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), bookTime)
	defer cancel()
	taken := 0
	t, err := p.ledger.UpdateTenant(ctx, func(t *ledger.Tenant, now time.Time) error {
		before := *t
		*t = p.settings.Fill(*t)
		t.Ramp.Succeeded += succeeded
		taken = bookBatch(t, now, batch)
		if *t == before {
			return ledger.ErrUnchanged
		}
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.succeeded += succeeded
		taken = len(batch)
	}
	for _, r := range batch[:taken] {
		if err != nil {
			r.err = ledger.Unreachable(err)
		}
		if r.err == nil && !r.gone {
			p.waiting[r] = struct{}{}
		}
		close(r.done)
	}
	p.queue = append(batch[taken:], p.queue...)
	p.voidBefore(t)
}

// bookBatch books requests in order and returns how many were judged: as many as are worth one portion of time, but at
// least one. The row may be read several times, so nothing is kept of an earlier run.
func bookBatch(t *ledger.Tenant, now time.Time, batch []*request) int {
	end, local := next(t.Writes, now).Add(portion), time.Now()
	for i, r := range batch {
		if i > 0 && t.Writes.Next.After(end) {
			return i
		}
		book, latest := bookWrite, now.Add(24*time.Hour)
		if r.invitation {
			book = bookInvitation
		}
		if !r.latest.IsZero() {
			latest = now.Add(r.latest.Sub(local))
		}
		at, err := book(t, now, latest)
		r.booked, r.wait, r.since, r.err = now, at.Sub(now), local, err
	}
	return len(batch)
}

// learn looks at a row that was read.
func (p *Pacer) learn(t ledger.Tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.voidBefore(t)
}

// voidBefore ends the bookings that were made before a halving of their bucket: the rate that they were made at does not
// hold any more, and Microsoft Graph would refuse them.
func (p *Pacer) voidBefore(t ledger.Tenant) {
	for r := range p.waiting {
		if r.booked.Before(t.Writes.Halved) || r.invitation && r.booked.Before(t.Invitations.Halved) {
			delete(p.waiting, r)
			close(r.void)
		}
	}
}
