package main

import (
	"strings"
	"testing"
	"time"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/message"
	"guestlist/pkg/status"
	"guestlist/pkg/work"
)

// TestGuestOverAllImports shows a person whom one import invited and mailed, whom a second one found, and of whom a third
// rejected a row.
func TestGuestOverAllImports(t *testing.T) {
	tenant, directory := tenantOf(t, needed, entra.Settings{}, "contoso.onmicrosoft.com")
	w := newWorld(t)
	for k, v := range tenant.env {
		w.env[k] = v
	}
	const address, userID = "person@partner.example", "a0a0a0a0-0000-4000-8000-00000000f001"
	_, err := directory.AddUser(entra.User{ID: userID, Mail: address, UserType: "Guest", ExternalUserState: "Accepted", OtherMails: []string{address}})
	w.must(err)
	key := message.GuestKey(address)
	g, err := w.services.Ledger.Claim(t.Context(), key, "test", time.Minute)
	w.must(err)
	g.UserID, g.Invite, g.Since, g.Mode, g.InvitedBy = userID, ledger.Invited, received, "own", "f1000000000000000001"
	g.Mail, g.MailID, g.MailedBy, g.MailRepeats, g.Holder = ledger.MailSent, "abc@contoso.example", "f1000000000000000001", 1, ""
	g.RedeemURL = "https://redeem.example/?ticket=SECRET" // never erased here, to be looked for
	_, err = w.services.Ledger.SaveGuest(t.Context(), g)
	w.must(err)
	done := ledger.Step{Generation: 1, State: ledger.Ended, Outcome: ledger.Done}
	for n, id := range []string{"f1000000000000000001", "f2000000000000000002"} {
		e := ledger.Entry{Import: id, Guest: key, Address: address, Lines: []int{2 + n}, UserID: userID, Invite: done, Notify: done,
			Targets: []ledger.Target{{Kind: ledger.Group, ID: "g", Name: "Partners", Step: done}}}
		e.Notify.Code, e.Notify.Text = "mail.uncertain", "The mail was sent again."
		if n == 1 {
			e.Invite.Outcome, e.Targets[0].Outcome = ledger.Already, ledger.Already
			e.Notify.Outcome, e.Notify.Code, e.Notify.Text = ledger.None, "mail.already", "The guest had been mailed before."
		}
		w.keep(t, ledger.Import{ID: id, Source: "people", Path: "file-" + id[:2] + ".csv", Created: received.Add(time.Duration(n) * time.Hour),
			State: ledger.Running, Plan: ledger.Phase{Generation: 1}, Rows: 1, Revision: 1, Reported: 1})
		_, err := w.services.Ledger.InsertEntries(t.Context(), []ledger.Entry{e})
		w.must(err)
	}
	third := ledger.Import{ID: "f3000000000000000003", Source: "people", Path: "file-f3.csv", Created: received.Add(2 * time.Hour), Run: "run",
		State: ledger.Running, Plan: ledger.Phase{Generation: 1}, Rows: 1, RowsRejected: 1, Revision: 1, Reported: 1}
	w.keep(t, third)
	rows := work.NewWriter(t.Context(), w.services.Blobs, third.Work())
	w.must(rows.Add(work.Row{Line: 9, Address: address, Problems: []message.Failure{{Code: "target.forbidden", Text: "The policy must list it."}}}))
	w.must(rows.Close())

	r := w.run("", "guest", "Person@Partner.example")
	if r.code != exitDone || !strings.Contains(r.out, "Accepted") || strings.Contains(r.out+r.err, "SECRET") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	w.run("", "guest", "nobody@partner.example")
	w.env["GRAPH_ENDPOINT"] = "http://127.0.0.1:1"
	w.run("", "guest", address)
	w.golden("guest", anID)

	w.env["GRAPH_ENDPOINT"] = directory.URL()
	p := decode[status.Person](t, w.run("", "guest", address, "-json"))
	if p.Account == nil || p.Account.State != "Accepted" || len(p.Imports) != 3 || p.Imports[0].Rejected[0].Line != 9 || p.Mail.Repeats != 1 {
		t.Errorf("JSON: %+v", p)
	}
}

func (w *world) keep(t *testing.T, i ledger.Import) {
	t.Helper()
	_, _, err := w.services.Ledger.CreateImport(t.Context(), i)
	w.must(err)
}
