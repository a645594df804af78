package entra

import (
	"slices"
	"strings"
	"time"
)

// gate refuses invitations for reasons that concern the whole tenant: the anti-abuse block, the settings that keep guests
// or applications out, and the cap of a day.
func (g *graph) gate() (answer, bool) {
	s := &g.settings
	if s.Invitations == gateOpen && s.BlockAfter > 0 && g.invited >= s.BlockAfter {
		s.Invitations = gateBlocked
	}
	restricted := s.AllowInvitesFrom == "none" || s.AllowInvitesFrom == "adminsAndGuestInviters" && !s.AppsInviteUnderAdmins
	switch {
	case s.Invitations == gateBlocked:
		return say(suspicious), false
	case s.Invitations == gateDisallowed || restricted:
		return say(guestsDisallowed), false
	case s.DailyCap > 0 && g.today() >= s.DailyCap:
		now := g.timing.now().UTC()
		a := say(dailyCap)
		a.header = retryAfter(s.RetryAfter, now, now.Truncate(24*time.Hour).Add(24*time.Hour).Sub(now))
		return a, false
	}
	return answer{}, true
}

// today is how many invitations this day has seen.
func (d *tenant) today() int {
	day := d.timing.now().UTC().Truncate(24 * time.Hour)
	if !day.Equal(d.day) {
		d.day, d.dayInvited = day, 0
	}
	return d.dayInvited
}

// welcomes refuses addresses in domains that the tenant keeps out. Both lists are asked when inviting, and again when an
// invitation is redeemed (source: Entra page allow-deny-list).
func (s Settings) welcomes(address string) (answer, bool) {
	_, domain, _ := strings.Cut(strings.ToLower(address), "@")
	has := func(list []string) bool {
		return slices.ContainsFunc(list, func(d string) bool { return strings.EqualFold(d, domain) })
	}
	switch {
	case has(s.CrossTenantBlocked):
		return say(crossTenant), false
	case has(s.BlockedDomains), len(s.AllowedDomains) > 0 && !has(s.AllowedDomains):
		return say(domainDenied), false
	}
	return answer{}, true
}

// mail counts Microsoft's mail to a guest, and the copy. Of several copies only the last was seen to be sent (source:
// azure-docs issue 58614).
func (d *tenant) mail(to string, copies []recipient) {
	now := d.timing.now()
	d.sent = slices.DeleteFunc(d.sent, func(at time.Time) bool { return now.Sub(at) >= 24*time.Hour })
	if n := d.settings.MailsPerDay; n > 0 && len(d.sent) >= n {
		d.lost++
		return
	}
	d.sent = append(d.sent, now)
	d.mails[strings.ToLower(to)]++
	if n := len(copies); n > 0 && copies[n-1].Address.Address != nil {
		d.copies[strings.ToLower(*copies[n-1].Address.Address)]++
	}
}
