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

// pages reopens guests, some at a time.
func (r *Replay) pages(ctx context.Context, i *ledger.Import, guests []string, sel Selection, res *Result) error {
	for page := range slices.Chunk(guests, batch) {
		n, err := r.reopen(ctx, i, page, sel)
		res.Messages, res.Revision = res.Messages+n, i.Revision
		if err != nil {
			return err
		}
	}
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

// reopen gives the guests' failed steps a new generation and sends their messages. It leaves in i the import as it is then.
func (r *Replay) reopen(ctx context.Context, i *ledger.Import, guests []string, sel Selection) (int, error) {
	now, err := r.Ledger.Now(ctx)
	if err != nil {
		return 0, err
	}
	changed, err := r.Ledger.UpdateEntries(ctx, i.ID, guests, func(e *ledger.Entry) error {
		steps := failures(e, sel.Code)
		if len(steps) == 0 {
			return ledger.ErrUnchanged // somebody else replayed it meanwhile
		}
		if e.Invite.Outcome == ledger.Failed {
			reopenRest(e)
		}
		for _, s := range steps {
			s.Generation++
			s.Send(now)
		}
		return nil
	})
	// Part of the guests may be open even after an error.
	kept, kerr := r.Ledger.UpdateImport(context.WithoutCancel(ctx), i.ID, keepOpen)
	if kerr == nil {
		*i = kept
	}
	if err := errors.Join(err, kerr); err != nil {
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

// keepOpen asks for one more revision if results were written after the guests before had ended, and before these were
// reopened. It writes the import in any case: a report that has counted the open guests too early then fails to record
// itself and counts again.
func keepOpen(i *ledger.Import) error {
	if i.Purged > 0 {
		return ledger.PurgedFailure(i.ID)
	}
	if !i.Open() {
		i.Revision++
		i.Finished = time.Time{}
	}
	i.ReportDue = time.Time{}
	return nil
}

// reopenRest makes planned again what ended because the invitation failed.
func reopenRest(e *ledger.Entry) {
	for _, s := range e.Steps()[1:] {
		if s.Outcome == ledger.Failed && s.Code == e.Invite.Code {
			*s = ledger.Step{Generation: s.Generation + 1, State: ledger.Planned}
		}
	}
}
