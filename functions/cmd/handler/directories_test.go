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
// can be: who counts as the guest ends well, everybody else as pkg/graph promises, and nothing is given to any other account.
// Every second directory also loses answers and refuses requests at random. Then it imports them again, changes the
// directory, and imports them a third time.
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
