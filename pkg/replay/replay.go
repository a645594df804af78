// Package replay is what operators do with failures: list the dead letters with what the ledger knows about them, and send
// the failed steps again once their cause is mended.
//
// A replay selects from the ledger, not from the dead-letter queues: it raises the import's revision, reopens the failed
// steps with a new generation and sends their messages. The dead letters of the older generation are then done with and
// are removed by [Replay.Tidy]. It may be interrupted and repeated at any point: a step that was reopened but not sent is
// sent by the sweep, and a message of an older generation acts on nothing.
package replay

import (
	"context"
	"fmt"
	"time"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// batch is how many guests are reopened and sent in one go.
const batch = 40

// Replay lists and replays. Its fields are set once.
type Replay struct {
	Ledger      ledger.Store
	Bus         bus.Sender
	DeadLetters bus.DeadLetters
}

// Selection says which failed steps of an import to replay. Empty fields select all.
type Selection struct {
	Import string // required
	Code   string // reason code, such as group.unknown
	Guest  string // guest key
}

// Result says what a replay did.
type Result struct {
	Import   string `json:"import"`
	Revision int    `json:"revision"`
	Guests   int    `json:"guests"`   // guests with at least one step sent again
	Messages int    `json:"messages"` // messages sent
	Removed  int    `json:"removed"`  // dead letters completed
}

// Run replays the failed steps of one import. ledger.ErrNotFound if there is no such import; a *message.Failure if it has
// nothing to replay, or if it ended so long ago that it is being removed.
func (r *Replay) Run(ctx context.Context, sel Selection) (Result, error) {
	i, err := r.Ledger.Import(ctx, sel.Import)
	if err != nil {
		return Result{}, fmt.Errorf("import %s: %w", sel.Import, err)
	}
	if i.Purged > 0 {
		return Result{}, ledger.PurgedFailure(i.ID)
	}
	if err := r.ending(ctx, i); err != nil {
		return Result{}, err
	}
	if i.State == ledger.Broken {
		return r.restart(ctx, i)
	}
	guests, err := r.failed(ctx, sel)
	if err != nil {
		return Result{}, err
	}
	if len(guests) == 0 {
		return Result{}, &message.Failure{Code: "replay.nothing", Text: fmt.Sprintf("Import %s has no failed step that matches. "+
			"\"guestlist status %s\" shows what became of its rows.", i.ID, i.ID)}
	}
	if i, err = r.raised(ctx, i.ID); err != nil {
		return Result{}, fmt.Errorf("raise the revision of import %s: %w", i.ID, err)
	}
	res := Result{Import: i.ID, Revision: i.Revision, Guests: len(guests)}
	if err := r.pages(ctx, &i, guests, sel, &res); err != nil {
		return res, err
	}
	res.Removed, err = r.Tidy(ctx)
	return res, err
}

// ending refuses to replay an import that is being cancelled: its open guests would be invited after all.
func (r *Replay) ending(ctx context.Context, i ledger.Import) error {
	if !i.Cancelled {
		return nil
	}
	t, err := r.Ledger.Tally(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("tally of import %s: %w", i.ID, err)
	}
	if t.Open > 0 {
		return &message.Failure{Code: "replay.cancelling", Text: fmt.Sprintf("Import %s was cancelled and %d of its guests have not ended yet. "+
			"Nothing was changed. Wait until \"guestlist status %s\" shows none open, then replay.", i.ID, t.Open, i.ID)}
	}
	return nil
}

// Count returns how many guests Run would send something for. For an import that failed as a whole it is 0.
func (r *Replay) Count(ctx context.Context, sel Selection) (int, error) {
	guests, err := r.failed(ctx, sel)
	return len(guests), err
}

// raised asks for one more revision of the results, unless the import was cancelled or purged since somebody looked.
func (r *Replay) raised(ctx context.Context, id string) (ledger.Import, error) {
	now, err := r.Ledger.Now(ctx)
	if err != nil {
		return ledger.Import{}, err
	}
	return r.Ledger.UpdateImport(ctx, id, func(i *ledger.Import) error { return r.raise(ctx, i, now) })
}

func (r *Replay) raise(ctx context.Context, i *ledger.Import, now time.Time) error {
	if i.Purged > 0 {
		return ledger.PurgedFailure(i.ID)
	}
	if err := r.ending(ctx, *i); err != nil {
		return err
	}
	i.Revision++
	i.Cancelled, i.CancelledAt = false, time.Time{}
	i.Reopening = now.Add(reopening)
	i.Finished, i.ReportDue = time.Time{}, time.Time{}
	return nil
}

// restart sends a stage or plan that failed as a whole once more.
func (r *Replay) restart(ctx context.Context, i ledger.Import) (Result, error) {
	now, err := r.Ledger.Now(ctx)
	if err != nil {
		return Result{}, err
	}
	why := Selection{Import: i.ID, Code: i.Code} // those that failed with the plan
	i, err = r.Ledger.UpdateImport(ctx, i.ID, func(i *ledger.Import) error {
		if i.State != ledger.Broken {
			return ledger.ErrUnchanged
		}
		i.Code, i.Text = "", ""
		if i.Plan.Generation > 0 {
			i.State, i.Plan = ledger.Planning, ledger.Phase{Generation: i.Plan.Generation + 1, Due: now}
		} else {
			i.State, i.Stage = ledger.Staging, ledger.Phase{Generation: i.Stage.Generation + 1, Due: now}
		}
		return r.raise(ctx, i, now)
	})
	if err != nil {
		return Result{}, fmt.Errorf("restart import %s: %w", i.ID, err)
	}
	if err := r.Bus.Send(ctx, i.Message()); err != nil {
		return Result{}, fmt.Errorf("send the %s message of import %s: %w", i.State, i.ID, err)
	}
	res := Result{Import: i.ID, Revision: i.Revision, Messages: 1}
	guests, err := r.failed(ctx, why)
	if err != nil {
		return res, err
	}
	if err := r.pages(ctx, &i, guests, why, &res); err != nil {
		return res, err
	}
	res.Guests = len(guests)
	res.Removed, err = r.Tidy(ctx)
	return res, err
}

// RunEvent sends a dead-lettered upload event again, as it came, and removes its dead letter.
func (r *Replay) RunEvent(ctx context.Context, sequence int64) error {
	letters, err := r.browse(ctx, message.Uploads)
	if err != nil {
		return err
	}
	for _, l := range letters {
		if l.Sequence != sequence || l.Unreadable != nil || l.Message.Kind != message.Event {
			continue
		}
		again := l.Message
		again.Attempt, again.Delay = 1, again.Delay+1
		if err := r.Bus.Send(ctx, again); err != nil {
			return fmt.Errorf("send event %d again: %w", sequence, err)
		}
		_, err := r.DeadLetters.Remove(ctx, message.Uploads, len(letters), func(d bus.DeadLetter) bool { return d.Sequence == sequence })
		return err
	}
	return &message.Failure{Code: "replay.no-event", Text: fmt.Sprintf("Dead letter %d of queue %s is no upload event. "+
		"\"guestlist deadletters list\" shows what is there.", sequence, message.Uploads)}
}
