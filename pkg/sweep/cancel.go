package sweep

import (
	"context"
	"fmt"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Cancel marks an import as cancelled: handlers see it within seconds and start nothing more for it, and the next sweep
// ends what is open. Who was invited stays invited. A *message.Failure if the import has ended already.
func Cancel(ctx context.Context, l ledger.Imports, id string) (ledger.Import, error) {
	i, err := l.UpdateImport(ctx, id, func(i *ledger.Import) error {
		switch {
		case i.Cancelled:
			return ledger.ErrUnchanged
		case !i.Open() || i.Final() && i.State != ledger.Broken:
			return &message.Failure{Code: "import.ended", Text: fmt.Sprintf("Import %s has ended; there is nothing left to cancel.", id)}
		}
		i.Cancelled = true
		return nil
	})
	if err != nil {
		return i, fmt.Errorf("cancel import %s: %w", id, err)
	}
	return i, nil
}
