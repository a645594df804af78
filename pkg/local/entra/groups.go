package entra

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBind is how many members one PATCH may add (source: page group-post-members).
const maxBind = 20

func (it *group) object() object {
	return object{"id": it.ID, "displayName": it.DisplayName, "mail": orNull(it.Mail), "proxyAddresses": orEmpty(it.ProxyAddresses), "groupTypes": orEmpty(it.GroupTypes), "mailEnabled": it.MailEnabled,
		"securityEnabled": *it.SecurityEnabled, "isAssignableToRole": orNone(it.IsAssignableToRole), "onPremisesSyncEnabled": orNone(it.OnPremisesSyncEnabled),
		"description": nil, "mailNickname": nil, "visibility": nil, "membershipRule": nil, "createdDateTime": nil, "deletedDateTime": nil}
}

// orNone writes false as null, as the directory does for these two.
func orNone(b bool) any {
	if !b {
		return nil
	}
	return true
}

// group returns the group of the path, or the refusal.
func (g *graph) group(q *request) (*group, answer, bool) {
	id := strings.ToLower(q.segments[1])
	if !guidShape.MatchString(id) {
		return nil, refuse(http.StatusBadRequest, codeBad, "Invalid object identifier '"+q.segments[1]+"'."), false
	}
	it := g.groups[id]
	if it == nil {
		return nil, missing(q.segments[1]), false
	}
	return it, answer{}, true
}

// listGroups is GET /groups (source: page group-list).
func (g *graph) listGroups(q *request) answer {
	return g.list(q, "groups", groupFilters, slices.Collect(maps.Keys(g.groups)), nil, func(id string) object { return g.groups[id].object() }, nil)
}

// getGroup is GET /groups/{id}.
func (g *graph) getGroup(q *request) answer {
	it, no, fine := g.group(q)
	if !fine {
		return no
	}
	return g.one(q, "groups", it.object(), nil)
}

// listMembers is GET /groups/{id}/members. A filter is an advanced query, which needs ConsistencyLevel and $count
// (source: page group-list-members); it reads an index that lags behind. Only filters on id are served.
func (g *graph) listMembers(q *request) answer {
	it, no, fine := g.group(q)
	if !fine {
		return no
	}
	render := func(id string) object {
		o := g.users[id].object()
		o["@odata.type"] = "#microsoft.graph.user"
		return o
	}
	if !q.query.Has("$filter") {
		return g.page(q, "directoryObjects", slices.Sorted(maps.Keys(it.members)), render, userDefaults)
	}
	if !q.advanced() { // source: docs-contrib issue 8757
		return refuse(http.StatusBadRequest, codeQuery, "The specified filter to the reference property query is currently not supported.")
	}
	asked := slices.Collect(maps.Keys(it.members))
	if c, err := parseFilter(q.query.Get("$filter")); err == nil {
		if few, only := c.ids(); only {
			asked = slices.Compact(slices.Sorted(slices.Values(few)))
		}
	}
	ids := slices.DeleteFunc(asked, func(id string) bool {
		since, is := it.members[id]
		return !is || g.timing.now().Before(since)
	})
	return g.list(q, "directoryObjects", memberFilters, ids, g.userProperty, render, userDefaults)
}

// writable refuses groups whose members cannot be changed by this identity.
func (it *group) writable(q *request) (answer, bool) {
	switch {
	case slices.Contains(it.GroupTypes, "DynamicMembership"):
		return say(insufficient), false // source: troubleshooting article of 2025-04-21
	case it.IsAssignableToRole && !toWriteRoles.granted(q.roles):
		return say(insufficient), false // source: page group-post-members
	case it.OnPremisesSyncEnabled:
		return say(syncedGroup), false
	case it.MailEnabled && !slices.Contains(it.GroupTypes, "Unified"):
		return say(mailEnabled), false
	}
	return answer{}, true
}

// admit checks that a user may be added; it adds nobody.
func (g *graph) admit(it *group, id string) (answer, bool) {
	u := g.lookup(id)
	switch {
	case u == nil: // not there, or not replicated yet
		return missing(id), false
	case it.RefusesGuests && u.UserType == "Guest":
		return say(guestsKeptOut), false
	}
	if _, is := it.members[u.ID]; is {
		return say(alreadyMember), false
	}
	return answer{}, true
}

// reference returns the id in a link to an object; any host will do.
func reference(link string) (string, answer, bool) {
	u, err := url.Parse(link)
	if err == nil {
		parts := strings.Split(strings.Trim(u.Path, "/"), "/")
		if n := len(parts); n >= 2 && (parts[n-2] == "directoryObjects" || parts[n-2] == "users") && guidShape.MatchString(strings.ToLower(parts[n-1])) {
			return strings.ToLower(parts[n-1]), answer{}, true
		}
	}
	return "", say(badReference), false
}

// addMember is POST /groups/{id}/members/$ref (source: page group-post-members).
func (g *graph) addMember(q *request) answer {
	var in struct {
		Type string `json:"@odata.type,omitempty"`
		ID   string `json:"@odata.id"`
	}
	if no, fine := q.decode(&in); !fine {
		return no
	}
	return g.add(q, []string{in.ID})
}

// patchGroup is PATCH /groups/{id} with members@odata.bind: up to twenty, all or none (source: page group-post-members).
// It counts as one write; one third party has it that it costs a third of a write for each member.
func (g *graph) patchGroup(q *request) answer {
	var in struct {
		Type    string   `json:"@odata.type,omitempty"`
		Members []string `json:"members@odata.bind"`
	}
	if no, fine := q.decode(&in); !fine {
		return no
	}
	if n := len(in.Members); n == 0 || n > maxBind {
		return say(tooManyReferences)
	}
	return g.add(q, in.Members)
}

// add adds all members that the links name, or none.
func (g *graph) add(q *request, links []string) answer {
	it, no, fine := g.group(q)
	if !fine {
		return no
	}
	if no, fine = it.writable(q); !fine {
		return no
	}
	ids := map[string]bool{}
	for _, link := range links {
		id, no, fine := reference(link)
		if !fine {
			return no
		}
		if no, fine = g.admit(it, id); !fine {
			return no
		}
		ids[id] = true
	}
	if n := len(it.members) + len(ids); it.MaxMembers > 0 && n > it.MaxMembers {
		return say(memberQuota, "{n}", n, "{max}", it.MaxMembers)
	}
	for id := range ids {
		it.members[id] = g.timing.list(it.ID + id)
	}
	return noContent
}

// removeMember is DELETE /groups/{id}/members/{uid}/$ref (source: page group-delete-members).
func (g *graph) removeMember(q *request) answer {
	it, no, fine := g.group(q)
	if !fine {
		return no
	}
	if no, fine = it.writable(q); !fine {
		return no
	}
	id := strings.ToLower(q.segments[3])
	if _, is := it.members[id]; !is {
		return missing(q.segments[3])
	}
	delete(it.members, id)
	return noContent
}
