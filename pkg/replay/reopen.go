package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// reopening is for how long no results are written after a page of guests began to be reopened, unless the replay ends
// before. A page takes seconds.
const reopening = 5 * time.Minute

// pages reopens guests, some at a time. No results are written until all of them are: those of a revision whose first guests
// have ended again while its last are not reopened yet would count as the last results.
func (r *Replay) pages(ctx context.Context, i *ledger.Import, guests []string, sel Selection, res *Result) error {
	for page := range slices.Chunk(guests, batch) {
		n, err := r.reopen(ctx, i, page, sel)
		res.Messages, res.Revision = res.Messages+n, i.Revision
		if err != nil {
			return err
		}
	}
	if err := r.keepOpen(ctx, i, time.Time{}); err != nil {
		return err
	}
	res.Revision = i.Revision
	return r.report(ctx, *i)
}

// report asks for the results if all guests have ended before they could be written.
func (r *Replay) report(ctx context.Context, i ledger.Import) error {
	t, err := r.Ledger.Tally(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("tally of import %s: %w", i.ID, err)
	}
	if t.Open > 0 || i.State != ledger.Running {
		return nil
	}
	return r.Bus.Send(ctx, message.NewReport(message.Message{Import: i.ID, Source: i.Source}))
}

// keepOpen lets no results be written until a time, and leaves in i the import as it is then. If results were written although
// guests are still to be reopened, because this process stood still, it asks for one more revision. It writes the import in any
// case: a report that has counted the open guests before then fails to record itself.
func (r *Replay) keepOpen(ctx context.Context, i *ledger.Import, until time.Time) error {
	kept, err := r.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.Purged > 0 {
			return ledger.PurgedFailure(i.ID)
		}
		i.Reopen()
		i.Reopening = until
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep import %s open: %w", i.ID, err)
	}
	*i = kept
	return nil
}

// failed returns the guests of the import with a failed step that matches.
func (r *Replay) failed(ctx context.Context, sel Selection) ([]string, error) {
	var guests []string
	for part := range ledger.Parts {
		if sel.Guest != "" && ledger.PartOf(sel.Guest) != part {
			continue
		}
		for e, err := range r.Ledger.ListEntries(ctx, sel.Import, part, "") {
			if err != nil {
				return nil, fmt.Errorf("list part %d of import %s: %w", part, sel.Import, err)
			}
			if (sel.Guest == "" || sel.Guest == e.Guest) && len(failures(&e, sel.Code)) > 0 {
				guests = append(guests, e.Guest)
			}
		}
	}
	return guests, nil
}

// failures returns the failed steps to replay: the invitation alone if it failed, since the rest failed with it.
func failures(e *ledger.Entry, code string) []*ledger.Step {
	match := func(s *ledger.Step) bool {
		return s.State == ledger.Ended && s.Outcome == ledger.Failed && (code == "" || s.Code == code)
	}
	if e.Invite.Outcome == ledger.Failed {
		if match(&e.Invite) {
			return []*ledger.Step{&e.Invite}
		}
		return nil
	}
	var steps []*ledger.Step
	for _, s := range e.Steps() {
		if match(s) {
			steps = append(steps, s)
		}
	}
	return steps
}

// errStood means that results may have been written since the import was kept open.
var errStood = errors.New("this replay stood still for too long; start it again")

// reopen gives the guests' failed steps a new generation and sends their messages. It leaves in i the import as it is then.
// What is reopened and not sent is sent by the sweep, which sees the import: it was kept open first.
func (r *Replay) reopen(ctx context.Context, i *ledger.Import, guests []string, sel Selection) (int, error) {
	now, err := r.Ledger.Now(ctx)
	if err != nil {
		return 0, err
	}
	if err := r.keepOpen(ctx, i, now.Add(reopening)); err != nil {
		return 0, err
	}
	changed, err := r.Ledger.UpdateEntries(ctx, i.ID, guests, func(e *ledger.Entry) error {
		at, err := r.Ledger.Now(ctx)
		switch {
		case err != nil:
			return err
		case !at.Before(now.Add(reopening)):
			return errStood
		case !again(e, sel.Code, now):
			return ledger.ErrUnchanged // somebody else replayed it meanwhile
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("reopen guests of import %s: %w", i.ID, err)
	}
	var msgs []message.Message
	for _, e := range changed {
		msgs = append(msgs, i.Messages(&e, func(s *ledger.Step) bool { return s.State == ledger.Sent && s.Due.Equal(now) })...)
	}
	if err := r.Bus.Send(ctx, msgs...); err != nil {
		return 0, fmt.Errorf("send %d guests of import %s again: %w", len(changed), i.ID, err)
	}
	return len(msgs), nil
}

// again reopens an entry's failed steps that match; false if it has none.
func again(e *ledger.Entry, code string, now time.Time) bool {
	steps := failures(e, code)
	if len(steps) > 0 && e.Invite.Outcome == ledger.Failed {
		reopenRest(e)
	}
	for _, s := range steps {
		s.Generation++
		s.Send(now)
	}
	return len(steps) > 0
}

// reopenRest makes planned again what ended because the invitation failed.
func reopenRest(e *ledger.Entry) {
	for _, s := range e.Steps()[1:] {
		if s.Outcome == ledger.Failed && s.Code == e.Invite.Code {
			*s = ledger.Step{Generation: s.Generation + 1, State: ledger.Planned}
		}
	}
}
