package soak

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"guestlist/functions/cmd/devstack/internal/oracle"
	"guestlist/pkg/bus"
	"guestlist/pkg/csvfile"
	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/local/mailbox"
	"guestlist/pkg/local/servicebus"
	"guestlist/pkg/message"
	"guestlist/pkg/report"
)

// ideal is the world that a round leaves if nothing went wrong, made by hand from what its rows ask for.
type ideal struct {
	*Round
	*oracle.World
	t       *testing.T
	imports map[int]string
	ids     map[string]string // user ids by address
}

func newIdeal(t *testing.T) *ideal {
	t.Helper()
	r := NewRound(1, Settings{Rows: 600, Kills: 20, Hosts: 3, Faults: true, Skew: time.Minute})
	i := &ideal{Round: r, t: t, imports: map[int]string{}, ids: map[string]string{},
		World: &oracle.World{Now: time.Unix(2_000_000_000, 0), Guests: map[string]ledger.Guest{}, Queues: []servicebus.QueueStats{{Name: message.Invitations, Scheduled: 1}}}}
	seed := r.Tenant()
	i.Directory = entra.State{Users: seed.Users, Groups: seed.Groups, Applications: seed.Applications, Mails: map[string]int{}}
	for _, u := range seed.Users {
		i.ids[strings.ToLower(u.Mail)] = u.ID
	}
	for n := range r.Files {
		i.file(n)
	}
	return i
}

func (i *ideal) file(n int) {
	f := i.Files[n]
	id := fmt.Sprintf("import%03d", n)
	i.imports[n] = id
	one := oracle.Import{Import: ledger.Import{ID: id, Path: f.Path, State: ledger.Running, Revision: 1, Reported: 1},
		Summary: &report.Summary{Rows: len(f.Rows), Result: "result", Outcomes: map[ledger.Outcome]int{}}, Header: append(slices.Clone(names), "Outcome", "Reason", "UserId")}
	if f.Code != "" {
		one.State, one.Code = ledger.Refused, f.Code
	}
	for k, row := range f.Rows {
		var cells []string
		for _, c := range row.Cells {
			cells = append(cells, csvfile.Neutral(c))
		}
		cells = append(cells, string(row.Want[0]), row.Code, i.ids[row.Address])
		one.Rows = append(one.Rows, cells)
		one.Summary.Outcomes[row.Want[0]]++
		if row.Want[0] == ledger.Rejected || row.Want[0] == ledger.Failed || row.Want[0] == ledger.Partial {
			one.ToCorrect = append(one.ToCorrect, cells)
		}
		if row.Address != "" {
			i.guest(f, &one, k+2, row)
		}
	}
	i.Imports = append(i.Imports, one)
}

// guest gives a row's person what the row asks for.
func (i *ideal) guest(f File, one *oracle.Import, line int, row Row) {
	key := message.GuestKey(row.Address)
	n := slices.IndexFunc(one.Entries, func(e ledger.Entry) bool { return e.Guest == key })
	if n < 0 {
		n = len(one.Entries)
		ended := ledger.Step{State: ledger.Ended, Outcome: ledger.Done, Generation: 1}
		one.Entries = append(one.Entries, ledger.Entry{Import: one.ID, Guest: key, Address: row.Address, Invite: ended, Notify: ledger.Step{State: ledger.Ended}})
	}
	e := &one.Entries[n]
	e.Lines = append(e.Lines, line)
	i.Guests[key] = ledger.Guest{Key: key, Mail: ledger.MailSent}
	fail := func(s *ledger.Step, m message.Message) {
		if s.Outcome == ledger.Failed {
			return
		}
		s.Outcome, s.Code = ledger.Failed, row.Code
		m.Import, m.Guest = one.ID, key
		i.DeadLetters = append(i.DeadLetters, bus.DeadLetter{Queue: m.Queue(), Message: m, Reason: row.Code})
	}
	if row.who.code() != "" {
		fail(&e.Invite, message.Message{Kind: message.Invite})
		return
	}
	if i.ids[row.Address] == "" {
		i.ids[row.Address] = fmt.Sprintf("user%05d", len(i.ids))
		i.Directory.Users = append(i.Directory.Users, entra.User{ID: i.ids[row.Address], Mail: row.Address, UserType: "Guest"})
	}
	for _, t := range row.targets {
		switch {
		case t.fails:
			e.Targets = append(e.Targets, ledger.Target{Kind: t.kind, ID: t.id, Step: ledger.Step{State: ledger.Ended}})
			fail(&e.Targets[len(e.Targets)-1].Step, message.Message{Kind: message.Assign, Target: len(e.Targets) - 1})
		case t.granted():
			i.grant(row.Address, t)
		}
	}
	i.mail(f, row, e, fail)
}

func (i *ideal) grant(address string, t target) {
	id := i.ids[address]
	if t.kind == ledger.Group {
		n := slices.IndexFunc(i.Directory.Groups, func(g entra.Group) bool { return g.ID == t.id })
		if g := &i.Directory.Groups[n]; !slices.Contains(g.Members, id) {
			g.Members = append(g.Members, id)
		}
		return
	}
	n := slices.IndexFunc(i.Directory.Applications, func(a entra.Application) bool { return a.AppID == t.id })
	a, grant := &i.Directory.Applications[n], entra.Assignment{PrincipalID: id, AppRoleID: t.roleID}
	if !slices.Contains(a.Assignments, grant) {
		a.Assignments = append(a.Assignments, grant)
	}
}

// mail mails a guest for the first file of a source that does.
func (i *ideal) mail(f File, row Row, e *ledger.Entry, fail func(*ledger.Step, message.Message)) {
	id := "id-" + row.Address
	sent := slices.ContainsFunc(i.Mails, func(m mailbox.Summary) bool { return m.MessageID == id }) || i.Directory.Mails[row.Address] > 0
	switch {
	case row.who == bounced && f.Mode == "own":
		fail(&e.Notify, message.Message{Kind: message.Notify})
	case row.who == existing || sent:
	case f.Mode == "microsoft":
		i.Directory.Mails[row.Address] = 1
	case f.Mode == "own":
		i.Mails = append(i.Mails, mailbox.Summary{MessageID: id, To: []string{row.Address}})
		if row.cc != "" {
			i.Mails = append(i.Mails, mailbox.Summary{MessageID: "copy-" + id, To: []string{row.cc}})
		}
	}
}

func (i *ideal) judge() []oracle.Violation { return append(i.Check(), i.Judge(i.World, i.imports)...) }
