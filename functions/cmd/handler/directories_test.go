package main

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
)

var directorySeed = flag.Uint64("directory-seed", 0, "run TestNobodyElseIsGivenAccess with this directory only")

// directories is how many random directories one run of the test makes.
const directories = 25

const (
	initialDomain = "contoso.onmicrosoft.com"
	ownDomain     = "contoso.example"
	team, later   = "02bd9fd6-8f93-4758-87c3-1fb73740a315", "02bd9fd6-8f93-4758-87c3-1fb73740a316"
	wiki, wikiSP  = "f1bd758f-4a1a-4b71-aa20-a248a22a8928", "8c0c3a4e-5f0b-4c53-9b8d-2f6f1c0a7f11"
	wikiEditor    = "3d1b3c8f-0b0e-4b55-9e0b-6c1d2a3b4c5d"
)

// TestNobodyElseIsGivenAccess imports people into random directories, in which they are known in every way that an account
// can be: the outcome is what DESIGN 7 says, and nothing is given to any other account. Every second directory also loses
// answers and refuses requests at random. Then it imports them again, changes the directory, and imports them a third time.
func TestNobodyElseIsGivenAccess(t *testing.T) {
	t.Parallel()
	seeds := []uint64{*directorySeed}
	if *directorySeed == 0 {
		seeds = nil
		for range directories {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			t.Logf("again: go test ./functions/cmd/handler -run TestNobodyElseIsGivenAccess -directory-seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 1))
			people, directory := randomDirectory(r)
			w := newWorld(t, directory, seed)
			if r.IntN(2) == 0 {
				w.must(w.entra.SetRates(entra.Rates{Before: 0.05, AfterWrite: 0.05, Reset: 0.05, Throttle: 0.05}))
			}
			w.imports("first", people, team)
			w.check("first", people, team)
			before := w.entra.Stats().UsersCreated
			w.imports("again", people, team)
			w.check("again", people, team)
			if after := w.entra.Stats().UsersCreated; after != before {
				t.Errorf("the same people again made %d users", after-before)
			}
			w.change(r, people)
			w.imports("changed", people, later)
			w.check("changed", people, later)
		})
	}
}

// person is somebody in a file, and what should become of them.
type person struct {
	address string // as the directory has it
	typed   string // as the file has it
	how     string // how the directory knows them
	code    string // of the failure; empty if they get access
	id      string // of the account that gets it; empty if it is a new one
}

// randomDirectory makes people, each known to the directory in another way, among accounts that nearly have their addresses.
func randomDirectory(r *rand.Rand) ([]*person, entra.Seed) {
	d := entra.Seed{
		VerifiedDomains: []string{initialDomain, ownDomain},
		Groups:          []entra.Group{{ID: team, DisplayName: "Team"}, {ID: later, DisplayName: "Later"}},
		Applications: []entra.Application{{AppID: wiki, ID: wikiSP, DisplayName: "Wiki",
			AppRoles: []entra.AppRole{{ID: wikiEditor, Value: "Editor", DisplayName: "Editors"}}}},
	}
	var people []*person
	for n := range 16 {
		k := known[r.IntN(len(known))]
		p := &person{address: address(r, n), how: k.how, code: k.code}
		if k.domain != "" {
			p.address = p.address[:strings.Index(p.address, "@")+1] + k.domain
		}
		if strings.Contains(p.address, "'") && k.ids == nil && (k.code == "" || strings.HasPrefix(k.code, "invite.")) {
			p.code = "invite.address-refused" // nobody can be invited by it
		}
		p.typed = anyCase(r, p.address)
		s := &setting{r: r, d: &d, address: anyCase(r, p.address)}
		if k.make != nil {
			k.make(s)
		}
		if k.ids != nil {
			p.id = s.ids[0]
		}
		nearMisses(s, p.address)
		people = append(people, p)
	}
	r.Shuffle(len(d.Users), func(i, j int) { d.Users[i], d.Users[j] = d.Users[j], d.Users[i] })
	return people, d
}

func address(r *rand.Rand, n int) string {
	local := []string{"ana%d", "ana.o-hara%d", "o'brien%d", "a_b%d", "x%d"}[r.IntN(5)]
	return fmt.Sprintf(local, n) + "@" + []string{"partner.example", "sub.partner.example", "other-partner.example"}[r.IntN(3)]
}

func anyCase(r *rand.Rand, s string) string {
	b := []byte(s)
	for i := range b {
		if r.IntN(4) == 0 {
			b[i] = []byte(strings.ToUpper(s[i : i+1]))[0]
		}
	}
	return string(b)
}

// principal is the name that an invitation gives a guest.
func principal(address string) string {
	return strings.Replace(address, "@", "_", 1) + "#EXT#@" + initialDomain
}

// setting adds to a directory how it knows one address.
type setting struct {
	r       *rand.Rand
	d       *entra.Seed
	address string
	ids     []string // of the accounts that were added
}

func (s *setting) id() string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", s.r.Uint32(), s.r.Uint64()&0xffffffffffff)
}

func (s *setting) add(u entra.User) {
	u.ID = s.id()
	if u.UserType == "Guest" {
		u.ExternalUserState = []string{"PendingAcceptance", "Accepted"}[s.r.IntN(2)]
	}
	s.ids = append(s.ids, u.ID)
	s.d.Users = append(s.d.Users, u)
}

// other is an address that nobody else has.
func (s *setting) other() string { return fmt.Sprintf("other-%s@elsewhere.example", s.id()) }

func (s *setting) byMail() {
	s.add(entra.User{UserType: "Guest", Mail: s.address, UserPrincipalName: principal(s.other())})
}

func (s *setting) byProxy() {
	mail := s.other()
	s.add(entra.User{UserType: "Guest", Mail: mail, ProxyAddresses: []string{"SMTP:" + mail, "smtp:" + s.address}})
}

func (s *setting) byPrincipal() {
	s.add(entra.User{UserType: "Guest", Mail: s.other(), UserPrincipalName: principal(s.address)})
}

func (s *setting) byOtherMail() {
	s.add(entra.User{UserType: "Guest", Mail: s.other(), OtherMails: []string{s.other(), s.address}})
}

func (s *setting) member() { s.add(entra.User{Mail: s.address}) }

var (
	theirs = func(s *setting) {}
	no     = new(false)
)

// known lists the ways in which a directory knows an address, and what becomes of the person.
var known = []struct {
	how, code string
	domain    string         // instead of the address's own
	ids       func(*setting) // not nil: the first account that make adds gets access
	make      func(*setting)
}{
	{how: "not at all"},
	{how: "guest by mail", ids: theirs, make: (*setting).byMail},
	{how: "guest by proxy address", ids: theirs, make: (*setting).byProxy},
	{how: "guest by principal name", ids: theirs, make: (*setting).byPrincipal},
	{how: "guest by all", ids: theirs, make: func(s *setting) {
		s.add(entra.User{UserType: "Guest", Mail: s.address, OtherMails: []string{s.address}})
	}},
	{how: "guest by another mail only", code: "guest.ambiguous", make: (*setting).byOtherMail},
	{how: "guest whose whole principal name it is", code: "guest.ambiguous", make: func(s *setting) {
		s.add(entra.User{UserType: "Guest", Mail: s.other(), UserPrincipalName: s.address})
	}},
	{how: "member by mail", code: "member.exists", make: (*setting).member},
	{how: "member by principal name", code: "member.exists", make: func(s *setting) {
		s.add(entra.User{Mail: s.other(), UserPrincipalName: s.address})
	}},
	{how: "member by proxy address", code: "member.exists", make: func(s *setting) {
		mail := s.other()
		s.add(entra.User{Mail: mail, ProxyAddresses: []string{"SMTP:" + mail, "smtp:" + s.address}})
	}},
	{how: "member who was a guest", code: "member.exists", make: func(s *setting) {
		s.add(entra.User{Mail: s.address, UserPrincipalName: principal(s.address), CreationType: "Invitation"})
	}},
	{how: "member by another mail", code: "member.exists", make: func(s *setting) {
		s.add(entra.User{Mail: s.other(), OtherMails: []string{s.address}})
	}},
	{how: "disabled member", code: "member.exists", make: func(s *setting) {
		s.add(entra.User{Mail: s.address, AccountEnabled: no})
	}},
	{how: "disabled guest", code: "guest.disabled", make: func(s *setting) {
		s.add(entra.User{UserType: "Guest", Mail: s.address, AccountEnabled: no})
	}},
	{how: "two guests", code: "guest.ambiguous", make: func(s *setting) { s.byMail(); s.byProxy() }},
	{how: "a guest, and another by another mail", code: "guest.ambiguous", make: func(s *setting) { s.byMail(); s.byOtherMail() }},
	{how: "a guest, and another by principal name", code: "guest.ambiguous", make: func(s *setting) { s.byPrincipal(); s.byMail() }},
	{how: "a guest and a member", code: "guest.ambiguous", make: func(s *setting) { s.byPrincipal(); s.member() }},
	{how: "deleted guest", make: func(s *setting) {
		s.d.DeletedUsers = append(s.d.DeletedUsers, entra.User{ID: s.id(), UserType: "Guest", Mail: s.address})
	}},
	{how: "contact", make: func(s *setting) { s.d.Contacts = append(s.d.Contacts, entra.Contact{Mail: s.address}) }},
	{how: "group", code: "invite.address-refused", make: func(s *setting) {
		s.d.Groups = append(s.d.Groups, entra.Group{ID: s.id(), DisplayName: "List", Mail: s.address, MailEnabled: true, GroupTypes: []string{"Unified"}})
	}},
	{how: "its domain is the tenant's", code: "invite.domain-verified", domain: ownDomain},
}

// nearMisses adds accounts whose addresses nearly are somebody's: none of them must get anything.
func nearMisses(s *setting, address string) {
	local, domain, _ := strings.Cut(address, "@")
	for _, near := range []string{"x" + address, address + ".evil.example", local + "@not-" + domain, local + "x@" + domain, local[1:] + "@" + domain} {
		u := entra.User{ID: s.id(), Mail: near, UserType: []string{"Guest", "Member"}[s.r.IntN(2)], OtherMails: []string{near + ".old"}}
		if s.r.IntN(3) == 0 && !slices.ContainsFunc(s.d.Users, func(o entra.User) bool { return strings.EqualFold(o.Mail, near) }) {
			s.d.Users = append(s.d.Users, u)
		}
	}
}

// change lets an administrator do something to the accounts of those who got access, and says what should become of them.
func (w *world) change(r *rand.Rand, people []*person) {
	w.pass(confirmedLongAgo)
	for _, p := range people {
		if p.code != "" {
			continue
		}
		moved := "moved-" + p.id + "@elsewhere.example"
		switch r.IntN(5) {
		case 0: // the account is deleted
			w.control("DELETE", "/users/"+p.id, nil)
			if p.id = ""; strings.Contains(p.address, "'") {
				p.code = "invite.address-refused"
			}
		case 1: // it is blocked
			w.control("POST", "/users", map[string]any{"id": p.id, "accountEnabled": false})
			p.code = "guest.disabled"
		case 2: // it becomes a member
			w.control("POST", "/users", map[string]any{"id": p.id, "userType": "Member"})
			p.code = "member.exists"
		case 3: // the address moves to another guest
			w.control("POST", "/users", map[string]any{"id": p.id, "mail": moved, "proxyAddresses": []string{"SMTP:" + moved},
				"otherMails": []string{}, "userPrincipalName": principal(moved)})
			p.id = fmt.Sprintf("%08x-1111-4000-8000-%012x", r.Uint32(), r.Uint64()&0xffffffffffff)
			w.control("POST", "/users", map[string]any{"id": p.id, "userType": "Guest", "mail": p.address, "userPrincipalName": principal(moved + "2")})
		default:
		}
	}
}

// check compares what became of people with what should have.
func (w *world) check(importID string, people []*person, group string) {
	w.t.Helper()
	seeded := map[string]bool{}
	for _, u := range append(slices.Clone(w.seed.Users), w.seed.DeletedUsers...) {
		seeded[u.ID] = true
	}
	var members []string
	for _, p := range people {
		e := w.entry(importID, p)
		if p.code != "" {
			if e.Outcome() != ledger.Failed || e.Invite.Code != p.code {
				w.t.Errorf("%s: %s, known as %s: %s %s %s; want failed, %s", importID, p.typed, p.how, e.Outcome(), e.Invite.Code, e.Invite.Text, p.code)
			}
			continue
		}
		if o := e.Outcome(); o != ledger.Done && o != ledger.Already {
			w.t.Errorf("%s: %s, known as %s: %s, %v; want access", importID, p.typed, p.how, o, e.Reason())
		}
		if p.id == "" && !seeded[e.UserID] {
			p.id = e.UserID // a new account: that of the person, as accounts below shows
		}
		if e.UserID != p.id {
			w.t.Errorf("%s: %s, known as %s: access went to %s, want %q", importID, p.typed, p.how, e.UserID, p.id)
		}
		members = append(members, p.id)
	}
	w.accounts(importID, people, group, members)
}

// accounts checks the directory itself: who is in the group and has the app role, and whose the new accounts are.
func (w *world) accounts(importID string, people []*person, group string, members []string) {
	w.t.Helper()
	state := w.entra.State()
	slices.Sort(members)
	for _, g := range state.Groups {
		if got := slices.Sorted(slices.Values(g.Members)); g.ID == group && !slices.Equal(got, members) {
			w.t.Errorf("%s: members of the group: %v, want %v", importID, got, members)
		}
	}
	for _, a := range state.Applications[0].Assignments {
		if importID != "changed" && !slices.Contains(members, a.PrincipalID) {
			w.t.Errorf("%s: %s has the app role", importID, a.PrincipalID)
		}
	}
	for _, p := range people {
		i := slices.IndexFunc(state.Users, func(u entra.User) bool { return u.ID == p.id })
		if p.code != "" || i < 0 {
			continue
		}
		if u := state.Users[i]; !carries(u, p.address) {
			w.t.Errorf("%s: %s got access for %s", importID, fmt.Sprint(u), p.typed)
		}
	}
	if d := w.entra.Stats(); len(d.DuplicateMails) > 0 && importID != "changed" {
		w.t.Errorf("%s: several invitation mails to %v", importID, d.DuplicateMails)
	}
}

func carries(u entra.User, address string) bool {
	return strings.EqualFold(u.Mail, address) || strings.EqualFold(u.UserPrincipalName, principal(address)) ||
		slices.ContainsFunc(u.ProxyAddresses, func(p string) bool { return strings.EqualFold(p, "smtp:"+address) })
}

var errStuck = errors.New("the import does not come to an end")
