package plan

import (
	"context"
	"fmt"
	"log/slog"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/policy"
)

// Approve lets one held file pass that has more guests than its source's policy allows: stage reads the recorded version
// once more and judges every row by the policy in force then, except that a.Guests are allowed. a.At is set here. Other
// files of the source stay held, and a version that is gone by then is superseded. true means that this call approved it;
// an import that is approved already is no error, and its message is sent once more, in case whoever approved it did not
// come to that. A *message.Failure says why it cannot be approved.
func (s *Sources) Approve(ctx context.Context, id string, a ledger.Approval) (ledger.Import, bool, error) {
	now, err := s.Ledger.Now(ctx)
	if err != nil {
		return ledger.Import{}, false, err
	}
	a.At = now
	approved := false
	i, err := s.Ledger.UpdateImport(ctx, id, func(i *ledger.Import) error {
		approved = false
		if f := approvable(*i); f != nil {
			return f
		}
		if i.State != ledger.Held {
			return ledger.ErrUnchanged
		}
		i.Approval, approved = a, true
		restage(i, now)
		return nil
	})
	if err != nil {
		return i, false, fmt.Errorf("approve import %s: %w", id, err)
	}
	if i.State != ledger.Staging {
		return i, approved, nil
	}
	slog.InfoContext(ctx, "import approved", slog.String("import_id", i.ID), slog.Int("guests", i.Approval.Guests))
	return i, approved, s.Bus.Send(ctx, i.Message())
}

// approvable returns why nobody can approve an import; nil for one that waits for it, or that was approved.
func approvable(i ledger.Import) *message.Failure {
	switch {
	case i.Cancelled:
		return &message.Failure{Code: "import.cancelled", Text: fmt.Sprintf("Import %s was cancelled. Nothing was changed. Drop the file again if it is meant after all.", i.ID)}
	case i.State == ledger.Held && i.Code == policy.TooManyGuests:
		return nil
	case i.State == ledger.Held:
		return &message.Failure{Code: "import.not-approvable", Text: fmt.Sprintf("Import %s is held for another reason (%s), which approving does not remove. "+
			"\"guestlist status %s\" shows what it asks for and which commands decide. Nothing was changed.", i.ID, i.Code, i.ID)}
	case i.Approval.Guests > 0:
		return nil
	}
	return &message.Failure{Code: "import.not-held", Text: fmt.Sprintf("Import %s is not held: its state is %s. Nothing was changed.", i.ID, i.State)}
}
