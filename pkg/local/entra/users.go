package entra

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// userDefaults are what users are sent with unless $select says otherwise (source: page user-list): neither userType nor
// the state of an invitation is among them.
var userDefaults = []string{"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation",
	"preferredLanguage", "surname", "userPrincipalName"}

func (u *user) object() object {
	o := object{"id": u.ID, "displayName": orNull(u.DisplayName), "mail": orNull(u.Mail), "userPrincipalName": u.UserPrincipalName, "userType": u.UserType,
		"otherMails": orEmpty(u.OtherMails), "proxyAddresses": orEmpty(u.ProxyAddresses), "externalUserState": orNull(u.ExternalUserState),
		"externalUserStateChangeDateTime": nil, "creationType": orNull(u.CreationType), "accountEnabled": *u.AccountEnabled, "businessPhones": []string{}}
	if !u.changed.IsZero() {
		o["externalUserStateChangeDateTime"] = u.changed.UTC().Format(time.RFC3339)
	}
	for _, k := range []string{"givenName", "jobTitle", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "companyName", "department", "usageLocation"} {
		o[k] = nil
	}
	return o
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty(s []string) []string { return append([]string{}, s...) }

// guestPrincipal is the principal name of a guest: always below the initial domain (source: page "Properties of a B2B
// guest user").
func guestPrincipal(address, initial string) string {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address + "#EXT#@" + initial
	}
	return address[:i] + "_" + address[i+1:] + "#EXT#@" + initial
}

// keys are what u is found by. Addresses and names compare without case; the prefix of a proxy address keeps it, since
// nobody documents that SMTP: finds smtp:.
func (u *user) keys() []string {
	keys := map[string]bool{}
	add := func(kind, value string) {
		if value != "" {
			keys[kind+" "+strings.ToLower(value)] = true
		}
	}
	add("mail", u.Mail)
	add("userPrincipalName", u.UserPrincipalName)
	if before, _, isGuest := strings.Cut(u.UserPrincipalName, "#EXT#@"); isGuest {
		add("guest", before)
	}
	for _, o := range u.OtherMails {
		add("otherMails", o)
	}
	for _, p := range u.ProxyAddresses {
		prefix, address, _ := strings.Cut(p, ":")
		add("proxyAddresses "+prefix, address)
	}
	return slices.Sorted(maps.Keys(keys))
}

// find returns the users that a term finds, lagging ones too; not served is an error.
func (d *tenant) find(t term) ([]*user, error) {
	v := t.values[0]
	switch {
	case t.op == "eq" && (t.property == "mail" || t.property == "userPrincipalName"), t.op == "any" && t.property == "otherMails":
		return d.index[t.property+" "+strings.ToLower(v)], nil
	case t.op == "any" && t.property == "proxyAddresses":
		prefix, address, _ := strings.Cut(v, ":")
		return d.index["proxyAddresses "+prefix+" "+strings.ToLower(address)], nil
	case t.op == "startswith" && (t.property == "mail" || t.property == "userPrincipalName"):
		return d.startingWith(t.property, strings.ToLower(v)), nil
	}
	return nil, fmt.Errorf("unsupported or invalid query filter clause specified for property '%s' of resource 'User'", t.property)
}

// startingWith finds users by the beginning of a property; that of a guest's principal name up to its mark is indexed.
func (d *tenant) startingWith(property, prefix string) []*user {
	if before, rest, isGuest := strings.Cut(prefix, "#ext#@"); isGuest && rest == "" && property == "userPrincipalName" {
		return d.index["guest "+before]
	}
	var hits []*user
	for _, u := range d.users {
		value := u.Mail
		if property == "userPrincipalName" {
			value = u.UserPrincipalName
		}
		if strings.HasPrefix(strings.ToLower(value), prefix) {
			hits = append(hits, u)
		}
	}
	return hits
}

// lookup returns the user with an object id or a principal name, if it is visible yet.
func (d *tenant) lookup(name string) *user {
	u := d.users[strings.ToLower(name)]
	if hits := d.index["userPrincipalName "+strings.ToLower(name)]; u == nil && len(hits) > 0 {
		u = hits[0]
	}
	if u == nil || d.timing.now().Before(u.visible) {
		return nil
	}
	return u
}

// listUsers is GET /users (source: page user-list). New users are not in it until they are replicated.
func (g *graph) listUsers(q *request) answer {
	if no, fine := q.options("$filter", "$select", "$top", "$skiptoken", "$count"); !fine {
		return no
	}
	hits := slices.Collect(maps.Values(g.users))
	if q.query.Has("$filter") {
		terms, no, fine := q.filter()
		if !fine {
			return no
		}
		hits = nil
		for _, t := range terms {
			found, err := g.find(t)
			if err != nil {
				return refuse(http.StatusBadRequest, badQuery, fmt.Sprintf("Unsupported or invalid query filter clause specified for property '%s' of resource 'User'.", t.property))
			}
			hits = append(hits, found...)
		}
	}
	ids := map[string]bool{}
	for _, u := range hits {
		if !g.timing.now().Before(u.visible) {
			ids[u.ID] = true
		}
	}
	return g.page(q, "users", slices.Sorted(maps.Keys(ids)), func(id string) object { return g.users[id].object() }, userDefaults)
}

// getUser is GET /users/{id | userPrincipalName}.
func (g *graph) getUser(q *request) answer {
	if no, fine := q.options("$select"); !fine {
		return no
	}
	u := g.lookup(q.segments[1])
	if u == nil {
		return missing(q.segments[1])
	}
	return g.one(q, "users", u.object(), userDefaults)
}

// deleteUser is DELETE /users/{id}: how an invitation is revoked (source: docs issue 5799).
func (g *graph) deleteUser(q *request) answer {
	u := g.lookup(q.segments[1])
	if u == nil {
		return missing(q.segments[1])
	}
	g.dropUser(u)
	return noContent
}
