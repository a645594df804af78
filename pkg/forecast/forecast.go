// Package forecast says when an import will have ended, and what it is that takes the time: the slow start of new
// invitations, the cap a day, Microsoft's limits, the mail provider's, or an open circuit breaker. It is for people, and on the late side: it
// takes every guest for a new one, and most files have some who exist already.
package forecast

import (
	"context"
	"fmt"
	"iter"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/pace"
)

// Expectation is when an import will have ended, as far as can be said, and why not earlier.
type Expectation struct {
	At    time.Time `json:"at,omitzero"` // zero if it cannot be said
	Cause Cause     `json:"cause"`
	Why   string    `json:"why"`
}

// Cause is a stable word for what takes the time.
type Cause string

// The causes.
const (
	Limit     Cause = "limit"     // Microsoft's limit of writes, or an operator's
	Throttled Cause = "throttled" // Microsoft Graph asked to slow down a moment ago
	Ramp      Cause = "ramp"      // the slow start of new invitations
	Cap       Cause = "cap"       // the cap of new invitations a day
	Mail      Cause = "mail"      // the mail provider's limit, or mails that are still under way
	Breaker   Cause = "breaker"   // the circuit breaker is open
)

// Ledger is the part of the ledger that this package reads.
type Ledger interface {
	Now(ctx context.Context) (time.Time, error)
	Tenant(ctx context.Context) (ledger.Tenant, error)
	Breaker(ctx context.Context) (ledger.Breaker, error)
	MailPace(ctx context.Context) (ledger.MailPace, error)
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error]
	Tally(ctx context.Context, importID string) (ledger.Tally, error)
}

// Forecast knows the tenant's pace and what is open at one moment.
type Forecast struct {
	now     time.Time
	tenant  ledger.Tenant
	breaker ledger.Breaker
	mail    ledger.MailPace
	open    map[string]ledger.Tally // by import, those with open guests
	mailed  map[string]bool         // by import, whether Guestlist mails its guests
}

// Read reads what there is to know. Settings are those of a row that nobody has written yet.
func Read(ctx context.Context, l Ledger, s pace.Settings) (*Forecast, error) {
	f := &Forecast{open: map[string]ledger.Tally{}, mailed: map[string]bool{}}
	t, err := l.Tenant(ctx)
	if err != nil {
		return nil, err
	}
	f.tenant = s.Fill(t)
	if f.breaker, err = l.Breaker(ctx); err != nil {
		return nil, err
	}
	if f.mail, err = l.MailPace(ctx); err != nil {
		return nil, err
	}
	if f.now, err = l.Now(ctx); err != nil {
		return nil, err
	}
	for i, err := range l.ListImports(ctx, true) {
		if err != nil {
			return nil, fmt.Errorf("list open imports: %w", err)
		}
		if i.Cancelled || i.State != ledger.Planning && i.State != ledger.Running {
			continue
		}
		tally, err := l.Tally(ctx, i.ID)
		if err != nil {
			return nil, fmt.Errorf("tally of import %s: %w", i.ID, err)
		}
		if tally.Open > 0 {
			f.open[i.ID], f.mailed[i.ID] = tally, i.MailMode == "own"
		}
	}
	return f, nil
}

// Import returns what to expect of an import; false if it has no open guests.
func (f *Forecast) Import(id string) (Expectation, bool) {
	t, ok := f.open[id]
	if !ok {
		return Expectation{}, false
	}
	e := f.expect(id, toInvite(t), t.TargetsSent)
	if f.mailed[id] && !f.breaker.Open {
		e = f.withMails(id, t, e)
	}
	return e, true
}

// Guests returns what to expect of an import that is still to come, of so many guests.
func (f *Forecast) Guests(n int) Expectation {
	e := f.expect("", n, 0)
	if !f.breaker.Open {
		e = f.withMails("", ledger.Tally{InvitePlanned: n, Open: n}, e)
	}
	return e
}

// toInvite returns how many invitations of an import are open.
func toInvite(t ledger.Tally) int {
	n := t.InvitePlanned + t.InviteSent
	for _, waiting := range t.InviteWaiting {
		n += waiting
	}
	return n
}

func (f *Forecast) expect(id string, guests, targets int) Expectation {
	if f.breaker.Open {
		return Expectation{Cause: Breaker, Why: "the circuit breaker is open, so nothing goes on until it is closed; see: guestlist breaker show"}
	}
	// Imports share what there is equally: until this one has ended, each of the others gets as much, or all that it wants.
	before, sharers := guests, 0
	for other, t := range f.open {
		if other != id {
			before, sharers = before+min(toInvite(t), guests), sharers+1
		}
	}
	r := newRun(f.tenant, f.now)
	r.invite(before)
	r.at = r.at.Add(seconds(float64(targets) / perWrite / pace.WriteRate(f.tenant, f.now)))
	e := Expectation{At: r.at.Add(settle).Round(time.Second), Cause: r.cause(f.tenant, f.now)}
	e.Why = f.why(e.Cause)
	if sharers > 0 && guests > 0 {
		e.Why += fmt.Sprintf("; shared with %d other %s", sharers, plural(sharers, "import"))
	}
	return e
}

func (f *Forecast) why(c Cause) string {
	switch c {
	case Cap:
		left, _ := pace.DayLeft(f.tenant.Ramp, f.now)
		return fmt.Sprintf("at most %d new invitations a day (UTC), of which %d are left today", f.tenant.Ramp.Cap, left)
	case Ramp:
		return fmt.Sprintf("new invitations begin slowly, %s at present, and faster with each 100 that work", perMinute(pace.RampRate(f.tenant.Ramp)))
	case Throttled:
		return fmt.Sprintf("Microsoft Graph asked to slow down; at present %.3g writes a second", pace.WriteRate(f.tenant, f.now))
	}
	if f.tenant.Invitations.Limit < f.tenant.Writes.Limit {
		return fmt.Sprintf("the limit of %s new invitations", perMinute(f.tenant.Invitations.Limit))
	}
	return fmt.Sprintf("the limit of %.3g directory writes a second", f.tenant.Writes.Limit)
}

func perMinute(perSecond float64) string { return fmt.Sprintf("%.3g a minute", perSecond*60) }

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}
