package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"guestlist/pkg/local/entra"
)

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
