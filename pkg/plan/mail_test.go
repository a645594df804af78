package plan_test

import (
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/policy"
)

// TestSourceDecidesWhoMails reads a file of a source whose policy says how its guests are mailed, and of one that leaves it
// to the installation. The import keeps what held when it was read.
func TestSourceDecidesWhoMails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ installation, source, want string }{
		{"own", "", "own"}, {"microsoft", "", "microsoft"}, {"own", "none", "none"}, {"microsoft", "own", "own"},
	} {
		w := newWorld(t)
		w.plan.MailMode = c.installation
		w.allow(func(p *policy.Policy) { p.MailMode, p.AllowLinks = c.source, true })
		if err := w.deliver(w.put("a.csv", rows(1))); err != nil {
			t.Fatal(err)
		}
		e, i := w.entry("guest0@partner.example"), w.only()
		want := ledger.Step{State: ledger.Ended}
		if c.want == "own" {
			want = ledger.Step{Generation: 1, State: ledger.Planned}
		}
		if e.Mail != c.want || e.Notify != want || i.MailMode != c.want || !i.Links {
			t.Errorf("installation %s, source %q: entry %s %+v, import %s", c.installation, c.source, e.Mail, e.Notify, i.MailMode)
		}
	}
}
