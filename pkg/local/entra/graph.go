package entra

import (
	"fmt"
	"net/http"
	"slices"
)

// graph is what is served below /v1.0: the routes and their handlers.
type graph struct {
	*tenant
	url string // scheme, host and port that callers see
}

// route is one operation of Microsoft Graph. A segment in braces matches anything.
type route struct {
	method  string
	path    []string
	op      string // the operation that faults are aimed at
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
	opToken       = "token"
	opAny         = "*"
)

func routes() []route {
	return []route{
		{"POST", []string{"invitations"}, opInvite, (*graph).invite},
		{"GET", []string{"users"}, opLookup, (*graph).listUsers},
		{"GET", []string{"users", "{id}"}, opLookup, (*graph).getUser},
		{"DELETE", []string{"users", "{id}"}, opUser, (*graph).deleteUser},
		{"GET", []string{"users", "{id}", "appRoleAssignments"}, opAppRole, (*graph).listAssignments},
		{"POST", []string{"users", "{id}", "appRoleAssignments"}, opAppRole, (*graph).assignTo},
		{"GET", []string{"groups", "{id}"}, opGroup, (*graph).getGroup},
		{"PATCH", []string{"groups", "{id}"}, opMember, (*graph).patchGroup},
		{"GET", []string{"groups", "{id}", "members"}, opMember, (*graph).listMembers},
		{"POST", []string{"groups", "{id}", "members", "$ref"}, opMember, (*graph).addMember},
		{"DELETE", []string{"groups", "{id}", "members", "{id}", "$ref"}, opMember, (*graph).removeMember},
		{"GET", []string{"servicePrincipals", "{id}"}, opApplication, (*graph).getApp},
		{"GET", []string{"servicePrincipals", "{id}", "appRoleAssignedTo"}, opAppRole, (*graph).listAssigned},
		{"POST", []string{"servicePrincipals", "{id}", "appRoleAssignedTo"}, opAppRole, (*graph).assign},
	}
}

// matches reports whether the path fits.
func (r route) matches(segments []string) bool {
	return slices.EqualFunc(r.path, segments, func(want, got string) bool { return want == got || want == "{id}" && got != "" })
}

// pick returns the route of q. GET /invitations is 404 (source: msgraph-sdk-powershell issue 262), as are other methods on
// what is served; an unknown path is 400, as Microsoft Graph answers it.
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
		return route{}, refuse(http.StatusMethodNotAllowed, plainBad, "Specified HTTP method is not allowed for the request target."), false
	}
	return route{}, refuse(http.StatusBadRequest, plainBad, fmt.Sprintf("Resource not found for the segment '%s'.", q.segments[len(q.segments)-1])), false
}
