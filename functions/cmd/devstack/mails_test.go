package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/mailbox"
)

// manyMails is how many guests TestMailsUnderFaultsAndKills mails: go test ./functions/cmd/devstack -run Mails -args -mails 10000
var manyMails = flag.Int("mails", 150, "guests of TestMailsUnderFaultsAndKills")

// TestMailsUnderFaultsAndKills mails many guests through a server of which every twentieth answer is bad, while the handler
// is killed again and again. Nobody is left without a mail; a mail is repeated only where nobody could know whether it had
// been taken, with the same Message-ID, and then its row says so.
func TestMailsUnderFaultsAndKills(t *testing.T) {
	t.Parallel()
	n := *manyMails
	w := newWorld(t, func(o *options) {
		o.limits, o.lag = "off", 100*time.Millisecond
		o.policy = policyWith(t, `"maxGuests": 2000`, `"maxGuests": 100000`)
	})
	faults := []mailbox.Fault{{Kind: mailbox.Greylist, Rate: 0.02}, {Kind: mailbox.Defer, Rate: 0.01}, {Kind: mailbox.Drop, Rate: 0.01}, {Kind: mailbox.Lose, Rate: 0.01}}
	if err := w.mailbox.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(header)
	for g := range n {
		name, text := fmt.Sprint("Guest ", g), "Hello, you’re in"
		if g%5 == 0 {
			name, text = "Eve <eve@evil.example>%0d%0aBcc: eve@evil.example", "Hi\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nBcc: eve@evil.example\r\n"+
				"</blockquote><script src=//evil.example></script><a href=https://evil.example>Accept</a> https://evil.example"
		}
		fmt.Fprintf(&b, "mail%05d@partner.example,\"%s\",\"%s\",,,,,%s\n", g, name, text, []string{"en", "de", "ja", ""}[g%4])
	}
	start := time.Now()
	d := w.put(w.file("many.csv", b.String()), "many.csv")
	killed := 0
	for k := range kills {
		w.mailsReach(d, (k+1)*n/(kills+2))
		w.kill()
		killed++
	}
	i := w.wait(d)[0]
	if outcomesOf(i) != fmt.Sprintf("%d done", n) {
		t.Errorf("outcomes: %s", outcomesOf(i))
	}
	w.mailed(n)
	said := w.uncertain(d.importID)
	met := w.mailbox.Met()
	// A kill leaves as many mails in doubt as one handler has in hand.
	if most := met[mailbox.Drop] + met[mailbox.Lose] + killed*8; said > most {
		t.Errorf("%d rows are uncertain; faults and kills account for %d at most", said, most)
	}
	s := w.mailbox.Stats()
	t.Logf("%d guests in %s: %d mails, %d different Message-IDs, %d of them more than once; faults %v; %d kills; %d rows say mail.uncertain",
		n, time.Since(start).Round(time.Second), s.Messages, s.MessageIDs, len(s.Repeated), met, killed, said)
	w.oracle(0, i)
	w.harmless()
}

// harmless checks that what hostile rows brought did nothing: one recipient, no header, no tag and no link of theirs.
func (w *world) harmless() {
	w.t.Helper()
	for _, sum := range w.mailbox.Messages() {
		m, _ := w.mailbox.Message(sum.ID)
		one := len(m.To) == 1 && strings.HasSuffix(m.To[0], "@partner.example") && len(m.Header["Bcc"]) == 0 && len(m.Header["To"]) == 1 &&
			m.Header["To"][0] == "<"+m.To[0]+">"
		if !one || strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "href=\"https://evil") || strings.Contains(m.HTML+m.Text, "evil.example") ||
			strings.Count(m.HTML, "<a ") != 2 {
			w.t.Fatalf("a mail that a hostile row got its way with: to %v, headers %v\n%s", m.To, m.Header, m.HTML)
		}
	}
}

// mailsReach waits until the mailbox has so many different mails, or the import has ended.
func (w *world) mailsReach(d *drop, n int) {
	w.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for w.mailbox.Stats().MessageIDs < n {
		if ok, err := w.settled(w.ctx, d); ok || err != nil {
			return
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatal(w.ctx.Err())
		case <-tick.C:
		}
	}
}

// uncertain counts the guests of an import whose row says that the mail may have come twice.
func (w *world) uncertain(importID string) (n int) {
	w.t.Helper()
	for part := range ledger.Parts {
		for e, err := range w.services.Ledger.ListEntries(w.ctx, importID, part, "") {
			if err != nil {
				w.t.Fatal(err)
			}
			if e.Notify.Code == "mail.uncertain" {
				n++
			}
		}
	}
	return n
}
