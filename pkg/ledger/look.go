package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"guestlist/pkg/message"
)

// Reader is the part of a [Store] that Look uses.
type Reader interface {
	Entry(ctx context.Context, importID, guest string) (Entry, error)
}

// Look returns the entry that m is about and the step in it that m acts on. A nil step means that m acts on nothing and
// ends with the error: nil if its entry was purged or its step has another generation by now, a verdict if the ledger
// cannot be reached or there is no such step.
func Look(ctx context.Context, l Reader, m message.Message) (*Entry, *Step, error) {
	e, err := l.Entry(ctx, m.Import, m.Guest)
	if errors.Is(err, ErrNotFound) {
		slog.WarnContext(ctx, "no such entry; its import was purged")
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, Unreachable(err)
	}
	step := e.Step(m.Kind, m.Target)
	if step == nil {
		return nil, nil, message.Never("message.target", fmt.Sprintf("the guest has no target number %d; report this as a defect", m.Target))
	}
	if step.Generation != m.Generation {
		slog.InfoContext(ctx, "message of another generation", slog.Int("current", step.Generation))
		return nil, nil, nil
	}
	return &e, step, nil
}
