// Package status is the operator's view of imports: what arrived, how far it is, what became of each guest and why. It
// reads the ledger only; the commands that show it print what this package returns.
package status

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"guestlist/pkg/forecast"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// Ledger is the part of the ledger that this package reads.
type Ledger interface {
	forecast.Ledger
	ListEntries(ctx context.Context, importID string, part int, after string) iter.Seq2[ledger.Entry, error]
}

// Import is one import as an operator sees it. State is staging, held, planning, running, finished, cancelled, rejected,
// superseded or failed.
type Import struct {
	ID           string                 `json:"import"`
	Source       string                 `json:"source"`
	File         string                 `json:"file"`
	Received     time.Time              `json:"received"`
	Finished     time.Time              `json:"finished,omitzero"`
	State        string                 `json:"state"`
	Code         string                 `json:"code,omitempty"`
	Text         string                 `json:"text,omitempty"`
	Rows         int                    `json:"rows"`
	RowsRejected int                    `json:"rowsRejected"`
	Guests       int                    `json:"guests"`
	Open         int                    `json:"open"`
	Invited      int                    `json:"invited"`
	Ended        map[ledger.Outcome]int `json:"ended,omitempty"`
	Waiting      map[string]int         `json:"waiting,omitempty"` // guests that wait, by reason: rate, day or breaker
	Revision     int                    `json:"revision"`
	Reported     int                    `json:"reported"`
	Results      string                 `json:"results,omitempty"` // path of the summary in container results
	Work         string                 `json:"-"`                 // folder of the work files
	Due          time.Time              `json:"-"`                 // when its stage or plan message should act; zero if none is on its way
	Ask          json.RawMessage        `json:"ask,omitempty"`     // what a held file asks for
	Approval     *Approval              `json:"approval,omitempty"`
	// Expected is when it will have ended and why not earlier, while guests are open.
	Expected *forecast.Expectation `json:"expected,omitempty"`
}

// Approval says that a person let a file pass that has more guests than its source's policy allows.
type Approval struct {
	Guests int       `json:"guests"`
	By     string    `json:"by,omitempty"` // as the operator's machine said; nobody has checked it
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Settled reports whether nothing will move without a person: the results are written, or the import is held.
func (i Import) Settled() bool {
	return i.State == string(ledger.Held) || i.Reported >= i.Revision
}

// List returns all imports, the newest first.
func List(ctx context.Context, l Ledger) ([]Import, error) {
	var all []Import
	for i, err := range l.ListImports(ctx, false) {
		if err != nil {
			return nil, fmt.Errorf("list imports: %w", err)
		}
		v, err := view(ctx, l, i)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if err := expect(ctx, l, all); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Import) int { return b.Received.Compare(a.Received) })
	return all, nil
}

// Find returns the one import whose id begins with prefix; a *message.Failure if there is none or more than one.
func Find(ctx context.Context, l Ledger, prefix string) (Import, error) {
	var hits []ledger.Import
	for i, err := range l.ListImports(ctx, false) {
		if err != nil {
			return Import{}, fmt.Errorf("list imports: %w", err)
		}
		if strings.HasPrefix(i.ID, strings.ToLower(prefix)) {
			hits = append(hits, i)
		}
	}
	switch len(hits) {
	case 0:
		return Import{}, &message.Failure{Code: "import.unknown", Text: fmt.Sprintf("No import has an id that begins with %q. \"guestlist status\" lists them; 90 days after its end one is removed.", prefix)}
	case 1:
		v, err := view(ctx, l, hits[0])
		if err != nil {
			return v, err
		}
		one := []Import{v}
		err = expect(ctx, l, one)
		return one[0], err
	}
	return Import{}, &message.Failure{Code: "import.ambiguous", Text: fmt.Sprintf("%d imports have an id that begins with %q. Give more digits.", len(hits), prefix)}
}

// expect fills in what to expect of the imports with open guests. Rates of a tenant that nobody has called yet are taken to
// be the careful ones.
func expect(ctx context.Context, l Ledger, all []Import) error {
	if !slices.ContainsFunc(all, func(i Import) bool { return i.Open > 0 }) {
		return nil
	}
	f, err := forecast.Read(ctx, l, pace.Careful)
	if err != nil {
		return fmt.Errorf("expected end: %w", err)
	}
	for n := range all {
		if e, ok := f.Import(all[n].ID); ok {
			all[n].Expected = &e
		}
	}
	return nil
}

func view(ctx context.Context, l Ledger, i ledger.Import) (Import, error) {
	v := Import{ID: i.ID, Source: i.Source, File: i.Path, Received: i.Created, Finished: i.Finished, State: stateOf(i), Code: i.Code,
		Text: i.Text, Rows: i.Rows, RowsRejected: i.RowsRejected, Guests: i.GuestsPlanned, Revision: i.Revision, Reported: i.Reported, Results: i.Results, Work: i.Work()}
	if i.State == ledger.Staging || i.State == ledger.Planning {
		v.Due = i.Phase().Due
	}
	if i.State == ledger.Held && i.Ask != "" {
		v.Ask = json.RawMessage(i.Ask)
	}
	if a := i.Approval; a.Guests > 0 {
		v.Approval = &Approval{a.Guests, a.By, a.Reason, a.At}
	}
	if i.Plan.Generation == 0 {
		return v, nil // nothing planned: no entries to count
	}
	t, err := l.Tally(ctx, i.ID)
	if err != nil {
		return v, fmt.Errorf("tally of import %s: %w", i.ID, err)
	}
	v.Guests, v.Open, v.Invited, v.Ended, v.Waiting = max(v.Guests, t.Guests), t.Open, t.Invited, t.Ended, t.Waiting
	return v, nil
}

func stateOf(i ledger.Import) string {
	switch {
	case i.Cancelled:
		return "cancelled"
	case i.State == ledger.Running && !i.Open():
		return "finished"
	}
	return string(i.State)
}

// Access is what became of one group or application of a guest.
type Access struct {
	Name    string         `json:"name"`
	ID      string         `json:"id"`
	State   string         `json:"state"` // planned, sent, waiting or ended
	Outcome ledger.Outcome `json:"outcome,omitempty"`
}

// Guest is one guest of an import as an operator sees it. Outcome is empty while a step is open; Code and Text say why
// something was refused, Step what it was.
type Guest struct {
	Address      string         `json:"address"`
	Lines        []int          `json:"lines"`
	UserID       string         `json:"userId,omitempty"`
	Invite       ledger.Outcome `json:"invite,omitempty"`
	State        string         `json:"state"`          // of the invitation: planned, sent, waiting or ended
	Mail         string         `json:"mail,omitempty"` // of Guestlist: planned, sent (on its way), waiting, done, already or failed; empty if there is none
	Groups       []Access       `json:"groups,omitempty"`
	Applications []Access       `json:"applications,omitempty"`
	Outcome      ledger.Outcome `json:"outcome,omitempty"`
	Code         string         `json:"code,omitempty"`
	Text         string         `json:"text,omitempty"`
	Request      string         `json:"request,omitempty"`
}

// Guests yields the guests of an import, in order of guest key.
func Guests(ctx context.Context, l Ledger, importID string) iter.Seq2[Guest, error] {
	return func(yield func(Guest, error) bool) {
		for part := range ledger.Parts {
			for e, err := range l.ListEntries(ctx, importID, part, "") {
				if err != nil {
					yield(Guest{}, fmt.Errorf("list part %d of import %s: %w", part, importID, err))
					return
				}
				if !yield(guest(&e), nil) {
					return
				}
			}
		}
	}
}

func guest(e *ledger.Entry) Guest {
	g := Guest{Address: e.Address, Lines: e.Lines, UserID: e.UserID, Invite: e.Invite.Outcome, State: string(e.Invite.State), Outcome: e.Outcome()}
	g.Mail = mail(e.Notify)
	if f := e.Reason(); f != nil {
		g.Code, g.Text, g.Request = f.Code, f.Text, f.Request
	}
	for _, t := range e.Targets {
		a := Access{Name: t.Name, ID: t.ID, State: string(t.State), Outcome: t.Outcome}
		if t.Kind == ledger.Group {
			g.Groups = append(g.Groups, a)
		} else {
			g.Applications = append(g.Applications, a)
		}
	}
	return g
}

// mail says how far the mail of a guest is.
func mail(s ledger.Step) string {
	switch {
	case s.State != ledger.Ended:
		return string(s.State)
	case s.Code == "mail.already":
		return string(ledger.Already)
	case s.Outcome == ledger.Done, s.Outcome == ledger.Already: // whose invitation it was makes no difference here
		return string(ledger.Done)
	case strings.HasPrefix(s.Code, "mail."):
		return string(s.Outcome)
	}
	return ""
}
