package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/wait"
)

// Pace is what the mail provider takes, by all processes together: it is booked in one row of the ledger. Zero means no
// limit. Exchange Online takes 30 mails a minute and 10,000 recipients a day from a mailbox; Azure Communication Services
// 30 a minute and 100 an hour from a new domain, more on request.
type Pace struct {
	PerMinute, PerDay int
	// Wait waits for d or until ctx is done; nil waits by a timer. Tests pass their own.
	Wait func(ctx context.Context, d time.Duration) error
}

const (
	// Ahead is how far ahead of its time a mail may be booked: so long an invocation waits.
	Ahead = 5 * time.Second
	// longestTurn bounds the time until a mail asks again for its turn.
	longestTurn = 10 * time.Minute
)

var errFull = errors.New("the mail provider's limit is used up for now")

// Book books a mail and waits for its time. It returns a Later if its time is too far; before says how often the message
// has waited, and the more often, the longer it waits next: thousands must not ask every few seconds.
func (p Pace) Book(ctx context.Context, l ledger.Mails, before int) error {
	if p.PerMinute <= 0 && p.PerDay <= 0 {
		return nil
	}
	var in time.Duration
	var later *message.Later
	_, err := l.UpdateMailPace(ctx, func(row *ledger.MailPace, now time.Time) error {
		if later = p.full(row, now, before); later != nil {
			return errFull
		}
		in = p.book(row, now)
		return nil
	})
	if errors.Is(err, errFull) {
		return later
	}
	if err != nil {
		return ledger.Unreachable(err)
	}
	if in <= 0 {
		return nil
	}
	if p.Wait != nil {
		return p.Wait(ctx, in)
	}
	return wait.For(ctx, in)
}

// full says why and for how long no mail may be booked now; nil if one may.
func (p Pace) full(row *ledger.MailPace, now time.Time, before int) *message.Later {
	day := now.UTC().Truncate(24 * time.Hour)
	if p.PerDay > 0 && !day.After(row.Day) && row.Count >= p.PerDay {
		until := row.Day.Add(24 * time.Hour).Sub(now)
		return &message.Later{After: until + rand.N(time.Hour), Why: "the mail provider's limit for the day is used up"}
	}
	if p.PerMinute > 0 && row.Next.Sub(now) > Ahead {
		most := min(longestTurn, 2*Ahead<<min(before, 10))
		return &message.Later{After: Ahead + rand.N(most), Why: "mails wait for their turn at the mail provider"}
	}
	return nil
}

// book takes the next place and returns how long it is until then.
func (p Pace) book(row *ledger.MailPace, now time.Time) time.Duration {
	if day := now.UTC().Truncate(24 * time.Hour); day.After(row.Day) {
		row.Day, row.Count = day, 0
	}
	row.Count++
	row.PerMinute, row.PerDay = p.PerMinute, p.PerDay
	if p.PerMinute <= 0 {
		return 0
	}
	if row.Next.Before(now) {
		row.Next = now
	}
	in := row.Next.Sub(now)
	row.Next = row.Next.Add(time.Minute / time.Duration(p.PerMinute))
	return in
}
