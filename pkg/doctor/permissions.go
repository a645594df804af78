package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// permission is one that Guestlist needs, and the trial that shows it.
type permission struct {
	name  string // of the application permission
	trial Trial
	need  string // what does not work without it
	// writes marks a trial on what cannot exist: its answer says that the identity was let through, and no more.
	writes bool
}

// permissions are the least that each operation takes, by the reference page of each (permissions sections of
// invitation-post, user-list, group-post-members, serviceprincipal-get, serviceprincipal-post-approleassignedto).
var permissions = []permission{
	{"User.Read.All", ReadUsers, "nobody can be looked up, so nobody is invited", false},
	{"User.Invite.All", Invite, "nobody can be invited", true},
	{"GroupMember.ReadWrite.All", ReadGroup, "groups cannot be checked before guests are added", false},
	{"GroupMember.ReadWrite.All", AddMember, "nobody can be added to a group", true},
	{"Application.Read.All", ReadApplication, "applications cannot be checked before guests are assigned", false},
	{"AppRoleAssignment.ReadWrite.All", AssignRole, "nobody can be assigned to an application", true},
}

func (p permission) check() string { return fmt.Sprintf("%s (%s)", p.name, p.trial) }

// judge says what an answer to the trial means for the permission.
func (p permission) judge(a Answer, who Caller) Finding {
	f := Finding{Check: p.check(), Basis: Tried, Request: a.RequestID}
	switch {
	case a.refused() && !tenantWide(a):
		return p.missing(f, a, who)
	case a.worked() || !p.writes && a.Status == 404:
		f.State, f.Text = Good, "Microsoft Graph answered."
	case a.Status == 400, a.Status == 404, tenantWide(a):
		f.State, f.Basis = Good, Inferred
		f.Text = fmt.Sprintf("The identity was let through, and the request refused: %s.", said(a))
	default:
		f.State, f.Text, f.Next = Unsure, fmt.Sprintf("It cannot be told: %s.", said(a)), "Try again in a minute."
	}
	return f
}

// missing is the finding for an identity that was turned away. What its token says about the permission tells a grant that
// was never made from one that is on its way.
func (p permission) missing(f Finding, a Answer, who Caller) Finding {
	f.State = Bad
	f.Text = fmt.Sprintf("Microsoft Graph refused: %s. Without it %s.", said(a), p.need)
	switch {
	case a.Status == 401 && slices.Contains(who.Roles, p.name):
		f.Next = "The token was not accepted, whatever it carries. Does GRAPH_ENDPOINT belong to the cloud that issued it? Try again."
	case slices.Contains(who.Roles, p.name):
		f.Next = "The token carries the permission, so it is on its way: changes take up to an hour. Try again then."
	case who.Delegated:
		f.Next = "You are asking with your own permissions: run this as the Function App's identity, or sign in as somebody who may."
	default:
		f.Next = fmt.Sprintf("Grant the application permission %s to enterprise app object ID %s with admin consent; docs/first-tenant.md has the command.", p.name, who.ObjectID)
	}
	return f
}

// tenantWide reports whether an answer is about the tenant and not about the identity. The two texts are those of
// Microsoft's support pages.
func tenantWide(a Answer) bool {
	text := strings.ToLower(a.Message)
	return strings.Contains(text, "suspicious activity") || strings.Contains(text, "guest invitations not allowed")
}

func said(a Answer) string {
	text := strings.TrimSuffix(a.Message, ".")
	switch {
	case a.Status == 0:
		return "no answer, " + text
	case a.Code == "":
		return fmt.Sprintf("%d %s", a.Status, text)
	}
	return fmt.Sprintf("%d %s, %q", a.Status, a.Code, text)
}

// dangerous are permissions with which an identity can give itself any other, or change the directory at large. Each one
// that Guestlist does not need is worth a word.
var dangerous = map[string]string{
	"AppRoleAssignment.ReadWrite.All":    "with it the identity can grant itself any permission. Where groups can be assigned to applications instead, take it away and set APP_ASSIGNMENT=off",
	"RoleManagement.ReadWrite.Directory": "with it the identity can make itself an administrator. Guestlist never needs it",
	"Application.ReadWrite.All":          "with it the identity can act as any application. Guestlist needs Application.Read.All only",
	"Directory.ReadWrite.All":            "Guestlist needs none of it beyond the permissions above",
	"User.ReadWrite.All":                 "Guestlist needs User.Read.All and User.Invite.All only",
	"Group.ReadWrite.All":                "Guestlist needs GroupMember.ReadWrite.All only",
}

// excess names what the token carries and Guestlist does not need.
func excess(who Caller) (found []Finding) {
	for _, role := range who.Roles {
		if why, ok := dangerous[role]; ok {
			found = append(found, Finding{Check: role, State: Unsure, Basis: Read, Text: "The token carries it: " + why + "."})
		}
	}
	return found
}
