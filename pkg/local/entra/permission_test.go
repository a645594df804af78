package entra_test

import (
	"encoding/json"
	"testing"

	"guestlist/pkg/local/entra"
)

// as fetches a token for an identity that has just these permissions.
func (c *client) as(clientID string, permissions ...string) *client {
	c.t.Helper()
	b, _ := json.Marshal(entra.Identity{ClientID: clientID, Permissions: append([]string{}, permissions...)})
	c.control("POST", "/identities", string(b)).want(c.t, 204, "", "")
	return &client{t: c.t, s: c.s, token: c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=" + clientID)}
}

func TestEachRequestNeedsItsPermission(t *testing.T) {
	t.Parallel()
	const refused = "Insufficient privileges to complete the operation."
	all := map[string]func(c *client) response{
		"User.Invite.All":           func(c *client) response { return c.invite(address) },
		"User.Read.All":             func(c *client) response { return c.do("GET", "/users?$select=id", "") },
		"User.ReadWrite.All":        func(c *client) response { return c.do("DELETE", "/users/"+guestID, "") },
		"GroupMember.Read.All":      func(c *client) response { return c.do("GET", "/groups/"+groupID, "") },
		"GroupMember.ReadWrite.All": func(c *client) response { return c.addMember(groupID, memberID) },
		"Application.Read.All":      func(c *client) response { return c.do("GET", "/servicePrincipals/"+spID, "") },
		"Organization.Read.All":     func(c *client) response { return c.do("GET", "/organization", "") },
		"Policy.Read.All":           func(c *client) response { return c.do("GET", "/policies/authorizationPolicy", "") },
		"AppRoleAssignment.ReadWrite.All": func(c *client) response {
			return c.do("GET", "/servicePrincipals/"+spID+"/appRoleAssignedTo", "")
		},
	}
	base := serve(t, entra.Config{})
	for permission, ask := range all {
		if r := ask(base.as("with-"+permission, permission)); r.status >= 300 {
			t.Errorf("%s is not enough: %d %s", permission, r.status, r.raw)
		}
		ask(base.as("without-"+permission, unrelated(permission))).want(t, 403, "Authorization_RequestDenied", refused)
	}
}

// unrelated is a permission that does not help where the other one is needed.
func unrelated(permission string) string {
	if permission == "Policy.Read.All" {
		return "Organization.Read.All"
	}
	return "Policy.Read.All"
}

func TestAppRolesNeedTwoPermissions(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, one := range []string{"AppRoleAssignment.ReadWrite.All", "Application.Read.All"} {
		c.as("x", one).assign(spID, guestID, roleID).want(t, 403, "Authorization_RequestDenied", "")
	}
	c.as("x", "AppRoleAssignment.ReadWrite.All", "Application.Read.All").assign(spID, guestID, roleID).want(t, 201, "", "")
}

func TestRoleAssignableGroupsNeedOneMore(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].IsAssignableToRole = true
	s.Identities = []entra.Identity{{ClientID: "lead", Permissions: []string{"GroupMember.ReadWrite.All", "RoleManagement.ReadWrite.Directory"}}}
	c := serve(t, entra.Config{Seed: s})
	c.addMember(groupID, guestID).want(t, 403, "Authorization_RequestDenied", "")
	c.token = c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01&client_id=Lead")
	c.addMember(groupID, guestID).want(t, 204, "", "")
}

func TestPermissionsChangeWithTheNextToken(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	old := c.as("app", "User.Invite.All")
	young := c.as("app")
	old.invite(address).want(t, 201, "", "")
	young.invite(address).want(t, 401, "", "") // none at all
	young.do("GET", "/groups/"+groupID, "").want(t, 403, "Authorization_RequestDenied", "")
	for _, body := range []string{`{"permissions":[]}`, `{"clientId":"x","permissions":["Everything.All"]}`, `{"x":1}`} {
		c.control("POST", "/identities", body).want(t, 400, "", "")
	}
}

func TestResettingRedemptionNeedsMoreThanInviting(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	body := `{"invitedUserEmailAddress":"gus@partner.example","inviteRedirectUrl":"` + redirect + `","resetRedemption":true,"invitedUser":{"id":"` + guestID + `"}}`
	c.as("inviter", "User.Invite.All").do("POST", "/invitations", body).want(t, 403, "Forbidden", "Generic authorization exception.")
	c.as("inviter", "User.Invite.All", "User.ReadWrite.All").do("POST", "/invitations", body).want(t, 201, "", "")
}

func TestTokensCanBeEndedEarly(t *testing.T) {
	t.Parallel()
	now := newClock()
	c := serve(t, entra.Config{Now: now.Now})
	c.control("POST", "/tokens/revoke", "").want(t, 204, "", "")
	r := c.do("GET", "/groups/"+groupID, "")
	r.want(t, 401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
	if r.header.Get("WWW-Authenticate") == "" {
		t.Errorf("header %v", r.header)
	}
	now.advance(1)
	c.token = c.newToken("resource=https://graph.microsoft.com&api-version=2019-08-01")
	c.do("GET", "/groups/"+groupID, "").want(t, 200, "", "")
}
