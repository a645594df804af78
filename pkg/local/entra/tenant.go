package entra

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	pending  = "PendingAcceptance"
	accepted = "Accepted"
)

// tenant is the directory itself. Its methods expect mu to be held; handlers take it once per request, so that every
// request is atomic.
type tenant struct {
	mu      sync.Mutex
	timing  timing
	id      string
	initial string          // initial domain
	primary string          // default domain
	domains map[string]bool // verified, lower case
	users   map[string]*user
	index   map[string][]*user // by what a filter can ask for, see keys
	groups  map[string]*group
	apps    map[string]*app // by object id of the service principal
	appIDs  map[string]*app

	contacts   map[string]bool     // by lower-case address
	deleted    map[string]*user    // the recycle bin
	identities map[string]Identity // by lower-case client id
	settings   Settings

	tickets    map[string]ticket
	sessions   map[string]string // ids of users who are signed in to My Apps
	mails      map[string]int    // by lower-case address
	copies     map[string]int
	sent       []time.Time // of the last 24 hours
	lost       int         // mails beyond MailsPerDay
	created    int         // users created by invitations
	invited    int         // invitations that were accepted
	day        time.Time
	dayInvited int // on that day
}

// never is when what does not replicate appears.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

type user struct {
	User
	visible    time.Time // found by look-ups and group writes from then on
	assignable time.Time // takes app roles from then on
	changed    time.Time // of externalUserState; zero if never
	ticket     string    // newest redeem ticket
	deleted    time.Time // into the recycle bin; zero if it is not there
}

type group struct {
	Group
	members map[string]time.Time // since when filtered lists show them
}

type app struct {
	Application
	grants map[string]grant // by id
	held   map[string]int   // how many of them by principal
}

// give adds a grant.
func (a *app) give(it grant) {
	a.grants[it.ID] = it
	a.held[it.PrincipalID]++
}

// take removes a grant.
func (a *app) take(it grant) {
	delete(a.grants, it.ID)
	if a.held[it.PrincipalID]--; a.held[it.PrincipalID] == 0 {
		delete(a.held, it.PrincipalID)
	}
}

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

// putUser adds a user or replaces the one with its id.
func (d *tenant) putUser(u User) (*user, error) {
	u, err := u.complete(d.initial)
	if err != nil {
		return nil, err
	}
	it := d.users[u.ID]
	if it == nil {
		it = &user{}
	} else {
		d.unindex(it)
	}
	it.User = u
	d.enter(it)
	return it, nil
}

// enter makes u known by its id and its keys.
func (d *tenant) enter(u *user) {
	d.users[u.ID] = u
	for _, k := range u.keys() {
		d.index[k] = append(d.index[k], u)
	}
}

// unindex forgets the keys of u.
func (d *tenant) unindex(u *user) {
	for _, k := range u.keys() {
		rest := slices.DeleteFunc(slices.Clone(d.index[k]), func(o *user) bool { return o == u })
		if len(rest) == 0 {
			delete(d.index, k)
		} else {
			d.index[k] = rest
		}
	}
}

// dropUser moves a user to the recycle bin; its memberships and assignments are gone.
func (d *tenant) dropUser(u *user) {
	d.unindex(u)
	delete(d.users, u.ID)
	delete(d.tickets, u.ticket)
	for _, g := range d.groups {
		delete(g.members, u.ID)
	}
	for _, a := range d.apps {
		for _, it := range a.grants {
			if it.PrincipalID == u.ID {
				a.take(it)
			}
		}
	}
	u.ticket, u.deleted = "", d.timing.when()
	d.deleted[u.ID] = u
}

// putGroup adds a group or replaces the one with its id, members included.
func (d *tenant) putGroup(g Group) (*group, error) {
	g, err := g.complete()
	if err != nil {
		return nil, err
	}
	it := &group{members: map[string]time.Time{}}
	for _, m := range g.Members {
		m = strings.ToLower(m)
		if d.users[m] == nil {
			return nil, fmt.Errorf("group %s: member %s is no user of this directory", g.DisplayName, m)
		}
		it.members[m] = time.Time{}
	}
	g.Members = nil
	it.Group = g
	d.groups[g.ID] = it
	return it, nil
}

// putApp adds an application or replaces the one with its appId, assignments included.
func (d *tenant) putApp(a Application) (*app, error) {
	a, err := a.complete(d.id)
	if err != nil {
		return nil, err
	}
	if old := d.apps[a.ID]; old != nil && old.AppID != a.AppID {
		return nil, fmt.Errorf("application %s: service principal %s belongs to %s", a.AppID, a.ID, old.AppID)
	}
	it := &app{Application: a, grants: map[string]grant{}, held: map[string]int{}}
	for _, as := range a.Assignments {
		p, ok := d.principal(strings.ToLower(as.PrincipalID))
		if !ok {
			return nil, fmt.Errorf("application %s: principal %s is no user or group of this directory", a.AppID, as.PrincipalID)
		}
		it.give(newGrant(it, p, strings.ToLower(as.AppRoleID), d.timing.when()))
	}
	it.Assignments = nil
	if old := d.appIDs[a.AppID]; old != nil {
		delete(d.apps, old.ID)
	}
	d.apps[a.ID], d.appIDs[a.AppID] = it, it
	return it, nil
}

// dropApp deletes an application with its assignments.
func (d *tenant) dropApp(a *app) {
	delete(d.apps, a.ID)
	delete(d.appIDs, a.AppID)
}

// groupWithMail returns the group that owns an address, if any.
func (d *tenant) groupWithMail(address string) *group {
	for _, g := range d.groups {
		if g.Mail != "" && strings.EqualFold(g.Mail, address) || slices.ContainsFunc(g.ProxyAddresses, func(p string) bool { return strings.EqualFold(p, "smtp:"+address) }) {
			return g
		}
	}
	return nil
}

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
