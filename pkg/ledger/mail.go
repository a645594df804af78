package ledger

import (
	"context"
	"time"
)

// MailPace is the one row of how fast the mail provider is used. Every mail is booked in it first, so that all processes
// together keep its limits. The arithmetic is in pkg/notify; a row that nobody has written yet is the zero MailPace.
type MailPace struct {
	Next  time.Time // when the next mail may go; each one moves it on
	Day   time.Time // the day that Count is about: its beginning, UTC, by the ledger's clock
	Count int       // mails booked on Day

	// The limits that the last process to book a mail was told, for whoever forecasts; zero means none. Processes pace by
	// their own settings.
	PerMinute, PerDay int

	Version string // opaque; set by the store
}

// Times returns all times of the row, for a store to bring into the form that it keeps.
func (p *MailPace) Times() []*time.Time { return []*time.Time{&p.Next, &p.Day} }

// Mails is the part of a Store that keeps the row of the mail provider.
type Mails interface {
	// MailPace returns the row as it is; the zero MailPace if nobody has written it.
	MailPace(ctx context.Context) (MailPace, error)
	// UpdateMailPace works like UpdateImport, for the one row of the mail provider; change gets the ledger's time.
	UpdateMailPace(ctx context.Context, change func(*MailPace, time.Time) error) (MailPace, error)
}
