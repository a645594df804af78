package entra_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guestlist/pkg/local/entra"
)

func TestGroupsAndApplicationsAreFoundByName(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups = append(s.Groups, entra.Group{ID: absentID, DisplayName: "Partners' board", GroupTypes: []string{"Unified"}, MailEnabled: true})
	c := serve(t, entra.Config{Seed: s})
	for filter, want := range map[string][]string{
		"displayName eq 'partners'":         {groupID},
		"displayName eq 'Partners'' board'": {absentID},
		"displayName eq 'nobody'":           {},
		"startswith(displayName,'Partn')":   {groupID, absentID},
		"displayName in ('Partners','x')":   {groupID},
		"id eq '" + groupID + "'":           {groupID},
		"mailEnabled eq true":               {absentID},
		"groupTypes/any(c:c eq 'Unified')":  {absentID},
	} {
		r := c.do("GET", "/groups?$select=id&$filter="+url.QueryEscape(filter), "")
		if want != nil && !cmp.Equal(r.ids(), want) {
			t.Errorf("%s: %d %s", filter, r.status, r.raw)
		}
	}
	for filter, want := range map[string][]string{
		"appId eq '" + appID + "'":                             {spID},
		"appId eq '" + spID + "'":                              {},
		"displayName eq 'wiki'":                                {spID},
		"appId in ('" + appID + "','" + plainAppID + "')":      {spID, plainSPID},
		"displayName eq 'Shop' or startswith(displayName,'W')": {spID, plainSPID},
	} {
		if r := c.do("GET", "/servicePrincipals?$select=id&$filter="+url.QueryEscape(filter), ""); !cmp.Equal(r.ids(), want) {
			t.Errorf("%s: %d %s", filter, r.status, r.raw)
		}
	}
	const path = "/groups?$count=true&$filter="
	ne := url.QueryEscape("displayName ne 'Partners'")
	c.do("GET", path+ne, "").want(t, 400, "Request_UnsupportedQuery", "Operator 'ne' is not supported because the required parameters might be missing. "+
		"Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information")
	if r := c.do("GET", path+ne, "", "ConsistencyLevel", "eventual"); !cmp.Equal(r.ids(), []string{absentID}) {
		t.Errorf("advanced: %d %s", r.status, r.raw)
	}
	c.do("GET", path+url.QueryEscape("createdDateTime eq 'x'"), "").want(t, 400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property 'createdDateTime' of resource 'Group'.")
}

func TestGuestsAreFoundByTheirInvitationsStatePageByPage(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	var want []string
	for i := range 5 {
		want = append(want, c.invite(fmt.Sprintf("g%d@partner.example", i)).text("invitedUser", "id"))
	}
	slices.Sort(want)
	path := "/users?$count=true&$top=2&$select=id,externalUserState,externalUserStateChangeDateTime&$filter=" + url.QueryEscape("externalUserState eq 'PendingAcceptance'")
	c.do("GET", path, "").want(t, 400, "Request_UnsupportedQuery", "")
	var got []string
	next := path
	for range 4 {
		r := c.do("GET", next, "", "ConsistencyLevel", "eventual")
		if n, _ := r.at("@odata.count").(float64); r.status != 200 || n != 5 || r.at("value").([]any)[0].(map[string]any)["externalUserStateChangeDateTime"] == nil {
			t.Fatalf("page: %d %s", r.status, r.raw)
		}
		got = append(got, r.ids()...)
		if next = r.text("@odata.nextLink"); next == "" {
			break
		}
		c.do("GET", next, "").want(t, 400, "Request_UnsupportedQuery", "") // every page needs the header
	}
	if !cmp.Equal(got, want) || next != "" {
		t.Errorf("pages gave %v, want %v", got, want)
	}
	for filter, want := range map[string]int{"externalUserState ne 'PendingAcceptance'": 3, "not (externalUserState eq 'Accepted')": 7, "externalUserState in ('Accepted')": 1} {
		r := c.do("GET", "/users?$count=true&$select=id&$filter="+url.QueryEscape(filter), "", "ConsistencyLevel", "eventual")
		if len(r.ids()) != want {
			t.Errorf("%s: %d of %d, %s", filter, len(r.ids()), want, r.raw)
		}
	}
	c.set(`{"stateFilter":"default"}`)
	if r := c.do("GET", path, ""); len(r.ids()) != 2 {
		t.Errorf("by default: %d %s", r.status, r.raw)
	}
}

func TestAssignmentsAreTakenBackAndListed(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	id := c.assign(spID, guestID, roleID).text("id")
	path := "/servicePrincipals/" + spID + "/appRoleAssignedTo"
	c.do("DELETE", path+"/"+id, "").want(t, 204, "", "")
	c.do("DELETE", path+"/"+id, "").want(t, 404, "Request_ResourceNotFound", notThere(id))
	if got := c.do("GET", path, "").ids(); len(got) != 0 {
		t.Errorf("left %v", got)
	}
	c.assign(spID, guestID, roleID).want(t, 201, "", "")
}

func TestAPrincipalHasNoMoreThanFifteenHundredAssignments(t *testing.T) {
	t.Parallel()
	s := seed()
	var roles []entra.AppRole
	var given []entra.Assignment
	for i := range 1500 {
		id := fmt.Sprintf("77777777-7777-4777-8777-%012d", i)
		roles = append(roles, entra.AppRole{ID: id, Value: fmt.Sprint(i)})
		given = append(given, entra.Assignment{PrincipalID: guestID, AppRoleID: id})
	}
	s.Applications = append(s.Applications, entra.Application{AppID: absentID, DisplayName: "Many", AppRoles: roles, Assignments: given})
	c := serve(t, entra.Config{Seed: s})
	c.assign(plainSPID, guestID, zeroRole).want(t, 403, "Directory_QuotaExceeded", "")
	c.assign(plainSPID, memberID, zeroRole).want(t, 201, "", "")
}

func TestDeletedUsersWaitInTheRecycleBin(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := seed()
	s.DeletedUsers = []entra.User{{ID: absentID, Mail: address, UserType: "Guest"}}
	c := serve(t, entra.Config{Seed: s, Now: now.Now, TokenLife: 1000 * 3600e9})
	c.do("GET", "/users/"+absentID, "").want(t, 404, "", notThere(absentID))
	if got := c.find("mail eq '" + address + "'"); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	if r := c.do("GET", "/directory/deletedItems/"+absentID+"?$select=id,mail,deletedDateTime", ""); r.text("mail") != address || r.text("deletedDateTime") == "" {
		t.Errorf("deleted item: %s", r.raw)
	}
	c.do("DELETE", "/users/"+guestID, "").want(t, 204, "", "")
	if got := c.do("GET", "/directory/deletedItems/microsoft.graph.user?$select=id", "").ids(); !cmp.Equal(got, []string{guestID, absentID}) {
		t.Errorf("recycle bin %v", got)
	}
	c.do("POST", "/directory/deletedItems/"+guestID+"/restore", "").want(t, 200, "", "")
	if got := c.find("mail eq 'gus@partner.example'"); !cmp.Equal(got, []string{guestID}) {
		t.Errorf("restored: %v", got)
	}

	fresh := c.invite(address) // a new guest, and the old one can no longer be restored
	fresh.want(t, 201, "", "")
	if id := fresh.text("invitedUser", "id"); id == absentID {
		t.Error("the invitation restored the deleted guest")
	}
	c.do("POST", "/directory/deletedItems/"+absentID+"/restore", "").want(t, 400, "Request_BadRequest", "")
	now.advance(30 * 24 * 3600e9)
	c.do("GET", "/directory/deletedItems/"+absentID, "").want(t, 404, "", notThere(absentID))
}

func TestAGroupTakesSoManyMembers(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].MaxMembers = 2
	c := serve(t, entra.Config{Seed: s})
	c.addMember(groupID, memberID).want(t, 204, "", "")
	c.patch(guestID, disabledID).want(t, 403, "Directory_QuotaExceeded", "Unable to perform operation as '3' would exceed the maximum quota count '2' for forward-link 'members'.")
	if got := c.members(); !cmp.Equal(got, []string{memberID}) {
		t.Errorf("members %v", got)
	}
	c.addMember(groupID, guestID).want(t, 204, "", "")
}

func TestAddressesOfGroupsAndContactsCollide(t *testing.T) {
	t.Parallel()
	s := seed()
	s.Groups[0].ProxyAddresses = []string{"smtp:list@partner.example"}
	s.Contacts = []entra.Contact{{DisplayName: "Cora", Mail: "Cora@partner.example"}}
	s.Users[0].ProxyAddresses = []string{"SMTP:mia@contoso.example", "smtp:mia@partner.example"}
	c := serve(t, entra.Config{Seed: s})
	c.invite("list@partner.example").want(t, 400, "BadRequest", "Group email address is not supported")
	c.invite("mia@partner.example").want(t, 400, "BadRequest", "The invited user already exists in the directory as objectID: "+memberID+". They can use that account to sign in to shared apps and resources.")
	id := c.invite("cora@partner.example").text("invitedUser", "id")
	r := c.do("GET", "/users/"+id+"?$select=mail,proxyAddresses", "")
	if list, _ := r.at("proxyAddresses").([]any); r.text("mail") != "cora@partner.example" || len(list) != 0 {
		t.Errorf("the guest beside a contact: %s", r.raw)
	}
}

func TestNamesAreExactAndOptionsComeOnce(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.do("POST", "/invitations", `{"InvitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`"}`).want(t, 400, "BadRequest", `unknown field "InvitedUserEmailAddress"`)
	c.do("POST", "/invitations", `{"invitedUserEmailAddress":"`+address+`","inviteRedirectUrl":"`+redirect+`","invitedUserMessageInfo":{"ccRecipients":[{"emailaddress":{}}]}}`).
		want(t, 400, "BadRequest", `unknown field "emailaddress"`)
	c.do("GET", "/users?$top=1&$top=2", "").want(t, 400, "BadRequest", "")
	c.do("GET", "/users?$search=x", "").want(t, 400, "Request_UnsupportedQuery", "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	c.do("DELETE", "/users/"+guestID+"?$select=id", "").want(t, 400, "Request_UnsupportedQuery", "")
	c.do("POST", "/groups/"+groupID+"/members/$ref?$select=id", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+guestID+`"}`).want(t, 400, "Request_UnsupportedQuery", "")
	if got := len(c.s.State().Users); got != 3 {
		t.Errorf("%d users", got)
	}
}

func TestPathsAndSelectedNamesComeInAnyCase(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	c.do("GET", "/Groups/"+groupID+"/Members", "").want(t, 200, "", "")
	if got := c.do("GET", "/users/"+guestID+"?$select=Id,MAIL", ""); got.text("id") != guestID || got.text("mail") != "gus@partner.example" {
		t.Errorf("selected: %s", got.raw)
	}
}

func TestMetadataIsLeftOutWhenNoneIsAccepted(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	for _, path := range []string{"/users?$top=1", "/groups/" + groupID} {
		r := c.do("GET", path, "", "Accept", "application/json;odata.metadata=none")
		if _, is := r.json["@odata.context"]; is || r.status != 200 {
			t.Errorf("%s: %s", path, r.raw)
		}
	}
	if r := c.do("GET", "/users?$top=1", "", "Accept", "application/json;odata.metadata=none"); r.text("@odata.nextLink") == "" {
		t.Errorf("the link to the next page is left out: %s", r.raw)
	}
}

func TestLinksNameTheHostThatAProxySays(t *testing.T) {
	t.Parallel()
	c := serve(t, entra.Config{})
	next := c.do("GET", "/users?$top=1", "", "X-Forwarded-Host", "graph.microsoft.com").text("@odata.nextLink")
	if !strings.HasPrefix(next, "https://graph.microsoft.com/v1.0/users?") {
		t.Errorf("next page %q", next)
	}
	if own := c.do("GET", "/users?$top=1", "").text("@odata.nextLink"); !strings.HasPrefix(own, c.s.URL()+"/v1.0/users?") {
		t.Errorf("next page %q", own)
	}
}
