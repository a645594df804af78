package report_test

import (
	"testing"

	"guestlist/pkg/ledger"
)

// TestRowsOfAFileThatWasGivenUpHaveAnOutcome reports on files that were held, and so counted but never staged.
func TestRowsOfAFileThatWasGivenUpHaveAnOutcome(t *testing.T) {
	t.Parallel()
	for want, i := range map[ledger.Outcome]ledger.Import{
		ledger.Cancelled: {State: ledger.Refused, Code: "import.cancelled", Cancelled: true, Rows: 7},
		ledger.Rejected:  {State: ledger.Superseded, Code: "file.changed", Rows: 7},
	} {
		w := newWorld(t)
		w.imports(i)
		w.report()
		if sum := w.summary(); sum.Outcomes[want] != 7 {
			t.Errorf("outcomes %v, want 7 %s", sum.Outcomes, want)
		}
	}
}
