package entra

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// defaultRole may be assigned where an application declares no roles (source: resource page appRoleAssignment).
const defaultRole = "00000000-0000-0000-0000-000000000000"

// grant is an app role assignment.
type grant struct {
	ID              string
	PrincipalID     string
	PrincipalName   string
	PrincipalType   string // User, Group
	AppRoleID       string
	ResourceID      string
	ResourceName    string
	CreatedDateTime time.Time
}

// principal is who can be given an app role.
type principal struct {
	id, name, kind string
	visible, from  time.Time // is there, and takes app roles, from then on
}

func (d *tenant) principal(id string) (principal, bool) {
	if u := d.users[id]; u != nil {
		return principal{id, u.DisplayName, "User", u.visible, u.assignable}, true
	}
	if g := d.groups[id]; g != nil {
		return principal{id: id, name: g.DisplayName, kind: "Group"}, true
	}
	return principal{}, false
}

func newGrant(a *app, p principal, role string, now time.Time) grant {
	return grant{ID: guid("assignment", a.ID, p.id, role), PrincipalID: p.id, PrincipalName: p.name, PrincipalType: p.kind, AppRoleID: role,
		ResourceID: a.ID, ResourceName: a.DisplayName, CreatedDateTime: now}
}

func (g grant) object() object {
	return object{"id": g.ID, "principalId": g.PrincipalID, "principalDisplayName": g.PrincipalName, "principalType": g.PrincipalType, "appRoleId": g.AppRoleID,
		"resourceId": g.ResourceID, "resourceDisplayName": g.ResourceName, "createdDateTime": g.CreatedDateTime.UTC().Format(time.RFC3339), "deletedDateTime": nil}
}

// assignments lists the grants as a seed does, in a stable order.
func (a *app) assignments() []Assignment {
	var list []Assignment
	for _, id := range slices.Sorted(maps.Keys(a.grants)) {
		list = append(list, Assignment{PrincipalID: a.grants[id].PrincipalID, AppRoleID: a.grants[id].AppRoleID})
	}
	return list
}

func (a *app) object() object {
	roles := []object{}
	for _, r := range a.AppRoles {
		roles = append(roles, object{"id": r.ID, "value": orNull(r.Value), "displayName": r.DisplayName, "description": orNull(r.DisplayName),
			"isEnabled": *r.IsEnabled, "allowedMemberTypes": orEmpty(r.AllowedMemberTypes), "origin": "Application"})
	}
	return object{"id": a.ID, "appId": a.AppID, "displayName": a.DisplayName, "appDisplayName": a.DisplayName, "appOwnerOrganizationId": a.AppOwnerOrganizationID,
		"appRoleAssignmentRequired": a.AppRoleAssignmentRequired, "appRoles": roles, "accountEnabled": true, "servicePrincipalType": "Application", "homepage": orNull(a.Homepage), "tags": []string{}}
}

// servicePrincipal returns the service principal of the path, by object id or as (appId='…'), or the refusal.
func (g *graph) servicePrincipal(q *request) (*app, answer, bool) {
	key := q.segments[1]
	if name, isKey := strings.CutPrefix(key, "(appId='"); isKey {
		name, closed := strings.CutSuffix(name, "')")
		if !closed {
			return nil, refuse(http.StatusBadRequest, codePlainBad, "The key of the service principal cannot be read."), false
		}
		a := g.appIDs[strings.ToLower(name)]
		return a, missing(name), a != nil
	}
	if !guidShape.MatchString(strings.ToLower(key)) {
		return nil, refuse(http.StatusBadRequest, codeBad, "Invalid object identifier '"+key+"'."), false
	}
	a := g.apps[strings.ToLower(key)]
	return a, missing(key), a != nil
}

// listApps is GET /servicePrincipals (source: page serviceprincipal-list).
func (g *graph) listApps(q *request) answer {
	return g.list(q, "servicePrincipals", appFilters, slices.Collect(maps.Keys(g.apps)), nil, func(id string) object { return g.apps[id].object() }, nil)
}

// getApp is GET /servicePrincipals/{id}, also with (appId='…') (source: page serviceprincipal-get).
func (g *graph) getApp(q *request) answer {
	a, no, fine := g.servicePrincipal(q)
	if !fine {
		return no
	}
	return g.one(q, "servicePrincipals", a.object(), nil)
}

// listAssigned is GET /servicePrincipals/{id}/appRoleAssignedTo (source: page serviceprincipal-list-approleassignedto).
func (g *graph) listAssigned(q *request) answer {
	a, no, fine := g.servicePrincipal(q)
	if !fine {
		return no
	}
	return g.listGrants(q, "servicePrincipals('"+a.ID+"')/appRoleAssignedTo", slices.Collect(maps.Values(a.grants)))
}

// listAssignments is GET /users/{id}/appRoleAssignments (source: page user-list-approleassignments).
func (g *graph) listAssignments(q *request) answer {
	u := g.lookup(q.segments[1])
	if u == nil {
		return missing(q.segments[1])
	}
	var grants []grant
	for _, a := range g.apps {
		for _, it := range a.grants {
			if it.PrincipalID == u.ID {
				grants = append(grants, it)
			}
		}
	}
	return g.listGrants(q, "users('"+u.ID+"')/appRoleAssignments", grants)
}

func (g *graph) listGrants(q *request, kind string, grants []grant) answer {
	byID := map[string]grant{}
	var ids []string
	for _, it := range grants {
		byID[it.ID] = it
		ids = append(ids, it.ID)
	}
	slices.Sort(ids)
	return g.page(q, kind, ids, func(id string) object { return byID[id].object() }, nil)
}

// assignment is the body that assigns an app role.
type assignment struct {
	Type      string `json:"@odata.type,omitempty"`
	Principal string `json:"principalId"`
	Resource  string `json:"resourceId"`
	Role      string `json:"appRoleId"`
}

// assign is POST /servicePrincipals/{id}/appRoleAssignedTo (source: page serviceprincipal-post-approleassignedto).
// resourceId is the object id of that service principal, and never its appId.
func (g *graph) assign(q *request) answer {
	var in assignment
	if no, fine := q.decode(&in); !fine {
		return no
	}
	a, no, fine := g.servicePrincipal(q)
	if !fine {
		return no
	}
	if !strings.EqualFold(in.Resource, a.ID) {
		return say(notValidReference)
	}
	return g.grant(a, in)
}

// assignTo is POST /users/{id}/appRoleAssignments (source: page user-post-approleassignments).
func (g *graph) assignTo(q *request) answer {
	var in assignment
	if no, fine := q.decode(&in); !fine {
		return no
	}
	u, a := g.lookup(q.segments[1]), g.apps[strings.ToLower(in.Resource)]
	switch {
	case u == nil:
		return missing(q.segments[1])
	case a == nil || !strings.EqualFold(in.Principal, u.ID):
		return say(notValidReference)
	}
	return g.grant(a, in)
}

// grant gives an app role. A principal that is not replicated yet is first not there, then no valid reference (sources:
// the retries of terraform-provider-azuread on 404 and on that text; msgraph-sdk-dotnet issue 2508); wrong ids are no valid
// reference either.
func (g *graph) grant(a *app, in assignment) answer {
	p, known := g.principal(strings.ToLower(in.Principal))
	now, role := g.timing.now(), strings.ToLower(in.Role)
	switch {
	case known && now.Before(p.visible):
		return missing(in.Principal)
	case !known || now.Before(p.from):
		return say(notValidReference)
	case !a.offers(role):
		return say(unknownRole)
	}
	it := newGrant(a, p, role, now)
	if _, has := a.grants[it.ID]; has {
		return say(alreadyAssigned)
	}
	if g.assignmentsOf(p.id) >= maxAssignments {
		return say(assignmentQuota, "{max}", maxAssignments)
	}
	a.give(it)
	body := it.object()
	body["@odata.context"] = g.url + "/v1.0/$metadata#appRoleAssignments/$entity"
	return answer{status: http.StatusCreated, body: body}
}

// maxAssignments is how many app roles a principal may have (source: include entra-service-limits of 2025-08-22).
const maxAssignments = 1500

func (d *tenant) assignmentsOf(principal string) int {
	n := 0
	for _, a := range d.apps {
		n += a.held[principal]
	}
	return n
}

// unassign is DELETE /servicePrincipals/{id}/appRoleAssignedTo/{assignment} (source: page
// serviceprincipal-delete-approleassignedto).
func (g *graph) unassign(q *request) answer {
	a, no, fine := g.servicePrincipal(q)
	if !fine {
		return no
	}
	id := strings.ToLower(q.segments[3])
	it, has := a.grants[id]
	if !has {
		return missing(q.segments[3])
	}
	a.take(it)
	return noContent
}

// offers reports whether a role may be assigned; groups get what users get. That disabled roles and those for
// applications are refused with the same text as unknown ones was not seen.
func (a *app) offers(role string) bool {
	if role == defaultRole {
		return len(a.AppRoles) == 0
	}
	return slices.ContainsFunc(a.AppRoles, func(r AppRole) bool {
		return r.ID == role && *r.IsEnabled && slices.Contains(r.AllowedMemberTypes, "User")
	})
}
