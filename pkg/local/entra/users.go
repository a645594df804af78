package entra

import (
	"maps"
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
		"externalUserStateChangeDateTime": nil, "creationType": orNull(u.CreationType), "accountEnabled": *u.AccountEnabled, "businessPhones": []string{}, "deletedDateTime": nil}
	if !u.deleted.IsZero() {
		o["deletedDateTime"] = u.deleted.UTC().Format(time.RFC3339)
	}
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

// userProperty returns what a filter can ask for, without making the whole object.
func (d *tenant) userProperty(id, name string) any {
	u := d.users[id]
	switch name {
	case "id":
		return id
	case "mail":
		return orNull(u.Mail)
	case "userType":
		return u.UserType
	case "externalUserState":
		return orNull(u.ExternalUserState)
	case "proxyAddresses":
		return u.ProxyAddresses
	case "otherMails":
		return u.OtherMails
	}
	return u.object()[name]
}

// indexed returns the users that c can hold for, lagging ones too, if the index knows them: c must be comparisons by
// address, name or id, joined by or.
func (d *tenant) indexed(c condition) (users []*user, known bool) {
	if c.op == "or" {
		for _, p := range c.parts {
			found, known := d.indexed(p)
			if !known {
				return nil, false
			}
			users = append(users, found...)
		}
		return users, true
	}
	for _, v := range c.values {
		v := strings.ToLower(v.text)
		switch {
		case c.property == "id" && (c.op == "eq" || c.op == "in"):
			if u := d.users[v]; u != nil {
				users = append(users, u)
			}
		case c.op == "startswith" && c.property == "userPrincipalName" && strings.HasSuffix(v, "#ext#@"):
			users = append(users, d.index["guest "+strings.TrimSuffix(v, "#ext#@")]...)
		case (c.op == "eq" || c.op == "in") && (c.property == "mail" || c.property == "userPrincipalName"), c.op == "any" && c.property == "otherMails":
			users = append(users, d.index[c.property+" "+v]...)
		case c.op == "any" && c.property == "proxyAddresses":
			prefix, address, _ := strings.Cut(c.values[0].text, ":")
			users = append(users, d.index["proxyAddresses "+prefix+" "+strings.ToLower(address)]...)
		default:
			return nil, false
		}
	}
	return users, len(c.values) > 0
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
	filters := userFilters
	if g.settings.StateFilter == "default" {
		filters = maps.Clone(userFilters)
		filters["externalUserState"] = choice
	}
	q.foldsPrefix = g.settings.ProxyPrefixFolds
	candidates := maps.Values(g.users)
	if c, err := parseFilter(q.query.Get("$filter")); err == nil {
		if users, known := g.indexed(c); known && !q.foldsPrefix {
			candidates = slices.Values(users)
		}
	}
	ids := map[string]bool{}
	for u := range candidates {
		if !g.timing.now().Before(u.visible) {
			ids[u.ID] = true
		}
	}
	return g.list(q, "users", filters, slices.Collect(maps.Keys(ids)), g.userProperty, func(id string) object { return g.users[id].object() }, userDefaults)
}

// getUser is GET /users/{id | userPrincipalName}.
func (g *graph) getUser(q *request) answer {
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
