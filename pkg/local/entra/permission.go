package entra

import (
	"net/http"
	"slices"
	"strings"
)

// Identity is an application or managed identity that asks for tokens, and the application permissions of Microsoft Graph
// that it has been granted. An identity that the seed does not list has all that this package knows but
// RoleManagement.ReadWrite.Directory.
type Identity struct {
	ClientID    string   `json:"clientId"`
	Permissions []string `json:"permissions"`
}

// need is what a request takes: one permission of each list. A token carries those its identity had when it was issued,
// so a change shows with the next token (source: page access-tokens, claim roles).
type need [][]string

// Least and higher permissions (source: the page of each method, section Permissions).
var (
	toInvite       = need{{"User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}}
	toReadUsers    = need{{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}}
	toDeleteUsers  = need{{"User.DeleteRestore.All", "User.ReadWrite.All"}}
	toReset        = need{{"User.Invite.All"}, {"User.ReadWrite.All", "Directory.ReadWrite.All"}}
	toReadGroups   = need{{"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}}
	toWriteMembers = need{{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}}
	toWriteRoles   = need{{"RoleManagement.ReadWrite.Directory"}}
	toReadApps     = need{{"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}}
	toReadRoles    = need{{"AppRoleAssignment.ReadWrite.All", "Application.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}}
	toAssign       = need{{"AppRoleAssignment.ReadWrite.All"}, toReadApps[0]}
	toReadTenant   = need{{"Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}}
	toSendMail     = need{{"Mail.Send"}}
	toReadPolicy   = need{{"Policy.Read.All", "Policy.ReadWrite.Authorization"}}
)

// everyPermission is what identities have that the seed does not list.
func everyPermission() []string {
	var all []string
	for _, n := range []need{toInvite, toReadUsers, toDeleteUsers, toReset, toReadGroups, toWriteMembers, toReadApps, toReadRoles, toAssign, toReadTenant, toSendMail, toReadPolicy} {
		all = append(all, slices.Concat(n...)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// granted reports whether the permissions satisfy n.
func (n need) granted(permissions []string) bool {
	for _, either := range n {
		if !slices.ContainsFunc(either, func(p string) bool { return slices.Contains(permissions, p) }) {
			return false
		}
	}
	return true
}

// permit refuses a request whose token lacks a permission. A service principal that has none at all was seen to be
// answered 401 on invitations (source: reports on service principals that only hold directory roles).
func permit(r route, q *request) (answer, bool) {
	switch {
	case r.needs.granted(q.roles):
		return answer{}, true
	case len(q.roles) == 0 && r.op == opInvite && r.method == http.MethodPost:
		return say(noPermission), false
	}
	return say(insufficient), false
}

// permissions returns those of an identity.
func (d *tenant) permissions(clientID string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if it, listed := d.identities[strings.ToLower(clientID)]; listed {
		return it.Permissions
	}
	return everyPermission()
}
