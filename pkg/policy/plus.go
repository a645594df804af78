package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Plus returns a policy that allows what p allows and what q allows. Where both name a group or an application, p's name
// and role stand, and rows may name the roles of both.
func (p Policy) Plus(q Policy) Policy {
	p.Groups = union(p.Groups, q.Groups, func(g Group) string { return g.ID })
	p.Applications = unionOfRoles(p.Applications, q.Applications)
	p.Domains = union(p.Domains, q.Domains, self)
	p.CCDomains = union(p.CCDomains, q.CCDomains, self)
	p.RedirectHosts = union(p.RedirectHosts, q.RedirectHosts, self)
	p.MaxGuests = max(p.MaxGuests, q.MaxGuests)
	p.AllowText = p.AllowText || q.AllowText
	p.AllowCC = p.AllowCC || q.AllowCC
	p.AllowLinks = p.AllowLinks || q.AllowLinks
	p.AllowResend = p.AllowResend || q.AllowResend
	p.MailMode = cmp.Or(p.MailMode, q.MailMode)
	return p
}

func self(s string) string { return s }

func unionOfRoles(a, b []Application) []Application {
	all := union(a, b, func(a Application) string { return a.ID })
	for i, mine := range all[:len(a)] {
		for _, theirs := range b {
			if !strings.EqualFold(mine.ID, theirs.ID) {
				continue
			}
			more := theirs.Roles
			if theirs.Role != "" && theirs.Role != mine.Role {
				more = append([]string{theirs.Role}, more...)
			}
			all[i].Roles = union(mine.Roles, more, self)
		}
	}
	return all
}

// union compares without regard to letter case, as Parse does: it would refuse a policy that has both.
func union[T any](a, b []T, key func(T) string) []T {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.ContainsFunc(all, func(u T) bool { return strings.EqualFold(key(u), key(v)) }) {
			all = append(all, v)
		}
	}
	return all
}
