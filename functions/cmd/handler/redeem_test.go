package main

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"guestlist/pkg/bus/membus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/ledger/memledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/message"
	"guestlist/pkg/pace"
)

// TestLostLinkIsMadeAnew mails a guest whose redeem link was lost, with the lease and the pace of production: the new link
// is an invitation that has to be booked in the time that is left.
func TestLostLinkIsMadeAnew(t *testing.T) {
	t.Parallel()
	const address = "rita@partner.example"
	w := newWorld(t, entra.Seed{VerifiedDomains: []string{"contoso.onmicrosoft.com"}, Users: []entra.User{
		{DisplayName: "Rita", Mail: address, UserType: "Guest", CreationType: "Invitation"}}}, 1)
	mails, err := mailbox.Serve(mailbox.Config{NoTLS: true})
	w.must(err)
	t.Cleanup(func() { _ = mails.Close() })
	c, err := readConfig(func(name string) string {
		return map[string]string{"MAIL_FROM": "c@contoso.example", "MAIL_SMTP": mails.SMTPAddr(), "MAIL_SMTP_SECURITY": "none"}[name]
	})
	w.must(err)
	store := memledger.New(time.Now)
	step, err := wiring{config: c, Ledger: store, Bus: membus.New(membus.Options{}), directory: w.dir, pacer: pace.New(store, c.pace)}.notify()
	w.must(err)

	guest := message.GuestKey(address)
	_, _, err = store.CreateImport(t.Context(), ledger.Import{ID: "a", State: ledger.Running})
	w.must(err)
	e := ledger.Entry{Import: "a", Guest: guest, Address: address, UserID: "u", RedirectURL: "https://myapplications.microsoft.com",
		Invite: ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Already}, Notify: ledger.Step{Generation: 1, State: ledger.Sent, Due: time.Now()}}
	_, err = store.InsertEntries(t.Context(), []ledger.Entry{e})
	w.must(err)
	g, err := store.Claim(t.Context(), guest, rand.Text(), time.Minute)
	w.must(err)
	g.UserID, g.Invite, g.Mode, g.InvitedBy, g.Holder = "u", ledger.Invited, "own", "earlier", ""
	_, err = store.SaveGuest(t.Context(), g)
	w.must(err)

	if err := step.Do(t.Context(), message.Message{Kind: message.Notify, Import: "a", Guest: guest, Generation: 1, Attempt: 1}); err != nil {
		t.Fatalf("not mailed: %v", err)
	}
	if n := len(mails.Messages()); n != 1 || !slices.Equal(mails.Messages()[0].To, []string{address}) {
		t.Errorf("%d mails: %+v", n, mails.Messages())
	}
}
