package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
	"guestlist/pkg/plan"
	"guestlist/pkg/policy"
)

// TestLargestGuestsFitTheLedger plans 99 guests of one partition of real tables, as many as a transaction takes, each as
// large as the limits allow: targets, characters of every text, all of four bytes, and ten of them rows. Then every step of all of them
// fails with a long reason, at once.
func TestLargestGuestsFitTheLedger(t *testing.T) {
	t.Parallel()
	const guests, part = 99, 7
	w := newTables(t)
	w.allow(func(p *policy.Policy) { p.RedirectHosts = []string{"apps.example"} })
	signs := func(n int) string { return strings.Repeat("🎉", n) }
	var targets []string
	for n := range plan.MaxTargets - 1 {
		targets = append(targets, fmt.Sprintf("%02d%s", n, signs(254))) // none is in the policy, so each has a reason
	}
	var file strings.Builder
	file.WriteString(header)
	var keys []string
	for n := 0; len(keys) < guests; n++ {
		address := fmt.Sprintf("%s%d@partner.example", strings.Repeat("g", 40), n)
		key := message.GuestKey(address)
		if ledger.PartOf(key) != part {
			continue
		}
		keys = append(keys, key)
		fmt.Fprintf(&file, "%s,%s,%s,https://apps.example/%s,,\"%s;%s\",%s@partner.example,pt-BR\n", address, signs(256), signs(plan.MaxText),
			strings.Repeat("x", 1979), groupA, strings.Join(targets, ";"), strings.Repeat("c", 60))
		for range rowsOf(len(keys)) - 1 {
			fmt.Fprintf(&file, "%s,,,,,%s,,\n", address, groupA)
		}
	}
	w.settled(w.put("largest.csv", file.String()))
	i := w.only()
	if i.State != ledger.Running || i.GuestsPlanned != guests || i.RowsRejected != 0 || w.different(message.Invite) != guests {
		t.Fatalf("import %+v, %d invitations", i, w.different(message.Invite))
	}
	failed := ledger.Step{Generation: 1 << 30, State: ledger.Ended, Outcome: ledger.Failed, Code: "graph.refused", Request: strings.Repeat("r", 36), Text: signs(500)}
	changed, err := w.ledger.UpdateEntries(t.Context(), i.ID, keys, func(e *ledger.Entry) error {
		for _, s := range e.Steps() {
			*s = failed
		}
		return nil
	})
	if err != nil || len(changed) != guests {
		t.Fatalf("%d guests changed: %v", len(changed), err)
	}
	for n, key := range keys {
		e, err := w.ledger.Entry(t.Context(), i.ID, key)
		w.must(err)
		if len(e.Lines) != rowsOf(n+1) || len(e.Targets) != plan.MaxTargets || utf8.RuneCountInString(e.Text) != plan.MaxText || e.Targets[49].Text != failed.Text {
			t.Fatalf("an entry has %d lines, %d targets, %d characters of text", len(e.Lines), len(e.Targets), utf8.RuneCountInString(e.Text))
		}
	}
	tally, err := w.ledger.Tally(t.Context(), i.ID)
	if err != nil || tally.Guests != guests || tally.Ended[ledger.Failed] != guests {
		t.Errorf("tally %+v, %v", tally, err)
	}
}

// rowsOf returns how many rows the n-th guest has.
func rowsOf(n int) int {
	if n <= 10 {
		return plan.MaxRows
	}
	return 1
}
