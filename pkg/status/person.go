package status

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/work"
)

// PersonLedger is the part of the ledger that [FindPerson] reads.
type PersonLedger interface {
	Guest(ctx context.Context, key string) (ledger.Guest, error)
	Entry(ctx context.Context, importID, guest string) (ledger.Entry, error)
	ListImports(ctx context.Context, openOnly bool) iter.Seq2[ledger.Import, error]
}

// Person is everything that is known of one address, over all imports. The redeem link is not among it.
type Person struct {
	Address    string       `json:"address"`
	UserID     string       `json:"userId,omitempty"`
	Invitation Invitation   `json:"invitation"`
	Mail       Mail         `json:"mail"`
	Account    *Account     `json:"account,omitempty"` // in the directory; for whoever asks it to fill in
	Imports    []Appearance `json:"imports"`           // the newest first
}

// Invitation is how far the invitation of a person is. State is none, posting (its result is not known yet) or invited.
type Invitation struct {
	State  string    `json:"state"`
	Mode   string    `json:"mode,omitempty"`   // who mails: own, microsoft or none
	Import string    `json:"import,omitempty"` // that invited
	At     time.Time `json:"at,omitzero"`
}

// Mail is how far the mail of that invitation is. State is none, sending or sent.
type Mail struct {
	State     string `json:"state"`
	MessageID string `json:"messageId,omitempty"` // or microsoft
	Import    string `json:"import,omitempty"`    // that mailed
	Repeats   int    `json:"repeats,omitempty"`   // how often it was sent again because nobody knew whether it had been taken
}

// Account is what the directory says of a person.
type Account struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`            // Guest or Member
	State   string    `json:"state,omitempty"` // of the invitation: PendingAcceptance or Accepted
	Since   time.Time `json:"since,omitzero"`
	Enabled bool      `json:"enabled"`
}

// Appearance is a person in one import: as a guest, in rejected rows, or both.
type Appearance struct {
	Import   string     `json:"import"`
	Source   string     `json:"source"`
	File     string     `json:"file"`
	Received time.Time  `json:"received"`
	Guest    *Guest     `json:"guest,omitempty"`
	Rejected []Rejected `json:"rejectedRows,omitempty"`
}

// Rejected is a row that was rejected before anything was sent.
type Rejected struct {
	Line     int               `json:"line"`
	Problems []message.Failure `json:"problems"`
}

// FindPerson returns what is known of a normalised address; guest.unknown if that is nothing. Imports that were purged are
// forgotten.
func FindPerson(ctx context.Context, l PersonLedger, blobs work.Blobs, address string) (Person, error) {
	key := message.GuestKey(address)
	p := Person{Address: address, Invitation: Invitation{State: "none"}, Mail: Mail{State: "none"}, Imports: []Appearance{}}
	row, err := l.Guest(ctx, key)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return p, fmt.Errorf("the guest's row: %w", err)
	}
	known := err == nil
	p.take(row)
	for i, err := range l.ListImports(ctx, false) {
		if err != nil {
			return p, fmt.Errorf("list imports: %w", err)
		}
		a, err := appearance(ctx, l, blobs, i, key, address)
		if err != nil {
			return p, err
		}
		if a.Guest != nil || len(a.Rejected) > 0 {
			p.Imports = append(p.Imports, a)
		}
	}
	if !known && len(p.Imports) == 0 {
		return p, &message.Failure{Code: "guest.unknown", Text: fmt.Sprintf("No file has named %s, as far as the ledger remembers. "+
			"Look at the spelling; what an address of a file becomes is shown by \"guestlist status IMPORT\".", address)}
	}
	slices.SortFunc(p.Imports, func(a, b Appearance) int { return b.Received.Compare(a.Received) })
	return p, nil
}

func (p *Person) take(g ledger.Guest) {
	p.UserID = g.UserID
	if g.Invite != ledger.InviteNone {
		p.Invitation = Invitation{State: string(g.Invite), Mode: g.Mode, Import: g.InvitedBy, At: g.Since}
	}
	if g.Mail != ledger.MailNone {
		p.Mail = Mail{State: string(g.Mail), MessageID: g.MailID, Import: g.MailedBy, Repeats: g.MailRepeats}
	}
}

func appearance(ctx context.Context, l PersonLedger, blobs work.Blobs, i ledger.Import, key, address string) (Appearance, error) {
	a := Appearance{Import: i.ID, Source: i.Source, File: i.Path, Received: i.Created}
	if i.Plan.Generation > 0 {
		e, err := l.Entry(ctx, i.ID, key)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return a, fmt.Errorf("entry of import %s: %w", i.ID, err)
		}
		if err == nil {
			g := guest(&e)
			a.Guest = &g
		}
	}
	if i.RowsRejected == 0 {
		return a, nil
	}
	for r, err := range work.Rows(ctx, blobs, i.Work(), work.Rejected) {
		if err != nil {
			return a, err
		}
		if r.Address == address {
			a.Rejected = append(a.Rejected, Rejected{r.Line, r.Problems})
		}
	}
	return a, nil
}
