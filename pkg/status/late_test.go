package status_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/ledger"
	"guestlist/pkg/status"
)

// TestOutageIsSeenAsWorkThatIsLate: what the ledger expects to have been done a quarter of an hour ago waits somewhere else.
func TestOutageIsSeenAsWorkThatIsLate(t *testing.T) {
	t.Parallel()
	l := newLedger(t, ledger.Import{ID: "running", State: ledger.Running, Revision: 1, Plan: ledger.Phase{Generation: 1}},
		ledger.Import{ID: "staging", State: ledger.Staging, Revision: 1, Stage: ledger.Phase{Generation: 1, Due: received.Add(-16 * time.Minute)}},
		ledger.Import{ID: "fresh", State: ledger.Staging, Revision: 1, Stage: ledger.Phase{Generation: 1, Due: received.Add(-14 * time.Minute)}},
		ledger.Import{ID: "cancelled", State: ledger.Staging, Cancelled: true, Revision: 1, Stage: ledger.Phase{Generation: 1, Due: received.Add(-time.Hour)}})
	sent := func(ago time.Duration) ledger.Step {
		return ledger.Step{Generation: 1, State: ledger.Sent, Due: received.Add(-ago)}
	}
	insert(t, l, entry("running", "ana", sent(16*time.Minute)), entry("running", "bo", sent(14*time.Minute)), entry("running", "cy", sent(2*time.Hour)),
		entry("running", "di", ended(ledger.Done)))
	for id, want := range map[string]*status.Late{"running": {Guests: 2}, "staging": {File: true}, "fresh": nil, "cancelled": nil} {
		i, err := status.Find(t.Context(), l, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := status.FindLate(t.Context(), l, i)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", id, err, diff)
		}
	}
}
