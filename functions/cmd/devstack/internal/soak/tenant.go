// Package soak makes what a soak imports and what it suffers, all of it from one seed, and says what must have come of it:
// [NewRound] makes files and a schedule of faults, [Round.Judge] compares what is left with what the files asked for. It
// computes that from how it made them, not by the code that is under test, and runs nothing itself.
package soak

import (
	"fmt"

	"guestlist/pkg/ledger"
	"guestlist/pkg/local/entra"
	"guestlist/pkg/policy"
)

// source is one way in, with who mails its guests.
type source struct{ name, mode string }

var sources = []source{{"soak-own", "own"}, {"soak-microsoft", "microsoft"}, {"soak-none", "none"}}

// target is a group or application that rows name, and what becomes of it.
type target struct {
	kind     ledger.TargetKind
	id, role string // role is the value that rows and policy name
	roleID   string
	code     string // why it is refused, or fails; empty if it is granted
	fails    bool   // at the directory, after the row was taken
	listed   bool   // in the policies
}

// asked is how a row names it.
func (t target) asked() string {
	if t.role != "" {
		return t.id + ":" + t.role
	}
	return t.id
}

func (t target) granted() bool { return t.code == "" }

func id(kind, n int) string { return fmt.Sprintf("5a0c%04d-0000-4000-8000-%012d", kind, n) }

// Kinds of id.
const (
	idGroup = 1 + iota
	idApp
	idService
	idRole
	idUser
)

const defaultRole = "00000000-0000-0000-0000-000000000000"

// goodGroups and goodApps are what guests are given.
func goodTargets() (all []target) {
	for n := range 6 {
		all = append(all, target{kind: ledger.Group, id: id(idGroup, n), listed: true})
	}
	for n := range 2 {
		all = append(all, target{kind: ledger.Application, id: id(idApp, n), roleID: defaultRole, listed: true})
	}
	return append(all,
		target{kind: ledger.Application, id: id(idApp, 2), role: "Supplier", roleID: id(idRole, 0), listed: true},
		target{kind: ledger.Application, id: id(idApp, 2), role: "Auditor", roleID: id(idRole, 1), listed: true})
}

// The groups and applications that are refused, or fail.
var (
	badTargets = []target{
		{kind: ledger.Group, id: id(idGroup, 10), code: "group.dynamic", listed: true},
		{kind: ledger.Group, id: id(idGroup, 11), code: "group.synced", listed: true},
		{kind: ledger.Group, id: id(idGroup, 12), code: "group.mail-enabled", listed: true},
		{kind: ledger.Group, id: id(idGroup, 13), code: "group.role-assignable", listed: true},
		{kind: ledger.Group, id: id(idGroup, 14), code: "group.unknown", listed: true},
		{kind: ledger.Group, id: id(idGroup, 15), code: "target.forbidden"},
		{kind: ledger.Application, id: id(idApp, 10), code: "application.microsoft", listed: true},
		{kind: ledger.Application, id: id(idApp, 11), code: "application.role-missing", listed: true},
		{kind: ledger.Application, id: id(idApp, 12), code: "application.unknown", listed: true},
		{kind: ledger.Application, id: id(idApp, 13), code: "target.forbidden"},
	}
	failingGroup = target{kind: ledger.Group, id: id(idGroup, 20), code: "group.", fails: true, listed: true}
)

// Tenant is what the tenant holds before a round: users are those that files will name.
func (r *Round) Tenant() entra.Seed {
	s := entra.Seed{VerifiedDomains: []string{"contoso.onmicrosoft.com", "contoso.example"}, Users: r.users}
	for n := range 6 {
		s.Groups = append(s.Groups, entra.Group{ID: id(idGroup, n), DisplayName: fmt.Sprintf("Soak Group %d", n)})
	}
	s.Groups = append(s.Groups,
		entra.Group{ID: id(idGroup, 10), DisplayName: "Dynamic", GroupTypes: []string{"DynamicMembership"}},
		entra.Group{ID: id(idGroup, 11), DisplayName: "Synced", OnPremisesSyncEnabled: true},
		entra.Group{ID: id(idGroup, 12), DisplayName: "List", MailEnabled: true, Mail: "list@contoso.example"},
		entra.Group{ID: id(idGroup, 13), DisplayName: "Administrators", IsAssignableToRole: true},
		entra.Group{ID: id(idGroup, 20), DisplayName: "No Guests", RefusesGuests: true})
	user := []string{"User"}
	roles := []entra.AppRole{{ID: id(idRole, 0), Value: "Supplier", DisplayName: "Supplier", AllowedMemberTypes: user},
		{ID: id(idRole, 1), Value: "Auditor", DisplayName: "Auditor", AllowedMemberTypes: user}}
	s.Applications = []entra.Application{
		{AppID: id(idApp, 0), ID: id(idService, 0), DisplayName: "Soak Timesheets"},
		{AppID: id(idApp, 1), ID: id(idService, 1), DisplayName: "Soak Wiki"},
		{AppID: id(idApp, 2), ID: id(idService, 2), DisplayName: "Soak Portal", AppRoles: roles},
		{AppID: id(idApp, 10), ID: id(idService, 10), DisplayName: "Microsoft's", AppOwnerOrganizationID: entra.MicrosoftOrganization},
		{AppID: id(idApp, 11), ID: id(idService, 11), DisplayName: "With Roles", AppRoles: []entra.AppRole{{ID: id(idRole, 2), Value: "Reader", DisplayName: "Reader", AllowedMemberTypes: user}}},
	}
	return s
}

// Policies are those of the sources.
func (r *Round) Policies() (all []policy.Policy) {
	for _, s := range sources {
		p := policy.Policy{Version: policy.Version, Source: s.name, Domains: goodDomains, CCDomains: []string{"contoso.example"}, RedirectHosts: []string{"myapplications.microsoft.com"},
			MaxGuests: 100_000, AllowText: true, AllowCC: true, MailMode: s.mode}
		seen := map[string]int{}
		for _, t := range append(append(goodTargets(), badTargets...), failingGroup) {
			switch {
			case !t.listed:
			case t.kind == ledger.Group:
				p.Groups = append(p.Groups, policy.Group{ID: t.id})
			default:
				if n, twice := seen[t.id]; twice {
					p.Applications[n].Roles = append(p.Applications[n].Roles, t.role)
					continue
				}
				seen[t.id] = len(p.Applications)
				a := policy.Application{ID: t.id}
				if t.role != "" {
					a.Roles = []string{t.role}
				}
				p.Applications = append(p.Applications, a)
			}
		}
		all = append(all, p)
	}
	return all
}
