package sweep

import (
	"context"
	"fmt"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Cancelling is the part of the ledger that Cancel needs.
type Cancelling interface {
	Now(ctx context.Context) (time.Time, error)
	UpdateImport(ctx context.Context, id string, change func(*ledger.Import) error) (ledger.Import, error)
}

// Cancel marks an import as cancelled: handlers see it within seconds and start nothing more for it, and the next sweeps
// end what is open: at once what was not sent, and a minute later what somebody may have been at. Who was invited stays
// invited. A *message.Failure if the import has ended already.
func Cancel(ctx context.Context, l Cancelling, id string) (ledger.Import, error) {
	now, err := l.Now(ctx)
	if err != nil {
		return ledger.Import{}, fmt.Errorf("cancel import %s: %w", id, err)
	}
	i, err := l.UpdateImport(ctx, id, func(i *ledger.Import) error {
		switch {
		case i.Cancelled:
			return ledger.ErrUnchanged
		case !i.Open() || i.Final() && i.State != ledger.Broken:
			return &message.Failure{Code: "import.ended", Text: fmt.Sprintf("Import %s has ended; there is nothing left to cancel.", id)}
		}
		i.Cancelled, i.CancelledAt = true, now
		return nil
	})
	if err != nil {
		return i, fmt.Errorf("cancel import %s: %w", id, err)
	}
	return i, nil
}
