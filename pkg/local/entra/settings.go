package entra

import (
	"fmt"
	"io"
	"slices"
)

// Settings are what an administrator, or chance, has made of the tenant. Seed.Settings holds those at the start; POST
// /tenant changes the given ones while the emulator runs, GET /tenant shows them.
type Settings struct {
	// Invitations is open, the default, or blocked (the anti-abuse block) or disallowed (no guests for this company).
	Invitations string `json:"invitations,omitempty"`
	// BlockAfter blocks the tenant after so many invitations; in POST /tenant, after so many more. 0 is never. The real
	// thresholds are unknown; eleven were enough once (source: Microsoft Q&A 5781008).
	BlockAfter int `json:"blockAfter,omitempty"`
	// AllowInvitesFrom is that of the authorization policy: everyone, the default, adminsGuestInvitersAndAllMembers,
	// adminsAndGuestInviters or none. The last two keep applications out (source: page invitation-post).
	AllowInvitesFrom string `json:"allowInvitesFrom,omitempty"`
	// AppsInviteUnderAdmins lets applications invite under adminsAndGuestInviters, as one report has it against the page.
	AppsInviteUnderAdmins bool `json:"appsInviteUnderAdmins,omitempty"`
	// DailyCap is how many invitations are taken between two midnights, UTC; 0 is any number. Nobody has published one.
	DailyCap int `json:"dailyCap,omitempty"`
	// MailsPerDay is how many external recipients get mail within 24 hours; what is beyond is lost while the invitation
	// says 201. Tenants whose primary domain is below onmicrosoft.com have 100 (source: press on Exchange Online's limit of
	// 2025). 0 is any number.
	MailsPerDay int `json:"mailsPerDay,omitempty"`
	// AllowedDomains and BlockedDomains are the allow and deny list (source: Entra page allow-deny-list): one of them may be
	// set. CrossTenantBlocked are domains that the cross-tenant access settings keep out.
	AllowedDomains     []string `json:"allowedDomains,omitempty"`
	BlockedDomains     []string `json:"blockedDomains,omitempty"`
	CrossTenantBlocked []string `json:"crossTenantBlocked,omitempty"`
	// ObjectQuota is how many objects the directory holds, deleted ones included; 0 is any number. The documented defaults
	// are 50,000, and 300,000 with a verified domain (source: page service-limits-restrictions).
	ObjectQuota int `json:"objectQuota,omitempty"`
	// StateFilter says whether a filter on externalUserState is an advanced query (advanced, the default) or works without
	// ConsistencyLevel and $count (default): the tables of the page aad-advanced-queries leave the property out.
	StateFilter string `json:"stateFilter,omitempty"`
	// ProxyPrefixFolds makes filters find SMTP:a by smtp:a, which no page promises.
	ProxyPrefixFolds bool `json:"proxyPrefixFolds,omitempty"`
	// MembersOtherMails makes the other mails of members theirs when somebody is invited, which no page says.
	MembersOtherMails bool `json:"membersOtherMails,omitempty"`
	// DeletedGuests says what becomes of an invitation to the address of a guest in the recycle bin: a new user (new, the
	// default) or the old one (restored). No page says.
	DeletedGuests string `json:"deletedGuests,omitempty"`
	// OldLinksLive keeps redeem links alive when a guest is invited again; no page says whether they are.
	OldLinksLive bool `json:"oldLinksLive,omitempty"`
	// InvitationsApart keeps invitations out of the quota of writes; no page says whether they are in it.
	InvitationsApart bool `json:"invitationsApart,omitempty"`
	// PatchCost is what a PATCH of members costs: one write (one, the default), or one for every three of them (thirds; source:
	// instructure/canvas-lms, who had it from Microsoft).
	PatchCost string `json:"patchCost,omitempty"`
	// RetryAfter is how the answers of the limits write their header: seconds, the default, date, wrong (no number and no
	// date), zero or none.
	RetryAfter string `json:"retryAfter,omitempty"`
	// LimitHeaders adds x-ms-resource-unit, and x-ms-throttle-limit-percentage from 0.8 on, to what the limits let through.
	LimitHeaders bool `json:"limitHeaders,omitempty"`
}

const (
	gateOpen       = "open"
	gateBlocked    = "blocked"
	gateDisallowed = "disallowed"
)

// choices are the words that settings take; the first is the default.
var choices = map[string][]string{
	"invitations":      {gateOpen, gateBlocked, gateDisallowed},
	"allowInvitesFrom": {"everyone", "adminsGuestInvitersAndAllMembers", "adminsAndGuestInviters", "none"},
	"stateFilter":      {"advanced", "default"},
	"deletedGuests":    {"new", "restored"},
	"patchCost":        {"one", "thirds"},
	"retryAfter":       {"seconds", "date", "wrong", "zero", "none"},
}

// complete fills defaults and refuses what makes no sense.
func (s Settings) complete() (Settings, error) {
	for name, value := range map[string]*string{"invitations": &s.Invitations, "allowInvitesFrom": &s.AllowInvitesFrom, "stateFilter": &s.StateFilter,
		"deletedGuests": &s.DeletedGuests, "patchCost": &s.PatchCost, "retryAfter": &s.RetryAfter} {
		if *value == "" {
			*value = choices[name][0]
		}
		if !slices.Contains(choices[name], *value) {
			return Settings{}, fmt.Errorf("setting %s: %q is none of %v", name, *value, choices[name])
		}
	}
	for name, n := range map[string]int{"blockAfter": s.BlockAfter, "dailyCap": s.DailyCap, "mailsPerDay": s.MailsPerDay, "objectQuota": s.ObjectQuota} {
		if n < 0 {
			return Settings{}, fmt.Errorf("setting %s: %d is negative", name, n)
		}
	}
	if len(s.AllowedDomains) > 0 && len(s.BlockedDomains) > 0 {
		return Settings{}, fmt.Errorf("setting blockedDomains: a tenant has an allow list or a deny list, not both")
	}
	return s.clone(), nil
}

func (s Settings) clone() Settings {
	s.AllowedDomains, s.BlockedDomains, s.CrossTenantBlocked = slices.Clone(s.AllowedDomains), slices.Clone(s.BlockedDomains), slices.Clone(s.CrossTenantBlocked)
	return s
}

// mendSettings changes the settings that the body names. Opening for invitations also forgets the count at which to block,
// unless the body has a new one.
func (d *tenant) mendSettings(body io.Reader) error {
	s := d.settings.clone()
	s.Invitations, s.BlockAfter = "", 0
	if err := decodeStrict(body, &s); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	opened, counted := s.Invitations == gateOpen, s.BlockAfter > 0
	switch {
	case counted:
		s.BlockAfter += d.invited
	case !opened:
		s.BlockAfter = d.settings.BlockAfter
	}
	if s.Invitations == "" {
		s.Invitations = d.settings.Invitations
	}
	s, err := s.complete()
	if err == nil {
		d.settings = s
	}
	return err
}
