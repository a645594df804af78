package entra

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// newTenant builds a directory from its seed. What the seed holds has been there for long: it does not lag.
func newTenant(s Seed, t timing) (*tenant, error) {
	d := &tenant{timing: t, domains: map[string]bool{}, users: map[string]*user{}, index: map[string][]*user{}, groups: map[string]*group{},
		apps: map[string]*app{}, appIDs: map[string]*app{}, contacts: map[string]bool{}, deleted: map[string]*user{}, identities: map[string]Identity{},
		tickets: map[string]ticket{}, sessions: map[string]string{}, mails: map[string]int{}, copies: map[string]int{}}
	if len(s.VerifiedDomains) == 0 {
		s.VerifiedDomains = []string{"contoso.onmicrosoft.com"}
	}
	d.initial = strings.ToLower(s.VerifiedDomains[0])
	d.primary = d.initial
	for _, name := range slices.Backward(s.VerifiedDomains) {
		name = strings.ToLower(name)
		d.domains[name] = true
		if strings.HasSuffix(name, ".onmicrosoft.com") {
			d.initial = name
		}
	}
	var err error
	if d.id, err = fixID(s.TenantID, "tenant", d.initial); err != nil {
		return nil, err
	}
	if d.settings, err = s.Settings.complete(); err != nil {
		return nil, err
	}
	return d, d.fill(s)
}

func (d *tenant) fill(s Seed) error {
	for _, u := range s.Users {
		if u, err := u.complete(d.initial); err != nil {
			return err
		} else if d.users[u.ID] != nil {
			return fmt.Errorf("user %s is listed twice", u.ID)
		}
		if _, err := d.putUser(u); err != nil {
			return err
		}
	}
	for _, g := range s.Groups {
		if id, err := fixID(g.ID, "group", g.DisplayName); err == nil && d.groups[id] != nil {
			return fmt.Errorf("group %s is listed twice", id)
		}
		if _, err := d.putGroup(g); err != nil {
			return err
		}
	}
	for _, a := range s.Applications {
		if d.appIDs[strings.ToLower(a.AppID)] != nil {
			return fmt.Errorf("application %s is listed twice", a.AppID)
		}
		if _, err := d.putApp(a); err != nil {
			return err
		}
	}
	return d.fillRest(s)
}

// fillRest adds contacts, deleted users and identities.
func (d *tenant) fillRest(s Seed) error {
	for _, c := range s.Contacts {
		if c.Mail == "" {
			return fmt.Errorf("contact %q has no mail address", c.DisplayName)
		}
		d.contacts[strings.ToLower(c.Mail)] = true
	}
	for _, u := range s.DeletedUsers {
		u, err := u.complete(d.initial)
		if err == nil && (d.users[u.ID] != nil || d.deleted[u.ID] != nil) {
			err = fmt.Errorf("user %s is listed twice", u.ID)
		}
		if err != nil {
			return err
		}
		d.deleted[u.ID] = &user{User: u, deleted: d.timing.when()}
	}
	for _, it := range s.Identities {
		if err := d.putIdentity(it); err != nil {
			return err
		}
	}
	return nil
}

// putIdentity grants an identity its permissions, in place of those it had.
func (d *tenant) putIdentity(it Identity) error {
	if it.ClientID == "" {
		return errors.New("an identity has no clientId")
	}
	all := append(everyPermission(), toWriteRoles[0]...)
	for _, p := range it.Permissions {
		if !slices.Contains(all, p) {
			return fmt.Errorf("identity %s: the permission %q is none of %v", it.ClientID, p, all)
		}
	}
	it.Permissions = append([]string{}, it.Permissions...)
	d.identities[strings.ToLower(it.ClientID)] = it
	return nil
}
