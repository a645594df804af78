package entra

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// snapshot returns everything there is, lagging or not, in a stable order.
func (d *tenant) snapshot() State {
	s := State{TenantID: d.id, VerifiedDomains: slices.Sorted(maps.Keys(d.domains)), Mails: maps.Clone(d.mails), Copies: maps.Clone(d.copies),
		Users: []User{}, Groups: []Group{}, Applications: []Application{}}
	for _, u := range d.users {
		s.Users = append(s.Users, u.User)
	}
	for _, u := range d.deleted {
		s.DeletedUsers = append(s.DeletedUsers, u.User)
	}
	slices.SortFunc(s.DeletedUsers, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	for _, g := range d.groups {
		it := g.Group
		it.Members = slices.Sorted(maps.Keys(g.members))
		s.Groups = append(s.Groups, it)
	}
	for _, a := range d.apps {
		it := a.Application
		it.Assignments = a.assignments()
		s.Applications = append(s.Applications, it)
	}
	slices.SortFunc(s.Users, func(a, b User) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Mail), strings.ToLower(b.Mail)), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.DisplayName, b.DisplayName), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(s.Applications, func(a, b Application) int {
		return cmp.Or(cmp.Compare(a.DisplayName, b.DisplayName), cmp.Compare(a.ID, b.ID))
	})
	return s
}
