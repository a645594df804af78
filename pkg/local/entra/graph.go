package entra

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// graph is what is served below /v1.0: the routes and their handlers.
type graph struct {
	*tenant
	outgoing string // address of the mail server for sendMail; empty: nobody has a mailbox
	url      string // scheme, host and port that callers see
}

// route is one operation of Microsoft Graph. A segment in braces matches anything.
type route struct {
	method  string
	path    []string
	op      string   // the operation that faults are aimed at
	units   int      // its cost before modifiers, see [request.units]
	options []string // the query options it takes
	needs   need
	handler func(*graph, *request) answer
}

// name is how a route is counted.
func (r route) name() string {
	s := r.method + " "
	for _, p := range r.path {
		s += "/" + p
	}
	return s
}

// The operations that a fault can be aimed at; all of them are "*".
const (
	opInvite      = "invite"
	opLookup      = "lookup"
	opUser        = "user"
	opGroup       = "group"
	opMember      = "member"
	opApplication = "application"
	opAppRole     = "approle"
	opTenant      = "tenant"
	opMail        = "mail"
	opToken       = "token"
	opAny         = "*"
)

// The query options that pages name for single objects, for lists, and for lists with filters. Others are refused, even
// where the real service would take or ignore them: the emulator must not act as if it had honoured them.
var (
	none    []string
	single  = []string{"$select"}
	listing = []string{"$select", "$top", "$skiptoken", "$count"}
	asking  = []string{"$select", "$top", "$skiptoken", "$count", "$filter"}
)

// routes lists what is served (source: the page of each method). Costs: page throttling-limits, table of resource units.
func routes() []route {
	return []route{
		{"POST", []string{"invitations"}, opInvite, 1, none, toInvite, (*graph).invite},
		{"GET", []string{"users"}, opLookup, 2, asking, toReadUsers, (*graph).listUsers},
		{"GET", []string{"users", "{id}"}, opLookup, 1, single, toReadUsers, (*graph).getUser},
		{"DELETE", []string{"users", "{id}"}, opUser, 1, none, toDeleteUsers, (*graph).deleteUser},
		{"GET", []string{"users", "{id}", "appRoleAssignments"}, opAppRole, 1, listing, toReadRoles, (*graph).listAssignments},
		{"POST", []string{"users", "{id}", "appRoleAssignments"}, opAppRole, 1, none, toAssign, (*graph).assignTo},
		{"POST", []string{"users", "{id}", "sendMail"}, opMail, 1, none, toSendMail, (*graph).sendMail},
		{"GET", []string{"groups"}, opGroup, 1, asking, toReadGroups, (*graph).listGroups},
		{"GET", []string{"groups", "{id}"}, opGroup, 1, single, toReadGroups, (*graph).getGroup},
		{"PATCH", []string{"groups", "{id}"}, opMember, 1, none, toWriteMembers, (*graph).patchGroup},
		{"GET", []string{"groups", "{id}", "members"}, opMember, 3, asking, toReadGroups, (*graph).listMembers},
		{"POST", []string{"groups", "{id}", "members", "$ref"}, opMember, 1, none, toWriteMembers, (*graph).addMember},
		{"DELETE", []string{"groups", "{id}", "members", "{id}", "$ref"}, opMember, 1, none, toWriteMembers, (*graph).removeMember},
		{"GET", []string{"servicePrincipals"}, opApplication, 1, asking, toReadApps, (*graph).listApps},
		{"GET", []string{"servicePrincipals", "{id}"}, opApplication, 1, single, toReadApps, (*graph).getApp},
		{"GET", []string{"servicePrincipals", "{id}", "appRoleAssignedTo"}, opAppRole, 1, listing, toReadRoles, (*graph).listAssigned},
		{"POST", []string{"servicePrincipals", "{id}", "appRoleAssignedTo"}, opAppRole, 1, none, toAssign, (*graph).assign},
		{"DELETE", []string{"servicePrincipals", "{id}", "appRoleAssignedTo", "{id}"}, opAppRole, 1, none, toAssign, (*graph).unassign},
		{"GET", []string{"organization"}, opTenant, 1, single, toReadTenant, (*graph).getOrganization},
		{"GET", []string{"policies", "authorizationPolicy"}, opTenant, 1, single, toReadPolicy, (*graph).getPolicy},
		{"GET", []string{"directory", "deletedItems", "microsoft.graph.user"}, opUser, 1, listing, toReadUsers, (*graph).listDeleted},
		{"GET", []string{"directory", "deletedItems", "{id}"}, opUser, 1, single, toReadUsers, (*graph).getDeleted},
		{"POST", []string{"directory", "deletedItems", "{id}", "restore"}, opUser, 1, none, toDeleteUsers, (*graph).restore},
	}
}

// bodiless reports whether a POST on the route has no body (source: page directory-deleteditems-restore).
func (r route) bodiless() bool { return r.path[len(r.path)-1] == "restore" }

// matches reports whether the path fits, in any case (source: what CLI for Microsoft 365 asks for).
func (r route) matches(segments []string) bool {
	return slices.EqualFunc(r.path, segments, func(want, got string) bool { return strings.EqualFold(want, got) || want == "{id}" && got != "" })
}

// pick returns the route of q. GET /invitations is 404 (source: msgraph-sdk-powershell issue 262), as are other methods on
// what is served (source: concept page json-batching, which shows one); an unknown path is 400, as Microsoft Graph answers it.
func pick(all []route, q *request) (route, answer, bool) {
	known := false
	for _, r := range all {
		if r.matches(q.segments) {
			if r.method == q.Method {
				return r, answer{}, true
			}
			known = true
		}
	}
	switch {
	case known && q.Method == http.MethodGet:
		return route{}, refuse(http.StatusNotFound, "ResourceNotFound", fmt.Sprintf("GET is not served for '%s'.", q.segments[0])), false
	case known:
		return route{}, refuse(http.StatusMethodNotAllowed, codeBad, "Specified HTTP method is not allowed for the request target."), false
	}
	return route{}, refuse(http.StatusBadRequest, codePlainBad, fmt.Sprintf("Resource not found for the segment '%s'.", q.segments[len(q.segments)-1])), false
}
