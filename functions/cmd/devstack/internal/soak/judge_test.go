package soak

import (
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/bus"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/message"
)

func TestAnIdealWorldIsFlawless(t *testing.T) {
	t.Parallel()
	for _, v := range newIdeal(t).judge() {
		t.Error(v)
	}
}

// taken returns the first row that fits, with its import and its place.
func (i *ideal) taken(fits func(File, Row) bool) (*oracle.Import, int, Row) {
	i.t.Helper()
	for n, f := range i.Files {
		for k, row := range f.Rows {
			if row.Address != "" && fits(f, row) {
				return &i.Imports[n], k, row
			}
		}
	}
	i.t.Fatal("no row fits; another seed is needed")
	return nil, 0, Row{}
}

// own is a guest whom Guestlist mails, with a group, in one file only.
func own(f File, r Row) bool {
	return f.Mode == "own" && f.Again < 0 && r.who == fresh && group(r) != ""
}

func group(r Row) string {
	for _, t := range r.targets {
		if t.granted() && t.kind == ledger.Group {
			return t.id
		}
	}
	return ""
}

func failing(_ File, r Row) bool { return r.who == member }

func (i *ideal) entry(one *oracle.Import, address string) *ledger.Entry {
	n := slices.IndexFunc(one.Entries, func(e ledger.Entry) bool { return e.Address == address })
	return &one.Entries[n]
}

// doctored are worlds with one thing wrong each, and the check that must see it.
var doctored = []struct {
	name, check string
	do          func(*ideal) (guest string)
}{
	{"a second account", oracle.TwoUsers, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Directory.Users = append(i.Directory.Users, entra.User{ID: "second", Mail: strings.ToUpper(r.Address)})
		return r.Address
	}},
	{"an account that is missing", oracle.Lost, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Directory.Users = slices.DeleteFunc(i.Directory.Users, func(u entra.User) bool { return u.Mail == r.Address })
		return r.Address
	}},
	{"an account that nobody asked for", oracle.WrongAccounts, func(i *ideal) string {
		i.Directory.Users = append(i.Directory.Users, entra.User{ID: "stranger", Mail: "stranger@partner.example"})
		return "stranger@partner.example"
	}},
	{"an account for somebody who was refused", oracle.WrongAccounts, func(i *ideal) string {
		_, _, r := i.taken(func(_ File, r Row) bool { return r.who == refused })
		i.Directory.Users = append(i.Directory.Users, entra.User{ID: "refused", Mail: r.Address})
		return r.Address
	}},
	{"a membership that is missing", oracle.Lost, func(i *ideal) string {
		_, _, r := i.taken(own)
		g := slices.IndexFunc(i.Directory.Groups, func(g entra.Group) bool { return g.ID == group(r) })
		members := &i.Directory.Groups[g].Members
		*members = slices.DeleteFunc(*members, func(id string) bool { return id == i.ids[r.Address] })
		return r.Address
	}},
	{"a membership that nobody asked for", oracle.NotAskedFor, func(i *ideal) string {
		_, _, r := i.taken(failing)
		i.Directory.Groups[0].Members = append(i.Directory.Groups[0].Members, i.ids[r.Address])
		return r.Address
	}},
	{"an app role that nobody asked for", oracle.NotAskedFor, func(i *ideal) string {
		_, _, r := i.taken(failing)
		i.Directory.Applications[0].Assignments = append(i.Directory.Applications[0].Assignments, entra.Assignment{PrincipalID: i.ids[r.Address], AppRoleID: defaultRole})
		return r.Address
	}},
	{"a second mail by Microsoft", oracle.MailsTwice, func(i *ideal) string {
		_, _, r := i.taken(func(f File, r Row) bool { return f.Mode == "microsoft" && r.who == fresh })
		i.Directory.Mails[r.Address]++
		return r.Address
	}},
	{"a mail by Microsoft too", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Directory.Mails[r.Address] = 1
		return r.Address
	}},
	{"a mail that is missing", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Mails = slices.DeleteFunc(i.Mails, func(m mailbox.Summary) bool { return m.MessageID == "id-"+r.Address })
		return r.Address
	}},
	{"another mail", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: "another", To: []string{r.Address}})
		return r.Address
	}},
	{"a mail that came again without a word", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: "id-" + r.Address, To: []string{r.Address}})
		return r.Address
	}},
	{"a mail to somebody who was there before", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(func(_ File, r Row) bool { return r.who == existing })
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: "id-" + r.Address, To: []string{r.Address}})
		return r.Address
	}},
	{"a mail to a stranger", oracle.OwnMails, func(i *ideal) string {
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: "x", To: []string{"stranger@partner.example"}})
		return "stranger@partner.example"
	}},
	{"a copy to a stranger", oracle.OwnMails, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: "copy-id-" + r.Address, To: []string{"stranger@partner.example"}})
		return r.Address
	}},
	{"a row that is not in the result", oracle.Lost, func(i *ideal) string {
		one, k, _ := i.taken(own)
		one.Rows = slices.Delete(one.Rows, k, k+1)
		return ""
	}},
	{"a row that is there twice", oracle.Lost, func(i *ideal) string {
		one, k, _ := i.taken(own)
		one.Rows = slices.Insert(one.Rows, k, one.Rows[k])
		return ""
	}},
	{"a row in place of another", oracle.Lost, func(i *ideal) string {
		one, k, r := i.taken(own)
		one.Rows[k] = slices.Clone(one.Rows[k])
		one.Rows[k][colEmail] = "stranger@partner.example"
		return r.Address
	}},
	{"a row that was not read", oracle.Lost, func(i *ideal) string {
		one, _, _ := i.taken(own)
		one.Summary.Rows++
		return ""
	}},
	{"a row that should be corrected and is not said to", oracle.Lost, func(i *ideal) string {
		one, _, _ := i.taken(failing)
		one.ToCorrect = one.ToCorrect[1:]
		return ""
	}},
	{"an outcome that the row cannot have", oracle.WrongOutcome, func(i *ideal) string {
		one, k, r := i.taken(own)
		one.Rows[k][len(names)] = string(ledger.Already)
		one.Summary.Outcomes[ledger.Done]--
		one.Summary.Outcomes[ledger.Already]++
		return r.Address
	}},
	{"a reason that is not the row's", oracle.WrongOutcome, func(i *ideal) string {
		one, k, r := i.taken(failing)
		one.Rows[k][len(names)+1] = "graph.unreachable: it was not there"
		return r.Address
	}},
	{"an import that is missing", oracle.Lost, func(i *ideal) string {
		i.Imports = i.Imports[1:]
		return ""
	}},
	{"an import that nobody dropped", oracle.NotAskedFor, func(i *ideal) string {
		one := i.Imports[0]
		one.ID = "stranger"
		i.Imports = append(i.Imports, one)
		return ""
	}},
	{"a useless file that was taken", oracle.WrongOutcome, func(i *ideal) string {
		n := slices.IndexFunc(i.Files, func(f File) bool { return f.Code != "" })
		i.Imports[n].State = ledger.Running
		return ""
	}},
	{"a version that was replaced and is worked on", oracle.NotAskedFor, func(i *ideal) string {
		n := slices.IndexFunc(i.Files, func(f File) bool { return f.Replaces >= 0 })
		i.Imports[i.Files[n].Replaces].State = ledger.Superseded
		return ""
	}},
	{"an import that failed", oracle.Lost, func(i *ideal) string {
		one, _, _ := i.taken(own)
		one.State, one.Code = ledger.Broken, "attempts.exhausted"
		return ""
	}},
	{"a step that is open", oracle.Stuck, func(i *ideal) string {
		one, _, r := i.taken(own)
		i.entry(one, r.Address).Invite.State = ledger.Waiting
		return r.Address
	}},
	{"a guest that the tally has open", oracle.Stuck, func(i *ideal) string {
		one, _, _ := i.taken(own)
		one.Tally.Open = 1
		return ""
	}},
	{"an import without its report", oracle.Stuck, func(i *ideal) string {
		one, _, _ := i.taken(own)
		one.Reported = 0
		return ""
	}},
	{"results that are missing", oracle.Lost, func(i *ideal) string {
		one, _, _ := i.taken(own)
		one.Summary = nil
		return ""
	}},
	{"a message left in a queue", oracle.MessagesLeft, func(i *ideal) string {
		i.Queues[0].Active = 1
		return ""
	}},
	{"a message that is locked", oracle.MessagesLeft, func(i *ideal) string {
		i.Queues[0].Locked = 1
		return ""
	}},
	{"a scheduled message with something to do", oracle.MessagesLeft, func(i *ideal) string {
		one, _, r := i.taken(own)
		e := i.entry(one, r.Address)
		e.Notify = ledger.Step{State: ledger.Sent, Generation: 2}
		i.Scheduled = append(i.Scheduled, message.Message{Kind: message.Notify, Import: one.ID, Guest: e.Guest, Generation: 2})
		return r.Address
	}},
	{"a scheduled message of an import", oracle.MessagesLeft, func(i *ideal) string {
		i.Scheduled = append(i.Scheduled, message.Message{Kind: message.Plan, Import: i.Imports[0].ID})
		return ""
	}},
	{"a failure without a dead letter", oracle.LettersAmiss, func(i *ideal) string {
		_, _, r := i.taken(failing)
		i.DeadLetters = slices.DeleteFunc(i.DeadLetters, func(d bus.DeadLetter) bool { return d.Message.Guest == message.GuestKey(r.Address) })
		return r.Address
	}},
	{"a dead letter without a failure", oracle.LettersAmiss, func(i *ideal) string {
		one, _, r := i.taken(own)
		i.DeadLetters = append(i.DeadLetters, bus.DeadLetter{Message: message.Message{Kind: message.Invite, Import: one.ID, Guest: message.GuestKey(r.Address)}})
		return r.Address
	}},
	{"a dead letter of nobody", oracle.LettersAmiss, func(i *ideal) string {
		i.DeadLetters = append(i.DeadLetters, bus.DeadLetter{Queue: message.Uploads, Reason: "event.unreadable"})
		return ""
	}},
	{"a lease that still runs", oracle.LeaseLeft, func(i *ideal) string {
		_, _, r := i.taken(own)
		key := message.GuestKey(r.Address)
		i.Guests[key] = ledger.Guest{Key: key, Holder: "somebody", Until: i.Now.Add(time.Second)}
		return r.Address
	}},
	{"a redeem link after its mail", oracle.SecretKept, func(i *ideal) string {
		_, _, r := i.taken(own)
		key := message.GuestKey(r.Address)
		i.Guests[key] = ledger.Guest{Key: key, Mail: ledger.MailSent, RedeemURL: "https://…/redeem?ticket=x"}
		return r.Address
	}},
	{"a mail whose link leads nowhere", oracle.DeadLink, func(i *ideal) string {
		_, _, r := i.taken(own)
		i.DeadLinks = []string{r.Address}
		return r.Address
	}},
	{"a redeem link in a file", oracle.SecretKept, func(i *ideal) string {
		i.Leaks = []string{"results/x.csv"}
		return ""
	}},
}

// TestWhatIsWrongIsSeen plants one thing after another in an ideal world: the check that it is for must see it, and name the
// guest.
func TestWhatIsWrongIsSeen(t *testing.T) {
	t.Parallel()
	for _, d := range doctored {
		t.Run(strings.ReplaceAll(d.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			i := newIdeal(t)
			guest := d.do(i)
			found := i.judge()
			if !slices.ContainsFunc(found, func(v oracle.Violation) bool { return v.Check == d.check && (guest == "" || v.Guest == guest) }) {
				t.Errorf("%d violations, none of %q about %q: %v", len(found), d.check, guest, found)
			}
		})
	}
}

// TestWhatIsAllowedIsNoViolation are worlds that are not ideal and keep the promise.
func TestWhatIsAllowedIsNoViolation(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*ideal){
		"a mail that came again, and a row says so": func(i *ideal) {
			one, _, r := i.taken(own)
			i.Mails = append(i.Mails, mailbox.Summary{MessageID: "id-" + r.Address, To: []string{r.Address}})
			i.entry(one, r.Address).Notify.Code = "mail.uncertain"
		},
		"a scheduled message of a step that has ended": func(i *ideal) {
			one, _, r := i.taken(own)
			i.Scheduled = append(i.Scheduled, message.Message{Kind: message.Notify, Import: one.ID, Guest: message.GuestKey(r.Address), Generation: 1})
		},
		"a scheduled message of another generation": func(i *ideal) {
			one, _, r := i.taken(own)
			i.entry(one, r.Address).Invite.Generation = 2
			i.Scheduled = append(i.Scheduled, message.Message{Kind: message.Invite, Import: one.ID, Guest: message.GuestKey(r.Address), Generation: 1})
		},
		"a second dead letter of one failure": func(i *ideal) { i.DeadLetters = append(i.DeadLetters, i.DeadLetters[0]) },
		"a lease that a dead process left and that has run out": func(i *ideal) {
			_, _, r := i.taken(failing)
			key := message.GuestKey(r.Address)
			i.Guests[key] = ledger.Guest{Key: key, Holder: "somebody", Until: i.Now.Add(-time.Second)}
		},
		"a file that was never dropped": func(i *ideal) {
			n := len(i.Files) - 1
			for i.Files[n].Again < 0 { // what it asks for is asked for by another one
				n--
			}
			i.DeadLetters = slices.DeleteFunc(i.DeadLetters, func(d bus.DeadLetter) bool { return d.Message.Import == i.imports[n] })
			delete(i.imports, n)
			i.Imports = slices.Delete(i.Imports, n, n+1)
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			i := newIdeal(t)
			do(i)
			for _, v := range i.judge() {
				t.Error(v)
			}
		})
	}
}
