package entra

import (
	"fmt"
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
	tickets    []string  // those that redeem the invitation
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

// dropTickets ends u's redeem links.
func (d *tenant) dropTickets(u *user) {
	for _, id := range u.tickets {
		delete(d.tickets, id)
	}
	u.tickets = nil
}

// dropUser moves a user to the recycle bin; its memberships and assignments are gone.
func (d *tenant) dropUser(u *user) {
	d.unindex(u)
	delete(d.users, u.ID)
	d.dropTickets(u)
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
	u.deleted = d.timing.when()
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
