package forecast

import (
	"fmt"
	"time"

	"guestlist/pkg/ledger"
)

// withMails returns e, or what to expect of the import's mails if they take longer or are all that is left. As everywhere
// here every open guest is taken for one who is mailed.
func (f *Forecast) withMails(id string, t ledger.Tally, e Expectation) Expectation {
	if t.Open == 0 {
		return e
	}
	mails, sharers := t.Open, 0
	for other, o := range f.open { // who comes first is left to chance: others get as many until this one has ended
		if other != id && f.mailed[other] {
			mails, sharers = mails+min(o.Open, t.Open), sharers+1
		}
	}
	at, capped := f.mailsGone(mails)
	left := toInvite(t)+t.TargetsSent > 0 || len(t.Waiting) > 0
	if left && !at.After(e.At) {
		return e
	}
	e = Expectation{At: at, Cause: Mail, Why: "mails are under way; one that a mail server puts off is offered again for a day at most"}
	if e.At.Before(f.now.Add(settle)) {
		e.At = f.now.Add(settle)
		return e
	}
	e.Why = fmt.Sprintf("the mail provider's limit of %d mails a minute", f.mail.PerMinute)
	if capped {
		e.Why = fmt.Sprintf("the mail provider's limit of %d mails a day (UTC)", f.mail.PerDay)
	}
	if sharers > 0 {
		e.Why += fmt.Sprintf("; shared with %d other %s", sharers, plural(sharers, "import"))
	}
	return e
}

// mailsGone returns when so many mails have gone, and whether a day's end had to be waited for. Limits that nobody has used
// yet are unknown, and take no time.
func (f *Forecast) mailsGone(n int) (at time.Time, capped bool) {
	at = f.now
	left := f.mail.PerDay
	if !midnight(f.now).Add(-24 * time.Hour).After(f.mail.Day) {
		left = max(0, left-f.mail.Count)
	}
	for f.mail.PerDay > 0 && n > left {
		n -= left
		at, left, capped = midnight(at), f.mail.PerDay, true
	}
	if f.mail.PerMinute > 0 {
		at = at.Add(time.Duration(n) * time.Minute / time.Duration(f.mail.PerMinute))
	}
	return at.Round(time.Second), capped
}
