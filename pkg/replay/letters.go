package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// browseLimit is how many dead letters of a queue are looked at first, and how many Tidy looks at.
const browseLimit = 1000

// Letter is a dead letter with what the ledger knows about it.
type Letter struct {
	bus.DeadLetter                // Reason and Description are the ledger's where it has them
	Source         string         // of the import
	File           string         // path of the upload
	Address        string         // of the guest
	Lines          []int          // of the upload
	Target         *ledger.Target // what could not be granted; nil for other steps
}

// List returns the dead letters of all queues, oldest first per queue; of one import only if importID is not empty.
// Dead letters whose step has been replayed or has ended well are left out.
func (r *Replay) List(ctx context.Context, importID string) ([]Letter, error) {
	var all []Letter
	for _, queue := range message.Queues {
		letters, err := r.browse(ctx, queue)
		if err != nil {
			return nil, err
		}
		for _, d := range letters {
			if importID != "" && d.Message.Import != importID {
				continue
			}
			l, past, err := r.describe(ctx, d)
			if err != nil {
				return nil, err
			}
			if !past {
				all = append(all, l)
			}
		}
	}
	return all, nil
}

// browse returns all dead letters of a queue: one that somebody looks for may lie behind thousands.
func (r *Replay) browse(ctx context.Context, queue string) ([]bus.DeadLetter, error) {
	for limit := browseLimit; ; limit *= 10 {
		letters, err := r.DeadLetters.Browse(ctx, queue, limit)
		if err != nil {
			return nil, fmt.Errorf("browse the dead letters of %s: %w", queue, err)
		}
		if len(letters) < limit {
			return letters, nil
		}
	}
}

// describe adds what the ledger knows; past means that the dead letter is of no interest any more.
func (r *Replay) describe(ctx context.Context, d bus.DeadLetter) (l Letter, past bool, err error) {
	l = Letter{DeadLetter: d}
	if d.Unreadable != nil || d.Message.Import == "" {
		return l, false, nil
	}
	i, err := r.Ledger.Import(ctx, d.Message.Import)
	if errors.Is(err, ledger.ErrNotFound) {
		return l, true, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("import %s: %w", d.Message.Import, err)
	}
	l.Source, l.File = i.Source, i.Path
	if i.Purged > 0 {
		return l, true, nil
	}
	switch d.Message.Kind {
	case message.Stage:
		return l, i.Stage.Generation > d.Message.Generation || i.State != ledger.Broken, nil
	case message.Plan:
		return l, i.Plan.Generation > d.Message.Generation || i.State != ledger.Broken, nil
	case message.Report:
		return l, !i.Open(), nil
	}
	return r.describeStep(ctx, l)
}

func (r *Replay) describeStep(ctx context.Context, l Letter) (Letter, bool, error) {
	m := l.Message
	e, err := r.Ledger.Entry(ctx, m.Import, m.Guest)
	if errors.Is(err, ledger.ErrNotFound) {
		return l, true, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("entry of import %s: %w", m.Import, err)
	}
	l.Address, l.Lines = e.Address, e.Lines
	s := e.Step(m.Kind, m.Target)
	if s == nil {
		return l, false, nil
	}
	if m.Kind == message.Assign {
		l.Target = &e.Targets[m.Target]
	}
	past := s.Generation > m.Generation || s.State != ledger.Ended || s.Outcome != ledger.Failed
	if !past && s.Code != "" { // a step may record another code than the letter's: replays select by the ledger's
		l.Reason, l.Description = s.Code, s.Text
	}
	return l, past, nil
}

// Tidy completes the dead letters whose step was replayed, ended well or was purged. It returns how many. Others are left
// as they are. It runs every minute, so it looks at the oldest 1,000 of each queue only; more go next time.
func (r *Replay) Tidy(ctx context.Context) (int, error) {
	total := 0
	for _, queue := range message.Queues {
		past, err := r.past(ctx, queue)
		if err != nil {
			return total, err
		}
		if len(past) == 0 {
			continue // removing locks the letters it looks at: only where there is something to remove
		}
		n, err := r.DeadLetters.Remove(ctx, queue, browseLimit, func(d bus.DeadLetter) bool { return past[d.Sequence] })
		total += n
		if err != nil {
			return total, fmt.Errorf("remove dead letters of %s: %w", queue, err)
		}
	}
	return total, nil
}

func (r *Replay) past(ctx context.Context, queue string) (map[int64]bool, error) {
	letters, err := r.DeadLetters.Browse(ctx, queue, browseLimit)
	if err != nil {
		return nil, fmt.Errorf("browse the dead letters of %s: %w", queue, err)
	}
	past := map[int64]bool{}
	for _, d := range letters {
		_, old, err := r.describe(ctx, d)
		if err != nil {
			return nil, err
		}
		if old {
			past[d.Sequence] = true
		}
	}
	return past, nil
}

// RemoveAll completes the dead letters of imports that are being removed, however many others there are. It returns how many.
func (r *Replay) RemoveAll(ctx context.Context, imports map[string]bool) (int, error) {
	total := 0
	for _, queue := range message.Queues {
		letters, err := r.browse(ctx, queue)
		if err != nil {
			return total, err
		}
		theirs := func(d bus.DeadLetter) bool { return d.Unreadable == nil && imports[d.Message.Import] }
		if !slices.ContainsFunc(letters, theirs) {
			continue
		}
		n, err := r.DeadLetters.Remove(ctx, queue, len(letters), theirs)
		if total += n; err != nil {
			return total, fmt.Errorf("remove dead letters of %s: %w", queue, err)
		}
	}
	return total, nil
}
