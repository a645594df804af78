package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"guestlist/pkg/ledger"
	"guestlist/pkg/message"
)

// Violation is something that must never be.
type Violation struct {
	Check  string // one of the checks
	Import string
	Row    int    // of the import's file, its line; 0 if it is about no certain row
	Guest  string // address or key
	Text   string
}

// The checks.
const (
	Lost          = "lost"                      // a row without its outcome, a guest without what was asked for
	TwoUsers      = "users twice"               // two accounts of one person
	MailsTwice    = "mails by Microsoft twice"  // more than one of them for one person
	DeadLink      = "mails that lead nowhere"   // their redeem link is missing or dead
	OwnMails      = "own mails"                 // missing, too many, or repeated without a word
	Stuck         = "stuck"                     // an import that has not ended
	MessagesLeft  = "messages left"             // in a queue
	LettersAmiss  = "dead letters"              // none where a row failed, or one where none did
	LeaseLeft     = "leases left"               // on a guest whom nobody works on
	SecretKept    = "redeem links kept"         // after their mail, or where they may never be
	WrongOutcome  = "wrong outcomes"            // others than the row's content leads to
	NotAskedFor   = "access nobody asked for"   // or an import
	WrongAccounts = "accounts nobody asked for" // of people of whom every row fails or is rejected
)

// Checks are all of them, in the order of a table.
var Checks = []string{Lost, TwoUsers, MailsTwice, OwnMails, DeadLink, Stuck, MessagesLeft, LettersAmiss, LeaseLeft, SecretKept, WrongOutcome, NotAskedFor, WrongAccounts}

// String names everything that helps to find it.
func (v Violation) String() string {
	var b strings.Builder
	b.WriteString(v.Check)
	for _, part := range []struct{ name, value string }{{"guest", v.Guest}, {"import", v.Import}} {
		if part.value != "" {
			fmt.Fprintf(&b, ", %s %s", part.name, part.value)
		}
	}
	if v.Row > 0 {
		fmt.Fprintf(&b, ", row %d", v.Row)
	}
	return b.String() + ": " + v.Text
}

// Check returns what is wrong with a world, whatever was imported into it.
func (w *World) Check() []Violation {
	return slices.Concat(w.accounts(), w.byMicrosoft(), w.ended(), w.reported(), w.queues(), w.letters(), w.rows(), w.secrets(), w.links())
}

// accounts: nobody has two.
func (w *World) accounts() (bad []Violation) {
	seen := map[string]string{}
	for _, u := range w.Directory.Users {
		address := strings.ToLower(u.Mail)
		if other, twice := seen[address]; twice && address != "" {
			bad = append(bad, Violation{Check: TwoUsers, Guest: address, Text: "accounts " + other + " and " + u.ID})
		}
		seen[address] = u.ID
	}
	return bad
}

// byMicrosoft: nobody gets two mails.
func (w *World) byMicrosoft() (bad []Violation) {
	for address, n := range w.Directory.Mails {
		if n > 1 {
			bad = append(bad, Violation{Check: MailsTwice, Guest: address, Text: fmt.Sprintf("Microsoft sent %d invitation mails", n)})
		}
	}
	return bad
}

// ended: nothing is open that nobody works on.
func (w *World) ended() (bad []Violation) {
	for _, i := range w.Imports {
		if i.Tally.Open > 0 {
			bad = append(bad, Violation{Check: Stuck, Import: i.ID, Text: fmt.Sprintf("%d of %d guests are open, import %s: %+v", i.Tally.Open, i.Tally.Guests, i.State, i.Tally)})
		}
		for _, e := range i.Entries {
			if !e.Ended() {
				bad = append(bad, Violation{Check: Stuck, Import: i.ID, Row: first(e.Lines), Guest: e.Address, Text: "open: " + openSteps(e)})
			}
		}
	}
	return bad
}

func first(lines []int) int {
	if len(lines) == 0 {
		return 0
	}
	return lines[0]
}

func openSteps(e ledger.Entry) string {
	var all []string
	tell := func(name string, s ledger.Step) {
		if s.State != ledger.Ended {
			all = append(all, fmt.Sprintf("%s %s %s generation %d due %s", name, s.State, s.Wait, s.Generation, s.Due.Format("15:04:05")))
		}
	}
	tell("invite", e.Invite)
	for n, t := range e.Targets {
		tell(fmt.Sprintf("target %d", n), t.Step)
	}
	tell("notify", e.Notify)
	return strings.Join(all, ", ")
}

// reported: every import has results of its last revision, or waits for a person.
func (w *World) reported() (bad []Violation) {
	for _, i := range w.Imports {
		switch {
		case i.State == ledger.Held:
		case i.Open():
			bad = append(bad, Violation{Check: Stuck, Import: i.ID, Text: fmt.Sprintf("%s is %s, revision %d of %d is reported", i.Path, i.State, i.Reported, i.Revision)})
		case i.Summary == nil:
			bad = append(bad, Violation{Check: Lost, Import: i.ID, Text: "reported, and there is no summary"})
		}
	}
	return bad
}

// rows: the result file has every row, and the summary counts them.
func (w *World) rows() (bad []Violation) {
	for _, i := range w.Imports {
		if i.Summary == nil {
			continue
		}
		counted := map[ledger.Outcome]int{}
		n := 0
		for _, r := range i.Rows {
			counted[ledger.Outcome(r[len(r)-3])]++
		}
		for o, k := range i.Summary.Outcomes {
			n += k
			if i.Summary.Result != "" && counted[o] != k {
				bad = append(bad, Violation{Check: Lost, Import: i.ID, Text: fmt.Sprintf("the summary counts %d rows as %s, the result file has %d", k, o, counted[o])})
			}
		}
		if n != i.Summary.Rows || i.Summary.Result != "" && len(i.Rows) != i.Summary.Rows {
			bad = append(bad, Violation{Check: Lost, Import: i.ID, Text: fmt.Sprintf("%d rows were read, %d have an outcome, the result file has %d", i.Summary.Rows, n, len(i.Rows))})
		}
	}
	return bad
}

// queues: nothing is delivered any more, and what is scheduled acts on nothing: a mail's message of ten minutes hence whose
// mail the last target has sent for, a copy of what another copy has done.
func (w *World) queues() (bad []Violation) {
	for _, q := range w.Queues {
		if n := q.Active + q.Locked + q.Deferred; n > 0 {
			bad = append(bad, Violation{Check: MessagesLeft, Text: fmt.Sprintf("queue %s: %d active, %d locked, %d deferred", q.Name, q.Active, q.Locked, q.Deferred)})
		}
	}
	entries := w.entries()
	for _, m := range w.Scheduled {
		if m.Guest == "" {
			bad = append(bad, Violation{Check: MessagesLeft, Import: m.Import, Text: fmt.Sprintf("a scheduled message of kind %s", m.Kind)})
			continue
		}
		e := entries[m.Import+m.Guest]
		if e == nil {
			continue // ends quietly
		}
		if s := e.Step(m.Kind, m.Target); s == nil || s.State != ledger.Ended && s.Generation == m.Generation {
			bad = append(bad, Violation{Check: MessagesLeft, Import: m.Import, Guest: e.Address, Row: first(e.Lines),
				Text: fmt.Sprintf("a scheduled message of kind %s, generation %d, that still has something to do", m.Kind, m.Generation)})
		}
	}
	return bad
}

func (w *World) entries() map[string]*ledger.Entry {
	all := map[string]*ledger.Entry{}
	for n := range w.Imports {
		for k := range w.Imports[n].Entries {
			e := &w.Imports[n].Entries[k]
			all[e.Import+e.Guest] = e
		}
	}
	return all
}

// letters: every guest of whom a step failed has a dead letter, and every dead letter is of a step that failed.
func (w *World) letters() (bad []Violation) {
	entries, has := w.entries(), map[string]bool{}
	for _, d := range w.DeadLetters {
		if w.Foreign && (strings.HasPrefix(d.Reason, "message.") || strings.HasPrefix(d.Reason, "event.")) {
			continue
		}
		key := d.Message.Import + d.Message.Guest
		e := entries[key]
		if e == nil {
			if !w.failedImport(d.Message) {
				bad = append(bad, Violation{Check: LettersAmiss, Import: d.Message.Import, Guest: d.Message.Guest,
					Text: fmt.Sprintf("a dead letter in %s of no row: %s, %s", d.Queue, d.Reason, d.Description)})
			}
			continue
		}
		s := e.Step(d.Message.Kind, d.Message.Target)
		if s == nil || s.Outcome != ledger.Failed {
			bad = append(bad, Violation{Check: LettersAmiss, Import: e.Import, Guest: e.Address, Row: first(e.Lines),
				Text: fmt.Sprintf("a dead letter in %s (%s, %s) of a step that did not fail: %+v", d.Queue, d.Reason, d.Description, s)})
			continue
		}
		has[key] = true
	}
	for key, e := range entries {
		failed := slices.ContainsFunc(e.Steps(), func(s *ledger.Step) bool { return s.Outcome == ledger.Failed })
		if failed && !has[key] {
			bad = append(bad, Violation{Check: LettersAmiss, Import: e.Import, Guest: e.Address, Row: first(e.Lines),
				Text: "failed (" + e.Reason().Code + "), and there is no dead letter to replay"})
		}
	}
	return bad
}

// failedImport reports whether m moved an import that failed as a whole.
func (w *World) failedImport(m message.Message) bool {
	return m.Guest == "" && slices.ContainsFunc(w.Imports, func(i Import) bool { return i.ID == m.Import && i.State == ledger.Broken })
}

// secrets: no lease is left on anybody who is done with, and no redeem link outlives its mail.
func (w *World) secrets() (bad []Violation) {
	for _, where := range w.Leaks {
		bad = append(bad, Violation{Check: SecretKept, Text: "a redeem link lies in " + where})
	}
	address := map[string]string{}
	for _, i := range w.Imports {
		for _, e := range i.Entries {
			address[e.Guest] = e.Address
		}
	}
	for key, g := range w.Guests {
		who := cmp.Or(address[key], key)
		if g.Mail == ledger.MailSent && g.RedeemURL != "" {
			bad = append(bad, Violation{Check: SecretKept, Guest: who, Text: "the mail was sent and its link is still in the guest's row"})
		}
		if g.Holder != "" && g.Until.After(w.Now) {
			bad = append(bad, Violation{Check: LeaseLeft, Guest: who, Text: "a lease runs until " + g.Until.String() + " though no message is left"})
		}
	}
	return bad
}

// links: who is mailed can accept the invitation.
func (w *World) links() (bad []Violation) {
	for _, to := range w.DeadLinks {
		bad = append(bad, Violation{Check: DeadLink, Guest: to, Text: "the redeem link of the last mail is missing, or leads nowhere"})
	}
	return bad
}
